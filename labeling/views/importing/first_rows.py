"""The first rows of a file as a labeler will see them, and the rankings that were read with them."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.safestring import SafeString

from formats.rows import Row
from labeling import content
from labeling.board.cards import Turn, dialogue
from labeling.data.importing.import_preview import First

CLIP = 2_000  # characters of a text
MOST_HTML = 400_000  # characters of the page: of 2,000 a table may make a million
ORDERS, TURNS = 3, 20  # of a row


@dataclass(frozen=True)
class Shown:
    number: int
    id: str
    problem: str  # else what follows
    turns: Sequence[Turn]
    texts: Sequence[tuple[str, SafeString]]  # with their letters
    orders: Sequence[tuple[str, str]]  # who ranked, and the letters from the best on
    is_cut: bool  # a text, or the dialogue


def shown(rows: Sequence[First]) -> list[Shown]:
    """Renders rows; long texts are cut, and what would make the page long is shown as it was written."""
    page = _Page()
    return [_shown(first, page) for first in rows]


class _Page:
    """What is left of MOST_HTML: from the first text on that takes more, texts are shown as they were written."""

    def __init__(self) -> None:
        self._left = MOST_HTML

    def turn(self, message: dict[str, str]) -> Turn:
        text = _clipped(message["content"])
        [turn] = dialogue([{**message, "content": ""}])
        return replace(turn, html=self.text(text), source=content.source(text))

    def text(self, text: str) -> SafeString:
        html = content.render(_clipped(text)) if self._left else SafeString()
        if len(html) >= self._left:
            self._left = 0
            return content.as_written(_clipped(text))
        self._left -= len(html)
        return html


def _shown(first: First, page: _Page) -> Shown:
    row = first.row
    if row is None:
        return Shown(first.number, "", first.problem, (), (), (), False)
    every = [message for message in row.messages if message["content"]]
    messages = every[-TURNS:]
    letters = string.ascii_uppercase
    texts = [*(message["content"] for message in messages), *(each.text for each in row.completions)]
    return Shown(
        number=first.number,
        id=row.id,
        problem="",
        turns=[page.turn(message) for message in messages],
        texts=[(letters[at], page.text(each.text)) for at, each in enumerate(row.completions)],
        orders=_orders(row) if len(row.completions) > 1 else (),
        is_cut=len(every) > TURNS or any(len(text) > CLIP for text in texts),
    )


def _clipped(text: str) -> str:
    return text if len(text) <= CLIP else f"{text[:CLIP]} …"


def _orders(row: Row) -> list[tuple[str, str]]:
    first = row.rankings[:ORDERS]
    return [(said.labeler, order_of(said.ranks, has_a_rest=said.top_k is not None)) for said in first]


def order_of(ranks: Sequence[int], *, has_a_rest: bool = False) -> str:
    """Writes ranks as letters from the best on: (2, 1, 2) is 'B > A = C', or where A and C are a rest that nobody
    ranked 'B > A, C'."""
    tiers: dict[int, list[str]] = {}
    for letter, rank in zip(string.ascii_uppercase, ranks, strict=False):
        tiers.setdefault(rank, []).append(letter)
    between = {max(tiers): ", "} if has_a_rest else {}
    return " > ".join(between.get(rank, " = ").join(tiers[rank]) for rank in sorted(tiers))
