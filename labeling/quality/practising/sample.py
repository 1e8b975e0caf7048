"""The sample to practise on where a project has no items of its own: one clear order, and why each comparison is so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PROMPT = _("Why do some years have 366 days? Please explain it in two or three sentences.")

# What is shown, in this order, under ids that tell nothing.
COMPLETIONS: dict[str, StrOrPromise] = {
    "1": _(
        "The Earth takes 365 and a half days to travel once around the Sun, so our calendar would fall a little "
        "further behind with each year that passes. To catch up, we add one extra day every four years, on "
        "29 February. That is how the seasons always stay in the months where we expect them."
    ),
    "2": _(
        "A week has seven days, and in many languages they carry the names of the Sun, the Moon and the planets. "
        "Merchants used weeks to agree on market days, long before there were printed calendars. Today nearly the "
        "whole world counts in the same seven days."
    ),
    "3": _(
        "The Earth needs about 365 days and 6 hours for one trip around the Sun, but a calendar can only count whole "
        "days. After four years those hours make up one more day, and we add it on 29 February. Without it, summer "
        "would slowly wander through the months."
    ),
    "4": _("Because the Earth needs about a quarter of a day more than 365 days to go around the Sun."),
}

REFERENCE = ("3", "4", "1", "2")  # best first

VERDICTS: dict[str, StrOrPromise] = {
    "3": _("Right and complete, in the length that was asked for."),
    "4": _("Right, but it leaves you to work out the rest."),
    "1": _("Answers the question and reads well, but the number is wrong: it is a quarter of a day, not half a day."),
    "2": _("True, but about weeks. The question was about years."),
}

# Why the first is better than the second.
REASONS: dict[tuple[str, str], StrOrPromise] = {
    ("3", "4"): _(
        "Both are right. Only one of them says what becomes of the quarter of a day, and that was the question."
    ),
    ("3", "1"): _(
        "They explain it the same way and read equally well, but one has the number wrong: with half a day left over, "
        "an extra day every four years would not be enough."
    ),
    ("3", "2"): _("One answers the question, the other tells something else. That it is true does not help."),
    ("4", "1"): _("Short and right is better than long and wrong. Length and a sure tone are no merit."),
    ("4", "2"): _("One short sentence that answers the question is better than three that don't."),
    ("1", "2"): _(
        "In spite of its mistake it tells what was asked: something is left over, and an extra day catches it up. "
        "The other says nothing about it."
    ),
}


class Verdict(StrEnum):
    AGREED = "agreed"
    TIED = "tied"
    REVERSED = "reversed"


@dataclass(frozen=True)
class Comparison:
    """One of the C(K,2) comparisons that a ranking gives, beside the reference."""

    better: str
    worse: str
    verdict: Verdict
    reason: StrOrPromise


@dataclass(frozen=True)
class Marked:
    comparisons: tuple[Comparison, ...]

    @property
    def right(self) -> int:
        return sum(comparison.verdict == Verdict.AGREED for comparison in self.comparisons)

    @property
    def total(self) -> int:
        return len(self.comparisons)


def mark(tiers: Sequence[Sequence[str]]) -> Marked:
    """Marks a complete ranking: tiers of completion ids, best first, as an answer has them."""
    rank = {completion: place for place, tier in enumerate(tiers) for completion in tier}
    return Marked(
        tuple(
            Comparison(better, worse, verdict_of(rank[better], rank[worse]), REASONS[better, worse])
            for better, worse in combinations(REFERENCE, 2)
        )
    )


def verdict_of(better: int, worse: int) -> Verdict:
    """Says what the ranks given to two completions are, of which the first is known to be the better one."""
    if better == worse:
        return Verdict.TIED
    return Verdict.AGREED if better < worse else Verdict.REVERSED
