"""The numbers behind the pages' drawings, as plain values. The templates draw; each has a table beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from rewardtrain.models import RewardModel, RunPoint

SIDE = 220  # of the calibration square, in its own units


def loss_curve(points: Sequence[RunPoint]) -> dict[str, Any]:
    """What <loss-curve> reads: steps and two curves over them, null where a step has no value."""
    return {
        "steps": [point.step for point in points],
        "loss": [point.loss for point in points],
        "validation": [point.validation_log_loss for point in points],
        "ln2": math.log(2),
    }


@dataclass(frozen=True)
class Share:
    """A share of pairs with its interval, placed on an axis from 0 to 100 %."""

    label: str
    kind: str  # model, champion, longer or people: the same colour for the same thing everywhere
    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def x(self) -> float:
        return round(self.value * 100, 1)

    @property
    def x_low(self) -> float:
        return round((self.value if self.low is None else self.low) * 100, 1)

    @property
    def x_high(self) -> float:
        return round((self.value if self.high is None else self.high) * 100, 1)

    @property
    def width(self) -> float:
        """Of the interval; a hair where there is none, so that it is seen."""
        return max(0.5, round(self.x_high - self.x_low, 1))


def comparison(report: Mapping[str, Any]) -> list[Share]:
    """The model's accuracy beside what it must be compared with, top to bottom."""
    shares = [_own(report)]
    if report["champion"]:
        value = report["champion"]["accuracy"]
        shares.append(Share(_("The champion then"), "champion", value, None, None, report["n_pairs"]))
    shares.append(_longer(report))
    if people := _people(report):
        shares.append(people)
    return shares


@dataclass(frozen=True)
class Version:
    """A model's accuracy on its own test pairs, and on the same pairs what it is held against."""

    number: int
    champion: bool
    own: Share
    longer: Share
    people: Share | None


def versions(models: Iterable[RewardModel]) -> list[Version]:
    """In the order given; a model that was not evaluated is left out."""
    tested = ((model, evaluation.report) for model in models for evaluation in model.evaluations.all()[:1])
    return [
        Version(model.version, model.champion, _own(report), _longer(report), _people(report))
        for model, report in tested
    ]


def _own(report: Mapping[str, Any]) -> Share:
    own = report["accuracy"]
    return Share(_("This model"), "model", own["value"], own["low"], own["high"], report["n_pairs"])


def _longer(report: Mapping[str, Any]) -> Share:
    longer = report["baseline_longer"]
    return Share(_("Longer wins"), "longer", longer["accuracy"], longer["low"], longer["high"], report["n_pairs"])


def _people(report: Mapping[str, Any]) -> Share | None:
    if not (people := report["human_ceiling"]):
        return None
    return Share(_("People agree"), "people", people["agreement"], people["low"], people["high"], people["n"])


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
    return [Bin(*(each[key] for key in BIN)) for each in bins if each["n"]]


BIN = ("low", "high", "n", "confidence", "accuracy")
