"""The threshold of a model that classifies: what each would make of the test split, and the one that is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from formats.evaluation_report.flags import FlagReport
from formats.wilson import wilson
from labeling.errors import Conflict, Invalid
from labeling.models import User
from rewardtrain.models import RewardModel

WANTED = 0.9  # precision, or recall, of the presets


@dataclass(frozen=True)
class Rate:
    """A share of n test labels with its 95 % interval; None of none."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Outcome:
    """The test labels at one threshold. Positive is the class whose logit is the reward."""

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    effective: Mapping[str, float | None]  # how many independent labels each rate is of; see intervals.share_estimate

    @property
    def precision(self) -> Rate:
        return self._rate("precision", self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> Rate:
        return self._rate("recall", self.true_positives, self.true_positives + self.false_negatives)

    @property
    def false_positive_rate(self) -> Rate:
        return self._rate("false_positive_rate", self.false_positives, self.false_positives + self.true_negatives)

    @property
    def f1(self) -> Rate:
        """Computes 2 J / (1 + J) of J, the share of true positives in all that are positive or are called so: so it has
        J's interval."""
        of = self.true_positives + self.false_positives + self.false_negatives
        shared = self._rate("f1", self.true_positives, of)
        return Rate(_f1(shared.value), _f1(shared.low), _f1(shared.high), shared.n)

    def _rate(self, name: str, part: int, n: int) -> Rate:
        number = self.effective[name]
        return Rate(part / n, *wilson(part / n, number), n) if n and number else Rate(None, None, None, n)


@dataclass(frozen=True)
class Preset:
    label: str
    outcome: Outcome | None  # None: no threshold reaches it


def outcomes(flags: FlagReport) -> list[Outcome]:
    """Lists them at every threshold that was measured, the highest first."""
    curve = flags["curve"]
    counts = zip(curve["thresholds"], curve["true_positives"], curve["false_positives"], strict=True)
    return [
        Outcome(cut, hits, false, curve["positives"] - hits, curve["negatives"] - false, _effective(flags, place))
        for place, (cut, hits, false) in enumerate(counts)
    ]


def outcome_at(flags: FlagReport, threshold: float) -> Outcome:
    """Finds it at the measured threshold that is nearest."""
    return min(outcomes(flags), key=lambda outcome: abs(outcome.threshold - threshold))


def presets(flags: FlagReport) -> list[Preset]:
    """Finds the best F1; of those that reach the wanted precision the highest recall, and the other way round."""
    at_each = outcomes(flags)
    precise = [each for each in at_each if (each.precision.value or 0) >= WANTED and each.true_positives]
    complete = [each for each in at_each if (each.recall.value or 0) >= WANTED]
    values = {"share": round(100 * WANTED)}
    return [
        Preset(_("Best F1"), max(at_each, key=lambda each: each.f1.value or 0, default=None)),
        Preset(
            _("Precision of %(share)s %% or more") % values,
            max(precise, key=lambda each: each.recall.value or 0, default=None),
        ),
        Preset(
            _("Recall of %(share)s %% or more") % values,
            max(complete, key=lambda each: each.precision.value or 0, default=None),
        ),
    ]


def flags_of(model: RewardModel) -> FlagReport:
    """Gives what the model's report says of its flag. Raises Conflict('no_thresholds') where it measured none."""
    flags = model.flags
    if not flags:
        message = _("Version %(version)s has no thresholds: its report has no labels of a flag. Train a binary head.")
        raise Conflict("no_thresholds", message % {"version": model.version})
    return flags


def parse(value: object) -> float:
    """Raises Invalid('threshold_invalid'), naming the value."""
    try:
        threshold = float(str(value).replace(",", "."))
    except ValueError:
        threshold = math.nan
    if isinstance(value, bool) or not 0 < threshold < 1:
        message = _("A threshold is a number above 0 and below 1, such as 0.5, not %(value)s.")
        raise Invalid("threshold_invalid", message % {"value": str(value)[:80] or "“”"}, attr="threshold")
    return threshold


def choose(model: RewardModel, value: object, *, by: User | None) -> RewardModel:
    """Notes what counts as positive from now on, and who said so. The same again changes who and when.

    Raises Invalid('threshold_invalid'), Conflict('no_thresholds').
    """
    flags_of(model)
    model.threshold, model.threshold_by, model.threshold_at = parse(value), by, timezone.now()
    model.save(update_fields=["threshold", "threshold_by", "threshold_at"])
    return model


def _effective(flags: FlagReport, place: int) -> dict[str, float | None]:
    """Gives the effective numbers at the threshold of this place."""
    return {name: each[place] for name, each in flags["curve"]["effective"].items()}


def _f1(shared: float | None) -> float | None:
    return None if shared is None else 2 * shared / (1 + shared)
