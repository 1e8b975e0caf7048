"""What a report on labels says a model is worth: beside a coin and beside the base rate."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from formats.evaluation_report.report import Report
from rewardtrain.evidence.labels import gate
from rewardtrain.evidence.worth import Worth


def worth(report: Report) -> tuple[Worth, str]:
    flags = report["flags"]
    labels, prompts = (flags["n_votes"], flags["n_prompts"]) if flags else (0, 0)
    if prompts < gate.MIN_TEST_PROMPTS:
        n = gate.MIN_TEST_PROMPTS - prompts
        message = ngettext(
            "Not judged yet: needs %(n)d more test text", "Not judged yet: needs %(n)d more test texts", n
        )
        return Worth.UNJUDGED, message % {"n": n}
    if labels < gate.MIN_TEST_LABELS:
        n = gate.MIN_TEST_LABELS - labels
        message = ngettext(
            "Not judged yet: needs %(n)d more test label", "Not judged yet: needs %(n)d more test labels", n
        )
        return Worth.UNJUDGED, message % {"n": n}
    assert flags is not None
    if flags["roc_auc"] is None:
        return Worth.UNJUDGED, _("Not judged yet: all test labels say the same")
    if not gate.against_chance(flags).passed:
        return Worth.COIN, _("No better than a coin")
    if not gate.against_base_rate(flags).passed:
        return Worth.BASE_RATE, _("No better than the base rate")
    return Worth.USEFUL, _("Better than the base rate")
