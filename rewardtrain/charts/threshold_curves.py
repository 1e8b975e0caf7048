"""A classifier's ROC curve and precision-recall curve as points of drawings from 0 to 100 across and down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rewardtrain.registry.thresholds import Outcome

ROWS = 20  # of the table behind the drawings, about


@dataclass(frozen=True)
class Dot:
    x: float
    y: float


@dataclass(frozen=True)
class Curve:
    line: str  # "x,y x,y ...", as SVG has a polyline
    chosen: Dot | None  # the threshold that is looked at


@dataclass(frozen=True)
class Curves:
    roc: Curve
    precision_recall: Curve
    base_rate: float  # precision of calling everything positive
    rows: Sequence[Outcome]

    @property
    def base_rate_y(self) -> float:
        return _down(self.base_rate)


def curves(outcomes: Sequence[Outcome], chosen: Outcome) -> Curves:
    """Draws the curves. outcomes: the highest threshold first."""
    positives = chosen.true_positives + chosen.false_negatives
    negatives = chosen.false_positives + chosen.true_negatives
    roc = [Dot(0, 100), *(dot for each in outcomes if (dot := _roc(each))), Dot(100, 0)]
    dots = [dot for each in outcomes if (dot := _precision_recall(each))]
    every = max(1, len(outcomes) // ROWS)
    return Curves(
        Curve(_line(roc), _roc(chosen)),
        Curve(_line(dots), _precision_recall(chosen)),
        positives / ((positives + negatives) or 1),
        outcomes[::every],
    )


def _roc(outcome: Outcome) -> Dot | None:
    across, up = outcome.false_positive_rate.value, outcome.recall.value
    return None if across is None or up is None else Dot(round(100 * across, 2), _down(up))


def _precision_recall(outcome: Outcome) -> Dot | None:
    """Of a threshold that nothing reaches there is no precision."""
    across, up = outcome.recall.value, outcome.precision.value
    return None if across is None or up is None else Dot(round(100 * across, 2), _down(up))


def _down(share: float) -> float:
    return round(100 - 100 * share, 2)


def _line(dots: Iterable[Dot]) -> str:
    return " ".join(f"{dot.x},{dot.y}" for dot in dots)
