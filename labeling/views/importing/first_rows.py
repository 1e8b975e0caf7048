"""The first rows of a file as a labeler will see them, and the rankings that were read with them."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from formats.rows import Row
from labeling import content
from labeling.board.cards import Turn, dialogue
from labeling.data.importing.import_preview import First

CLIP = 2_000  # characters of a text
ORDERS, TURNS = 3, 20  # of a row


@dataclass(frozen=True)
class Shown:
    number: int
    id: str
    problem: str  # else what follows
    turns: Sequence[Turn]
    texts: Sequence[tuple[str, SafeString]]  # with their letters
    orders: Sequence[tuple[str, str]]  # who ranked, and the letters from the best on


def shown(first: First) -> Shown:
    """Renders a row; long texts are cut."""
    row = first.row
    if row is None:
        return Shown(first.number, "", first.problem, (), (), ())
    messages = [message for message in row.messages if message["content"]][-TURNS:]
    letters = string.ascii_uppercase
    return Shown(
        number=first.number,
        id=row.id,
        problem="",
        turns=dialogue([{**message, "content": _clipped(message["content"])} for message in messages]),
        texts=[(letters[at], content.render(_clipped(each.text))) for at, each in enumerate(row.completions)],
        orders=_orders(row) if len(row.completions) > 1 else (),
    )


def _clipped(text: str) -> str:
    return text if len(text) <= CLIP else f"{text[:CLIP]} …"


def _orders(row: Row) -> list[tuple[str, str]]:
    return [(ranking.labeler, order_of(ranking.ranks)) for ranking in row.rankings[:ORDERS]]


def order_of(ranks: Sequence[int]) -> str:
    """Writes ranks as letters from the best on: (2, 1, 2) is 'B > A = C'."""
    tiers: dict[int, list[str]] = {}
    for letter, rank in zip(string.ascii_uppercase, ranks, strict=False):
        tiers.setdefault(rank, []).append(letter)
    return " > ".join(" = ".join(tiers[rank]) for rank in sorted(tiers))
