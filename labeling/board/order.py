"""Two completions on one scale, from 3 for the first to -3 for the second: order and strength in one answer, 0 a tie.

What is stored, and what the API takes, is an order and a strength from 1 to 3, as before there was the scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from labeling.answers.asks.asked import FURTHEST
from labeling.board.asks import Scale, Value, choice, of_two

FIELD = "order"


def scale(value: Value) -> Scale:
    return Scale(FIELD, _("Which is better"), _("Which is better"), of_two(FIELD, value), "A", "B")


def field() -> forms.Field:
    return choice(range(-FURTHEST, FURTHEST + 1))


def on_the_scale(sent: Mapping[str, Any], ids: Sequence[str]) -> Mapping[str, Any]:
    """Gives ranks and strength as one value: of a draft, and of a page from before there was the scale."""
    if FIELD in sent:
        return sent
    ranks = [str(sent.get(f"rank-{pk}") or "") for pk in ids]
    return {**dict(sent.items()), FIELD: _ahead(ranks, str(sent.get("strength") or ""))}


def _ahead(ranks: Sequence[str], strength: str) -> str:
    if "" in ranks or len(ranks) != 2:
        return ""
    if ranks[0] == ranks[1]:
        return "0"
    return strength and ("" if ranks[0] < ranks[1] else "-") + strength


def ranks_of(ahead: int, ids: Sequence[str]) -> dict[str, int]:
    ranks = (1, 1) if not ahead else (1, 2) if ahead > 0 else (2, 1)
    return dict(zip(ids, ranks, strict=True))


def draft(value: Value, ids: Sequence[str]) -> dict[str, Any]:
    """Gives it as a draft has it: ranks and strength."""
    said = value(FIELD)
    if said not in map(str, range(-FURTHEST, FURTHEST + 1)):
        return {"ranks": {}, "strength": None}
    return {"ranks": ranks_of(int(said), ids), "strength": abs(int(said)) or None}
