"""Marks an answer to a practice item beside what is known of it: by comparisons. Plain values, no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from labeling.quality.checks import verdicts
from labeling.quality.practising.sample import Verdict, verdict_of

Ranks = Mapping[int, int]  # by the completions' keys; 1 is best
Flags = Mapping[int, Mapping[str, bool]]


@dataclass(frozen=True)
class Comparison:
    """One of the known order's comparisons. Completions by their keys; what the known order ties is none."""

    better: int
    worse: int
    verdict: Verdict


@dataclass(frozen=True)
class Question:
    """A yes/no question of a completion whose answer is known. given: None where it was not answered."""

    completion: int
    name: str
    known: bool
    given: bool | None

    @property
    def is_right(self) -> bool:
        return self.given == self.known


REST = 0  # the rank of what was left below the best that a project asks for


@dataclass(frozen=True)
class Marked:
    """right: of `total`, half of one where the answer has a tie and the known order none."""

    comparisons: Sequence[Comparison]
    questions: Sequence[Question]

    @property
    def total(self) -> int:
        return len(self.comparisons) + len(self.questions)

    @property
    def right(self) -> float:
        points = {Verdict.AGREED: 1.0, Verdict.TIED: 0.5, Verdict.REVERSED: 0.0}
        return sum(points[one.verdict] for one in self.comparisons) + sum(one.is_right for one in self.questions)

    @property
    def checked(self) -> verdicts.Checked:
        """Gives it as checks are counted: what it is worth beside guessing is none of its business."""
        return verdicts.Checked(self.total, self.right, float(self.total))


def mark(known: Ranks, flags: Flags, *, given: Ranks, said: Flags, asked: Sequence[str]) -> Marked:
    """Marks the given ranks and the flags said. asked: names of the project's questions; of others nothing counts.

    Of two that were given REST, or are known as REST, nothing is said; each is below all that were ranked.
    """
    below = len(known) + 1
    ordered = sorted(known, key=lambda key: (known[key] or below, key))
    pairs = [pair for pair in combinations(ordered, 2) if pair[0] in given]
    return Marked(
        [
            Comparison(better, worse, verdict_of(given[better] or below, given[worse] or below))
            for better, worse in pairs
            if worse in given and known[better] != known[worse] and (given[better], given[worse]) != (REST, REST)
        ],
        [
            Question(key, name, answer, said.get(key, {}).get(name))
            for key, answers in flags.items()
            for name, answer in answers.items()
            if name in asked
        ],
    )
