"""What a report on pairs says a model is worth: beside a coin, beside the longer completion, beside people."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from formats.evaluation_report.figures import ShareEnds
from formats.evaluation_report.report import Report, has_pairs
from rewardtrain.evidence.pairs.gate import MIN_TEST_PAIRS, MIN_TEST_PROMPTS, against_chance, counts
from rewardtrain.evidence.worth import Worth, apart


def worth(report: Report) -> tuple[Worth, str]:
    missing = _missing_pairs(*counts(report))
    if missing or not has_pairs(report):
        return Worth.UNJUDGED, missing
    if not all(check.passed for check in against_chance(report)):
        return Worth.COIN, _("No better than a coin")
    accuracy, longer = report["accuracy"], report["baseline_longer"]
    own = _with_ends(accuracy["value"], accuracy)
    match apart(own, _with_ends(longer["accuracy"], longer)):
        case -1:
            return Worth.BELOW_LONGER, _("Below longer-wins")
        case 0:
            return Worth.LIKE_LONGER, _("No better than longer-wins")
    if not (people := report["human_ceiling"]):
        return Worth.USEFUL, _("Better than longer-wins; how far people agree is not known")
    if apart(own, _with_ends(people["agreement"], people)) < 0:
        return Worth.BELOW_PEOPLE, _("Better than longer-wins, below people")
    return Worth.LIKE_PEOPLE, _("Better than longer-wins, not told apart from people")


def _missing_pairs(pairs: int, prompts: int) -> str:
    """Asks for prompts first: a further one brings pairs, while further pairs of the same few prompts bring no
    prompt."""
    if prompts < MIN_TEST_PROMPTS:
        n = MIN_TEST_PROMPTS - prompts
        message = ngettext(
            "Not judged yet: needs %(n)d more test prompt", "Not judged yet: needs %(n)d more test prompts", n
        )
        return message % {"n": n}
    if pairs < MIN_TEST_PAIRS:
        n = MIN_TEST_PAIRS - pairs
        message = ngettext(
            "Not judged yet: needs %(n)d more test pair", "Not judged yet: needs %(n)d more test pairs", n
        )
        return message % {"n": n}
    return ""


def _with_ends(share: float, ends: ShareEnds) -> tuple[float, float, float]:
    return share, ends["low"], ends["high"]
