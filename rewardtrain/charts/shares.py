"""Shares of pairs with their intervals, on an axis from 0 to 100 %: a model's accuracy and what it is held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from formats.evaluation_report.figures import CountedShare
from formats.evaluation_report.report import PairReport, Report, has_pairs
from labeling.templatetags.podium import percent
from rewardtrain.models import RewardModel


@dataclass(frozen=True)
class Share:
    """A share of pairs with its interval, placed on an axis from 0 to 100 %."""

    label: str
    kind: str  # model, champion, longer or people: the same colour for the same thing everywhere
    value: float
    low: float | None
    high: float | None
    n: int
    n_prompts: int  # that the n pairs are of

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
        """Gives the interval's width; a hair where there is none, so that it is seen."""
        return max(0.5, round(self.x_high - self.x_low, 1))


@dataclass(frozen=True)
class OfAttribute(Share):
    """How often an attribute's own head is right; beside it the reward, and the longer completion."""

    reward: float
    longer: float


def attributes(report: Report) -> list[OfAttribute]:
    """Lists the further heads of a model, by attribute."""
    return [
        OfAttribute(
            *(part["name"], "model", part["accuracy"], part["accuracy_low"], part["accuracy_high"]),
            *(part["n"], part["n_prompts"], part["reward"], part["longer"]),
        )
        for part in report.get("attributes", ())
    ]


def comparison(report: PairReport) -> list[Share]:
    """Lists the model's accuracy beside what it must be compared with, top to bottom."""
    shares = [_own(report)]
    if rival := report["champion"]:
        figures = rival["accuracy"], rival["accuracy_low"], rival["accuracy_high"]
        shares.append(Share(_("The champion then"), "champion", *figures, *_of(report)))
    shares.append(_longer(report))
    if people := _people(report):
        shares.append(people)
    return shares


@dataclass(frozen=True)
class Version:
    """A model's accuracy on its own test pairs, and on the same pairs what it is held against."""

    model: RewardModel
    own: Share
    longer: Share
    people: Share | None

    @property
    def kind(self) -> str:
        return "champion" if self.model.champion else "model"

    @property
    def in_words(self) -> str:
        """Says what is drawn beside the accuracy, for who can't see it."""
        low, high, longer = (percent(share) for share in (self.own.low, self.own.high, self.longer.value))
        interval = _("%(low)s to %(high)s; longer wins %(longer)s") % {"low": low, "high": high, "longer": longer}
        if self.people is None:
            return interval
        return interval + "; " + _("people agree on %(people)s") % {"people": percent(self.people.value)}


def versions(models: Iterable[RewardModel]) -> list[Version]:
    """Keeps the order given; a model that was not evaluated on pairs is left out."""
    tested = ((model, evaluation.report) for model in models for evaluation in model.evaluations.all()[:1])
    return [
        Version(model, _own(report), _longer(report), _people(report)) for model, report in tested if has_pairs(report)
    ]


def _own(report: PairReport) -> Share:
    own = report["accuracy"]
    return Share(_("This model"), "model", own["value"], own["low"], own["high"], *_of(report))


def _of(report: PairReport) -> tuple[int, int]:
    return report["n_pairs"], report["n_pair_prompts"]


def _longer(report: PairReport) -> Share:
    longer = report["baseline_longer"]
    return Share(_("Longer wins"), "longer", longer["accuracy"], longer["low"], longer["high"], *_of(report))


def _people(report: PairReport) -> Share | None:
    if not (people := report["human_ceiling"]):
        return None
    of = people["n"], people["n_prompts"]
    return Share(_("People agree"), "people", people["agreement"], people["low"], people["high"], *of)


# --- Parts of the pairs -----------------------------------------------------------------------------------------------


def by_gap(report: PairReport) -> list[Share]:
    return [_part(str(part["gap"]), part) for part in report["by_gap"]]


def by_length_difference(report: PairReport) -> list[Share]:
    return [_part(_longer_by(part["low"], part["high"]), part) for part in report["by_length_difference"]]


def by_labeler(report: PairReport) -> list[Share]:
    return [_part(part["labeler"], part) for part in report["by_labeler"]]


def _part(label: str, part: CountedShare) -> Share:
    figures = part["accuracy"], part["accuracy_low"], part["accuracy_high"]
    return Share(label, "model", *figures, part["n"], part["n_prompts"])


def _longer_by(low: int | None, high: int | None) -> str:
    """Says by how many characters the chosen completion is longer: from low, which is in, to high, which isn't."""
    if (low, high) == (0, 1):
        return _("equally long")
    if low is None:
        return _("more than %(n)s shorter") % {"n": number_format(-(high or 0))}
    if high is None:
        return _("more than %(n)s longer") % {"n": number_format(low - 1)}
    message = _("%(from)s to %(to)s longer") if low > 0 else _("%(from)s to %(to)s shorter")
    near, far = (low, high - 1) if low > 0 else (1 - high, -low)
    return message % {"from": number_format(near), "to": number_format(far)}
