"""The champion's agreement with fresh rankings, drawn beside what it had at its promotion."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rewardtrain.drift import Drift, Span

STEP = 0.1


@dataclass(frozen=True)
class Point:
    """A span; places are percentages of the drawing."""

    span: Span
    x: float
    y: float
    y_low: float
    y_high: float


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


def drawing(drift: Drift) -> Drawing | None:
    """None while nothing was ranked that the champion hasn't learnt from."""
    if not drift.spans:
        return None
    promised = drift.promised
    assert promised.value is not None
    assert promised.low is not None
    assert promised.high is not None
    seen = [0.5, promised.low, promised.high]
    for span in drift.spans:
        seen += [end for end in (span.right.low, span.right.high) if end is not None]
    low, high = math.floor(min(seen) / STEP) * STEP, min(1.0, math.ceil(max(seen) / STEP) * STEP)

    def y(value: float) -> float:
        return round(100 * (high - value) / (high - low), 1)

    places = [round(12 + 82 * (index + 0.5) / len(drift.spans), 1) for index in range(len(drift.spans))]
    points = [
        Point(span, x, y(span.right.value or 0.0), y(span.right.low or 0.0), y(span.right.high or 0.0))
        for x, span in zip(places, drift.spans, strict=True)
    ]
    ticks = [Tick(low + STEP * step, y(low + STEP * step)) for step in range(round((high - low) / STEP) + 1)]
    top, bottom = y(promised.high), y(promised.low)
    return Drawing(drift, points, ticks, top, round(bottom - top, 1), y(promised.value))
