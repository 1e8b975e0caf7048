"""The best few of many completions on the board, where a project asks for no more: its slots, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from django import forms
from django.utils.translation import ngettext

REST = ""  # of a completion's ranks the one that leaves it below


def slots(top_k: int, k: int, chosen: Iterable[str]) -> range:
    """Gives a slot for each of the best; and all, where more ranks are chosen already, as before it was asked."""
    further = {str(slot) for slot in range(top_k + 1, k + 1)}
    return range(1, (top_k if top_k and further.isdisjoint(chosen) else k) + 1)


def placed(top_k: int, ids: Sequence[str], value: Callable[[str], str]) -> Sequence[str]:
    """Lists the completions of which more is asked: those that are placed, or all where none may be left."""
    return [pk for pk in ids if value(f"rank-{pk}") != REST] if top_k else ids


def field(ranks: Sequence[int], top_k: int) -> forms.Field:
    choices = [(rank, rank) for rank in ranks]
    return forms.TypedChoiceField(choices=choices, coerce=int, required=not top_k)


def problem(top_k: int, k: int, n_placed: int) -> str:
    """Says how many are missing of the best; nothing where there are enough."""
    if n_placed >= top_k:
        return ""
    message = ngettext(
        "Rank the best %(best)d of %(all)d: %(placed)d has a place. What you chose is kept; the rest counts as below.",
        "Rank the best %(best)d of %(all)d: %(placed)d have a place. What you chose is kept; the rest counts as below.",
        n_placed,
    )
    return message % {"best": top_k, "all": k, "placed": n_placed}
