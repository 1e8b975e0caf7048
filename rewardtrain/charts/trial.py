"""What one or two models say of a prompt's completions, placed for drawing: bars, whiskers, where the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Answer = Mapping[str, Any]  # as `rewardtrain.core.score.Scorer.answer` gives it
WIDE = 1.96  # standard deviations to either side that hold 95 % of a normal distribution


@dataclass(frozen=True)
class Bar:
    """From the zero line to the value, with the interval around it; in percent of the drawing's width."""

    zero: float
    x: float
    x_low: float | None
    x_high: float | None

    @property
    def whisker(self) -> str:
        """Gives the interval as SVG draws it: a line between two strokes; "" where there is none."""
        if self.x_low is None:
            return ""
        return f"M{self.x_low} 5H{self.x_high}M{self.x_low} 3V7M{self.x_high} 3V7"


@dataclass(frozen=True)
class Scored:
    """One completion as one model sees it."""

    letter: str
    text: str
    reward: float
    spread: float | None  # half of the 95 % interval, where the model has an ensemble
    logits: list[float]
    probability: float  # that people prefer it to the others
    class_probability: float | None  # of the positive class, where the head is binary
    best: bool
    cut: bool
    bar: Bar

    @property
    def share(self) -> float:
        return percent(self.probability)

    @property
    def class_share(self) -> float | None:
        return None if self.class_probability is None else percent(self.class_probability)


@dataclass(frozen=True)
class Axis:
    """Of rewards, with zero on it. Models share it: the unit of each is the deviation of its rewards in training."""

    low: float
    high: float

    def x(self, reward: float) -> float:
        return percent((reward - self.low) / (self.high - self.low))

    @property
    def zero(self) -> float:
        return self.x(0.0)


def axis(answers: Sequence[Answer]) -> Axis:
    ends = [
        reward + side * half
        for answer in answers
        for reward, half in zip(answer["rewards"], _spreads(answer), strict=True)
        for side in (-1, 1)
        for half in (half or 0.0,)
    ]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = 0.04 * (high - low) or 1.0
    return Axis(low - room, high + room)


def scored(answer: Answer, completions: Sequence[str], on: Axis) -> list[Scored]:
    """Gives the completions in the order they were given in."""
    spreads = _spreads(answer)
    classes = answer.get("class_probabilities", [None] * len(completions))
    return [
        Scored(
            letter=letter(index),
            text=text,
            reward=answer["rewards"][index],
            spread=spreads[index],
            logits=answer["logits"][index],
            probability=answer["probabilities"][index],
            class_probability=classes[index],
            best=len(completions) > 1 and index == answer["best"],
            cut=answer["truncated"][index],
            bar=_bar(answer["rewards"][index], spreads[index], on),
        )
        for index, text in enumerate(completions)
    ]


def _spreads(answer: Answer) -> list[float | None]:
    if "uncertainty" not in answer:
        return [None] * len(answer["rewards"])
    return [WIDE * deviation for deviation in answer["uncertainty"]]


def _bar(reward: float, spread: float | None, on: Axis) -> Bar:
    if spread is None:
        return Bar(on.zero, on.x(reward), None, None)
    return Bar(on.zero, on.x(reward), on.x(reward - spread), on.x(reward + spread))


def letter(index: int) -> str:
    """Gives the letter of a place: 0 is A."""
    return chr(ord("A") + index)


def percent(share: float) -> float:
    return round(100 * share, 1)


# --- Two models -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preference:
    letter: str
    probability: float  # that people prefer it to the other one of the pair


@dataclass(frozen=True)
class Difference:
    """What the first and the second model make of the same completions. Needs their pairwise probabilities."""

    best: tuple[str, str]
    n_pairs: int
    disputed: list[tuple[Preference, Preference]]  # pairs that the two order differently, each with its winner

    @property
    def n_disputed(self) -> int:
        return len(self.disputed)

    @property
    def same_best(self) -> bool:
        return self.best[0] == self.best[1]

    @property
    def in_words(self) -> str:
        """Says how many pairs the two order differently, as the end of a sentence."""
        if not self.disputed:
            message = ngettext("they agree on the only pair.", "they agree on all %(n)s pairs.", self.n_pairs)
            return message % {"n": self.n_pairs}
        message = ngettext(
            "they disagree on the only pair.", "they disagree on %(disputed)s of %(n)s pairs.", self.n_pairs
        )
        return message % {"disputed": self.n_disputed, "n": self.n_pairs}

    @property
    def rows(self) -> list[tuple[str, Preference, Preference]]:
        """Lists the disputed pairs, each with its name."""
        return [(_pair(*sorted([one.letter, two.letter])), one, two) for one, two in self.disputed]


def difference(first: Answer, second: Answer) -> Difference | None:
    """Finds the pairs that two answers dispute; None for a single completion, of which there is nothing to prefer.
    Equal rewards are no dispute."""
    n = len(first["rewards"])
    if n < 2:
        return None
    pairs = list(combinations(range(n), 2))
    disputed = [
        (_preference(first, i, j), _preference(second, i, j))
        for i, j in pairs
        if _ahead(first, i, j) * _ahead(second, i, j) < 0
    ]
    return Difference((letter(first["best"]), letter(second["best"])), len(pairs), disputed)


def _pair(one: str, two: str) -> str:
    return _("%(one)s or %(two)s") % {"one": one, "two": two}


def _ahead(answer: Answer, i: int, j: int) -> float:
    return float(answer["rewards"][i] - answer["rewards"][j])


def _preference(answer: Answer, i: int, j: int) -> Preference:
    winner, loser = (i, j) if _ahead(answer, i, j) > 0 else (j, i)
    return Preference(letter(winner), answer["pairwise"][winner][loser])
