"""The gate that a new model must pass to become champion by itself: every check in words, with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from rewardtrain.flag_gate import flag_checks
from rewardtrain.wording import number, with_range

# Fewer say nothing: the interval is drawn over prompts, and one of two or three prompts is an anecdote.
MIN_TEST_PAIRS = 20
MIN_TEST_PROMPTS = 5

Report = Mapping[str, Any]  # as `rewardtrain.core` writes it


@dataclass(frozen=True)
class Gate:
    """Whether a model may become champion by itself, and every check in words, with its numbers."""

    passed: bool
    reasons: list[str]


def gate(report: Report, *, classifies: bool = False) -> Gate:
    """Judges the report of an evaluation on the test split, with the champion's on the same pairs if there is one.

    The model of a project that classifies is judged by its flag instead: see flag_checks.
    A fine-tuning has to beat the newest head as well, which is there in a second: "head_rival" has its part.
    Log loss decides first: a model that over-fits keeps its accuracy while it grows sure of its errors.
    """
    if classifies:
        return verdict(flag_checks(report["flags"]))
    enough, too_few = enough_to_judge(report)
    if not enough:
        return Gate(False, [too_few])
    checks = against_champion(report) if report["champion"] else against_chance(report)
    if report.get("head_rival"):
        checks += against_head(report)
    return verdict(checks)


def verdict(checks: list[tuple[bool, str]]) -> Gate:
    return Gate(all(passed for passed, _ in checks), [reason for _, reason in checks])


def enough_to_judge(report: Report) -> tuple[bool, str]:
    pairs, prompts = report["n_pairs"], report.get("n_pair_prompts", report["n_distinct_prompts"])
    words = _(
        "The test split has %(pairs)s pairs of %(prompts)s prompts; "
        "at least %(min_pairs)s pairs of %(min_prompts)s prompts are needed to judge a model."
    )
    said = {"pairs": pairs, "prompts": prompts, "min_pairs": MIN_TEST_PAIRS, "min_prompts": MIN_TEST_PROMPTS}
    return pairs >= MIN_TEST_PAIRS and prompts >= MIN_TEST_PROMPTS, words % said


def against_chance(report: Report) -> list[tuple[bool, str]]:
    loss, accuracy, n = report["log_loss"], report["accuracy"], report["n_pairs"]
    lower, above = loss["value"] < report["ln2"], accuracy["low"] > 0.5
    loss_words = (
        _("Log loss %(loss)s is below ln 2 = %(ln2)s, a coin's, on %(n)s test pairs.")
        if lower
        else _("Log loss %(loss)s is not below ln 2 = %(ln2)s, a coin's, on %(n)s test pairs.")
    )
    accuracy_words = (
        _("Accuracy %(accuracy)s is above chance with its whole interval, on %(n)s test pairs.")
        if above
        else _("Accuracy %(accuracy)s is not above chance with its whole interval, on %(n)s test pairs.")
    )
    return [
        (lower, loss_words % {"loss": with_range(loss), "ln2": number(report["ln2"]), "n": n}),
        (above, accuracy_words % {"accuracy": with_range(accuracy), "n": n}),
    ]


def against_champion(report: Report) -> list[tuple[bool, str]]:
    """By the paired bootstrap: both models on the same draws of prompts."""
    lower, worse = compared(report["champion"])
    loss_words = (
        _("Log loss %(own)s is lower than the champion's %(rival)s on the same %(n)s test pairs (difference %(gap)s).")
        if lower
        else _(
            "Log loss %(own)s is not lower than the champion's %(rival)s on the same %(n)s test pairs "
            "(difference %(gap)s)."
        )
    )
    accuracy_words = (
        _("Accuracy %(own)s is worse than the champion's %(rival)s on the same %(n)s test pairs (difference %(gap)s).")
        if worse
        else _(
            "Accuracy %(own)s is not worse than the champion's %(rival)s on the same %(n)s test pairs "
            "(difference %(gap)s)."
        )
    )
    return in_words(report, report["champion"], (lower, loss_words), (not worse, accuracy_words))


def against_head(report: Report) -> list[tuple[bool, str]]:
    """The same beside the newest head, which is not the champion."""
    lower, worse = compared(report["head_rival"])
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
    return in_words(report, report["head_rival"], (lower, loss_words), (not worse, accuracy_words))


def compared(rival: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether the log loss is lower than the rival's, and whether the accuracy is worse."""
    difference = rival["difference"]
    most = difference["accuracy"]["high"]  # None of too few prompts
    return difference["log_loss"]["value"] < 0, most is not None and most < 0


def in_words(
    report: Report, rival: Mapping[str, Any], loss: tuple[bool, str], accuracy: tuple[bool, str]
) -> list[tuple[bool, str]]:
    checks = {"log_loss": loss, "accuracy": accuracy}
    return [(passed, words % beside(report, rival, measure)) for measure, (passed, words) in checks.items()]


def beside(report: Report, rival: Mapping[str, Any], measure: str) -> dict[str, object]:
    """A measure of the model and of the rival, and how far they are apart."""
    return {
        "own": number(report[measure]["value"]),
        "rival": number(rival[measure]),
        "gap": with_range(rival["difference"][measure], sign="+"),
        "n": report["n_pairs"],
        "version": rival.get("version"),
    }
