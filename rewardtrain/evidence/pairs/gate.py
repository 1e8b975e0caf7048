"""The gate's rules about pairs: every check in words, with its numbers."""

from __future__ import annotations

from typing import Literal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from formats.evaluation_report.pairs import HeadOnPairs, PairComparison, PairMeasure
from formats.evaluation_report.report import PairReport, Report, has_pairs
from rewardtrain.evidence.figures import Check, number, with_range

# Fewer say nothing: the interval is drawn over prompts, and one of two or three prompts is an anecdote.
MIN_TEST_PAIRS = 20
MIN_TEST_PROMPTS = 5

Beside = Literal["champion", "head_rival"]  # the report's part with the other model


def checks(report: Report) -> list[Check]:
    """Compares with chance, or with the champion on the same pairs if there is one.

    A fine-tuning has to beat the newest head as well, which is there in a second: "head_rival" has its part.
    Log loss decides first: a model that over-fits keeps its accuracy while it grows sure of its errors.
    """
    enough = enough_to_judge(report)
    if not enough.passed or not has_pairs(report):
        return [enough]
    champion, head = report["champion"], report.get("head_rival")
    rules = against_champion(report, champion) if champion else against_chance(report)
    return [*rules, *(against_head(report, head) if head else ())]


def enough_to_judge(report: Report) -> Check:
    pairs, prompts = counts(report)
    message = _(
        "The test split has %(pairs)s pairs of %(prompts)s prompts; "
        "at least %(min_pairs)s pairs of %(min_prompts)s prompts are needed to judge a model."
    )
    values = {"pairs": pairs, "prompts": prompts, "min_pairs": MIN_TEST_PAIRS, "min_prompts": MIN_TEST_PROMPTS}
    return Check(pairs >= MIN_TEST_PAIRS and prompts >= MIN_TEST_PROMPTS, message % values)


def against_chance(report: PairReport) -> list[Check]:
    loss, accuracy, where = report["log_loss"], report["accuracy"], on(report)
    lower, above = loss["value"] < report["ln2"], accuracy["low"] > 0.5
    loss_words = (
        _("Log loss %(loss)s is below ln 2 = %(ln2)s, a coin's, on %(on)s.")
        if lower
        else _("Log loss %(loss)s is not below ln 2 = %(ln2)s, a coin's, on %(on)s.")
    )
    accuracy_words = (
        _("Accuracy %(accuracy)s is above chance with its whole interval, on %(on)s.")
        if above
        else _("Accuracy %(accuracy)s is not above chance with its whole interval, on %(on)s.")
    )
    return [
        Check(lower, loss_words % {"loss": with_range(loss), "ln2": number(report["ln2"]), "on": where}),
        Check(above, accuracy_words % {"accuracy": with_range(accuracy), "on": where}),
    ]


def against_champion(report: PairReport, champion: PairComparison) -> list[Check]:
    """Compares by the paired bootstrap: both models on the same draws of prompts."""
    lower, worse = compared(champion)
    loss_words = (
        _("Log loss %(own)s is lower than the champion's %(rival)s on the same %(on)s (difference %(gap)s).")
        if lower
        else _("Log loss %(own)s is not lower than the champion's %(rival)s on the same %(on)s (difference %(gap)s).")
    )
    accuracy_words = (
        _("Accuracy %(own)s is worse than the champion's %(rival)s on the same %(on)s (difference %(gap)s).")
        if worse
        else _("Accuracy %(own)s is not worse than the champion's %(rival)s on the same %(on)s (difference %(gap)s).")
    )
    return in_words(report, champion, "champion", (lower, loss_words), (not worse, accuracy_words))


def against_head(report: PairReport, head: HeadOnPairs) -> list[Check]:
    """Compares with the newest head, which is not the champion."""
    lower, worse = compared(head)
    loss_words = (
        _("Log loss %(own)s is lower than the %(rival)s of the newest head, version %(version)s (difference %(gap)s).")
        if lower
        else _(
            "Log loss %(own)s is not lower than the %(rival)s of the newest head, version %(version)s "
            "(difference %(gap)s)."
        )
    )
    accuracy_words = (
        _("Accuracy %(own)s is worse than the %(rival)s of the newest head, version %(version)s (difference %(gap)s).")
        if worse
        else _(
            "Accuracy %(own)s is not worse than the %(rival)s of the newest head, version %(version)s "
            "(difference %(gap)s)."
        )
    )
    return in_words(report, head, "head_rival", (lower, loss_words), (not worse, accuracy_words))


def compared(rival: PairComparison) -> tuple[bool, bool]:
    """Tells whether the log loss is lower than the rival's, and whether the accuracy is worse."""
    difference = rival["difference"]
    most = difference["accuracy"]["high"]  # None of too few prompts
    return difference["log_loss"]["value"] < 0, most is not None and most < 0


def in_words(
    report: PairReport, rival: PairComparison, part: Beside, loss: tuple[bool, str], accuracy: tuple[bool, str]
) -> list[Check]:
    checks: dict[PairMeasure, tuple[bool, str]] = {"log_loss": loss, "accuracy": accuracy}
    return [Check(passed, words % beside(report, rival, measure), part) for measure, (passed, words) in checks.items()]


def beside(report: PairReport, rival: PairComparison, measure: PairMeasure) -> dict[str, object]:
    """Gives a measure of the model and of the other one, and how far they are apart."""
    return {
        "own": number(report[measure]["value"]),
        "rival": number(rival[measure]),
        "gap": with_range(rival["difference"][measure], sign="+"),
        "version": rival.get("version"),
        "on": on(report),
    }


def on(report: Report) -> str:
    """Pairs of one prompt are no independent pairs, so both are counted."""
    pairs, prompts = (number_format(n, force_grouping=True) for n in counts(report))
    return _("%(pairs)s test pairs of %(prompts)s prompts") % {"pairs": pairs, "prompts": prompts}


def counts(report: Report) -> tuple[int, int]:
    """Counts pairs, and the prompts that they are of."""
    return report["n_pairs"], report["n_pair_prompts"]
