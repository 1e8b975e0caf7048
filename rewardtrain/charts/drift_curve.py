"""The champion's agreement with fresh rankings, drawn beside what it had at its promotion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from rewardtrain.monitoring.drift import Drift, Span

MOST_TICKS = 5


@dataclass(frozen=True)
class Point:
    """A span; places are percentages of the drawing."""

    span: Span
    x: float
    y: float
    y_low: float
    y_high: float

    @property
    def depth(self) -> str:
        """A hollow dot, as a head has where models are drawn, says that it is of too little to say anything yet."""
        return "full" if self.span.is_enough else "head"


@dataclass(frozen=True)
class Tick:
    value: float
    y: float


@dataclass(frozen=True)
class Drawing:
    drift: Drift
    points: list[Point]
    ticks: list[Tick]
    band_y: float  # of the interval at promotion: its upper edge and its height
    band_height: float
    value_y: float

    @property
    def first(self) -> date:
        return self.drift.spans[0].first

    @property
    def last(self) -> date:
        return self.drift.spans[-1].last


def drawing(drift: Drift) -> Drawing | None:
    """Draws the drift's course; None while nothing was ranked that the champion hasn't learnt from."""
    if not drift.spans:
        return None
    promised = drift.promised
    assert promised.value is not None
    assert promised.low is not None
    assert promised.high is not None
    seen = [0.5, promised.low, promised.high]
    for span in drift.spans:
        seen += [end for end in (span.right.low, span.right.high) if end is not None]
    shares = _ticks(min(seen), max(seen))
    low, high = shares[0], shares[-1]

    def y(value: float) -> float:
        return round(100 * (high - value) / (high - low), 1)

    places = [round(12 + 82 * (index + 0.5) / len(drift.spans), 1) for index in range(len(drift.spans))]
    points = [
        Point(span, x, y(span.right.value or 0.0), y(span.right.low or 0.0), y(span.right.high or 0.0))
        for x, span in zip(places, drift.spans, strict=True)
    ]
    ticks = [Tick(share, y(share)) for share in shares]
    top, bottom = y(promised.high), y(promised.low)
    return Drawing(drift, points, ticks, top, round(bottom - top, 1), y(promised.value))


def _ticks(least: float, most: float) -> list[float]:
    """Picks round shares around these two, as fine as leaves room for their labels."""
    for percent in (5, 10, 20, 25):
        first, last = math.floor(100 * least / percent), math.ceil(100 * most / percent)
        if last - first < MOST_TICKS:
            break
    return [percent * tick / 100 for tick in range(first, last + 1)]
