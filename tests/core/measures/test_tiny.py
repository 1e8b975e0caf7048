"""Whatever is evaluated, a report's numbers can be true, and the command's words are words."""

import re

import pytest
from hypothesis import HealthCheck, given, settings

from rewardtrain.core.artifact.card import _metrics
from rewardtrain.core.measures import intervals
from rewardtrain.core.measures.metrics import Json
from rewardtrain.core.measures.report_text import format_report
from tests.report_shape import misshapen
from tests.rewardtrain.tiny_reports import flaws, tiny_reports

NO_WORDS = re.compile(r"\bNone\b|\bnan\b|\binf\b|(?<!\w)[-\N{MINUS SIGN}]0(\.0+)?(?![\d.])")
UNUSUAL = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


@UNUSUAL
@given(tiny_reports())
def test_every_number_of_a_report_can_be_true_and_is_said_in_words(report: Json) -> None:
    assert flaws(report) == []
    assert misshapen(report) == []
    for text in (format_report(report), _metrics(report)):
        assert not NO_WORDS.search(text), text


@UNUSUAL
@given(tiny_reports())
def test_no_figure_over_few_prompts_has_an_interval_but_shares(report: Json) -> None:
    if report["n_pairs"]:
        few = report["n_pair_prompts"] < intervals.LEAST_PROMPTS
        for name in ("log_loss", "log_loss_raw", "brier", "ece", "ece_raw", "margins"):
            assert (report[name]["low"] is None) is few, name
        assert report["accuracy"]["low"] < report["accuracy"]["high"]
        ends = report["rewards"]["auc"]
        assert few or ends["value"] not in (0, 1) or ends["low"] < ends["high"]
    if flags := report["flags"]:
        few = flags["n_prompts"] < intervals.LEAST_PROMPTS
        for name in ("log_loss", "log_loss_raw", "ece"):
            assert (flags[name]["low"] is None) is few, name


@pytest.mark.parametrize("words", ["a -0.0000 b", "(nan to inf)", "by None to -500", "\N{MINUS SIGN}0 points"])
def test_what_is_no_word_is_found(words: str) -> None:
    assert NO_WORDS.search(words)
