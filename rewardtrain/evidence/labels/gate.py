"""The gate's rules about labels: people's answers to the model's flag on the test split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from formats.evaluation_report.figures import Estimate
from formats.evaluation_report.flags import FlagComparison, FlagMeasure, FlagReport
from formats.evaluation_report.report import Report
from rewardtrain.evidence.figures import Check, number, with_range

if TYPE_CHECKING:
    from rewardtrain.models import RewardModel

# As of pairs: fewer say nothing.
MIN_TEST_LABELS = 20
MIN_TEST_PROMPTS = 5


def checks(report: Report) -> list[Check]:
    """Compares with the base rate, with chance, and with the champion and the newest head on the same labels.

    The base rate is the best that can be said without reading a text; its log loss is beaten only where the whole
    interval of the difference is below zero. Of a champion the model may fall short by no more than noise.
    """
    flags = report["flags"]
    too_few = _too_few(flags)
    if too_few or flags is None:
        return [Check(False, too_few)]
    rules = [against_base_rate(flags), against_chance(flags)]
    if champion := flags["champion"]:
        rules += _against(flags, champion, "champion", _("the champion"))
    if head := flags.get("head_rival"):
        name = _("the newest head, version %(version)s") % {"version": head["version"]}
        rules += _against(flags, head, "head_rival", name)
    return rules


def doubt(report: Report, champion: RewardModel | None) -> str:
    """The champion may tell another flag, or none, and then no figure says which model is better."""
    flags = report["flags"]
    if champion is None or (flags and flags["champion"]):
        return ""
    return f"The champion, {champion}, does not classify what this model does: a person has to decide."


def _too_few(flags: FlagReport | None) -> str:
    labels, prompts = (flags["n_votes"], flags["n_prompts"]) if flags else (0, 0)
    if labels < MIN_TEST_LABELS or prompts < MIN_TEST_PROMPTS:
        message = _(
            "The test split has %(labels)s labels of %(prompts)s texts; "
            "at least %(min_labels)s labels of %(min_prompts)s texts are needed to judge a model."
        )
        least = {"min_labels": MIN_TEST_LABELS, "min_prompts": MIN_TEST_PROMPTS}
        return message % {"labels": labels, "prompts": prompts, **least}
    if flags and flags["roc_auc"] is None:
        message = _("All %(labels)s test labels say the same, so it can't be seen whether the model tells texts apart.")
        return message % {"labels": labels}
    return ""


def against_base_rate(flags: FlagReport) -> Check:
    lower = _below(flags["baseline"]["difference"], 0)
    message = (
        _(
            "Log loss %(loss)s is below the base rate's %(base)s beyond noise, on %(n)s test labels "
            "(difference %(gap)s)."
        )
        if lower
        else _(
            "Log loss %(loss)s is not below the base rate's %(base)s beyond noise, on %(n)s test labels "
            "(difference %(gap)s)."
        )
    )
    values = {
        "loss": number(flags["log_loss"]["value"]),
        "base": number(flags["baseline"]["log_loss"]["value"]),
        "gap": with_range(flags["baseline"]["difference"], sign="+"),
        "n": flags["n_votes"],
    }
    return Check(lower, message % values)


def against_chance(flags: FlagReport) -> Check:
    area = _known(flags["roc_auc"])
    least = area["low"]  # None where too few texts are of one class
    above = least is not None and least > 0.5
    message = (
        _("ROC AUC %(auc)s is above chance with its whole interval, on %(n)s test labels.")
        if above
        else _("ROC AUC %(auc)s is not above chance with its whole interval, on %(n)s test labels.")
    )
    return Check(above, message % {"auc": with_range(area), "n": flags["n_votes"]})


def _against(flags: FlagReport, rival: FlagComparison, beside: str, name: str) -> list[Check]:
    """Compares by the paired bootstrap: both models on the same draws of texts."""
    loss, area = rival["difference"]["log_loss"], _known(rival["difference"]["roc_auc"])
    higher, less = loss["low"] is not None and loss["low"] > 0, _below(area, 0)
    loss_words = (
        _("Log loss %(own)s is higher than the %(theirs)s of %(name)s beyond noise (difference %(gap)s).")
        if higher
        else _("Log loss %(own)s is not higher than the %(theirs)s of %(name)s beyond noise (difference %(gap)s).")
    )
    area_words = (
        _("ROC AUC %(own)s is below the %(theirs)s of %(name)s beyond noise (difference %(gap)s).")
        if less
        else _("ROC AUC %(own)s is not below the %(theirs)s of %(name)s beyond noise (difference %(gap)s).")
    )
    checks: dict[FlagMeasure, tuple[bool, str]] = {
        "log_loss": (not higher, loss_words),
        "roc_auc": (not less, area_words),
    }
    return [
        Check(passed, words % {"name": name, **_beside(flags, rival, measure)}, beside)
        for measure, (passed, words) in checks.items()
    ]


def _below(estimate: Estimate, limit: float) -> bool:
    """Asks the whole interval, which is None of too few texts."""
    return estimate["high"] is not None and estimate["high"] < limit


def _beside(flags: FlagReport, rival: FlagComparison, measure: FlagMeasure) -> dict[str, str]:
    return {
        "own": number(_known(flags[measure])["value"]),
        "theirs": number(_known(rival[measure])["value"]),
        "gap": with_range(_known(rival["difference"][measure]), sign="+"),
    }


def _known(figure: Estimate | None) -> Estimate:
    """Gives an area that is known: _too_few refuses a report whose votes are all for one class, before this."""
    assert figure is not None
    return figure
