"""The numbers behind the pages' drawings, as plain values. The templates draw; each has a table beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from rewardtrain.models import RunPoint

WIDTH, ROW, SIDE = 600, 36, 220  # of the drawings, in their own units


def loss_curve(points: Sequence[RunPoint]) -> dict[str, Any]:
    """What <loss-curve> reads: steps and two curves over them, null where a step has no value."""
    return {
        "steps": [point.step for point in points],
        "loss": [point.loss for point in points],
        "validation": [point.validation_log_loss for point in points],
        "ln2": math.log(2),
    }


@dataclass(frozen=True)
class Bar:
    """A share of pairs with its interval, placed on an axis from 0 to 100 %."""

    label: str
    kind: str  # model, rival or baseline: the same colour for the same thing everywhere
    value: float
    low: float | None
    high: float | None
    n: int
    row: int = 0

    @property
    def y(self) -> int:
        return self.row * ROW + ROW // 2

    @property
    def x(self) -> float:
        return round(self.value * WIDTH, 1)

    @property
    def x_low(self) -> float:
        return round((self.value if self.low is None else self.low) * WIDTH, 1)

    @property
    def x_high(self) -> float:
        return round((self.value if self.high is None else self.high) * WIDTH, 1)


def comparison(report: Mapping[str, Any]) -> list[Bar]:
    """The model's accuracy beside what it must be compared with, top to bottom."""
    n, accuracy, longer, ceiling = (report[key] for key in ("n_pairs", "accuracy", "baseline_longer", "human_ceiling"))
    bars = [Bar(_("This model"), "model", accuracy["value"], accuracy["low"], accuracy["high"], n)]
    if report["champion"]:
        bars.append(Bar(_("The champion then"), "rival", report["champion"]["accuracy"], None, None, n))
    bars.append(Bar(_("Longer wins"), "baseline", longer["accuracy"], longer["low"], longer["high"], n))
    if ceiling:
        bars.append(
            Bar(_("People agree"), "baseline", ceiling["agreement"], ceiling["low"], ceiling["high"], ceiling["n"])
        )
    return [replace(bar, row=row) for row, bar in enumerate(bars)]


@dataclass(frozen=True)
class Bin:
    """Pairs of which the model was about equally sure, placed in a square from (0.5, 0.5) to (1, 1)."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None

    @property
    def x(self) -> float:
        return 0.0 if self.confidence is None else round((self.confidence - 0.5) * 2 * SIDE, 1)

    @property
    def y(self) -> float:
        """Downwards, as SVG counts. An accuracy below chance lies on the lower edge."""
        return 0.0 if self.accuracy is None else round((1 - max(0.5, self.accuracy)) * 2 * SIDE, 1)

    @property
    def radius(self) -> float:
        return round(min(14.0, 3 + math.sqrt(self.n) / 2), 1)


def calibration(bins: Sequence[Mapping[str, Any]]) -> list[Bin]:
    return [Bin(**each) for each in bins if each["n"]]
