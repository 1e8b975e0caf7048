"""What choosing the best of n gains, as the page draws it. Places are percentages of a drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rewardtrain.core.measures.best_of_gain import UNSURE, BestOfReport
from rewardtrain.models import BestOfJob

LEFT, RIGHT, TOP, FOOT = 10.0, 96.0, 8.0, 92.0  # where points stand
SHOWN = 20  # prompts with an uncertain top that are named


@dataclass(frozen=True)
class Gain:
    """The gain of best-of-n over one candidate, placed by log n across and by its size upwards."""

    n: int
    n_prompts: int
    value: float
    low: float | None
    high: float | None
    kl: float
    x: float
    y: float
    y_low: float
    y_high: float


@dataclass(frozen=True)
class Gains:
    points: list[Gain]
    highest: float  # of the scale

    @property
    def last(self) -> Gain:
        return self.points[-1]

    @property
    def path(self) -> list[tuple[Gain, Gain]]:
        return list(zip(self.points, self.points[1:], strict=False))

    @property
    def rows(self) -> list[Gain]:
        """Picks of many n those that a table needs: powers of two and the last."""
        return [gain for gain in self.points if gain.n & (gain.n - 1) == 0 or gain is self.last]


@dataclass(frozen=True)
class Doubts:
    n_prompts: int
    limit: float
    uncertain: int
    within: int
    named: list[str]  # ids of the first prompts with an uncertain top

    @property
    def expected(self) -> int:
        """Computes how many tops would be uncertain if choice and uncertainty were independent."""
        return round((1 - UNSURE) * self.n_prompts)


def gains(report: BestOfReport) -> Gains:
    seen = report["gains"]
    highest = max((each["high"] or each["value"] for each in seen), default=0) or 1.0
    widest = math.log(max(seen[-1]["n"], 2))

    def y(value: float) -> float:
        return round(FOOT - (FOOT - TOP) * value / highest, 2)

    points = [
        Gain(
            n=each["n"],
            n_prompts=each["n_prompts"],
            value=each["value"],
            low=each["low"],
            high=each["high"],
            kl=each["kl"],
            x=round(LEFT + (RIGHT - LEFT) * math.log(each["n"]) / widest, 2),
            y=y(each["value"]),
            y_low=y(each["value"] if each["low"] is None else each["low"]),
            y_high=y(each["value"] if each["high"] is None else each["high"]),
        )
        for each in seen
    ]
    return Gains(points, highest)


def doubts(job: BestOfJob) -> Doubts | None:
    """Gives the doubts of the report; None where the model has no ensemble, or before the end."""
    report: BestOfReport | None = job.report
    seen = report and report["doubts"]
    if not seen:
        return None
    ids = list(job.rows.values_list("external_id", flat=True))
    named = [ids[place] for place in seen["uncertain"][:SHOWN]]
    return Doubts(job.done, seen["limit"], len(seen["uncertain"]), len(seen["within"]), named)
