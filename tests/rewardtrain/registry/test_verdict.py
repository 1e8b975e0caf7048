"""What a model is worth in a few words, for each of the ways in which reports differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardtrain.evidence import LABELS, PAIRS, Evidence
from rewardtrain.evidence.worth import Worth, apart
from rewardtrain.registry.verdict import Verdict, verdict
from tests.reports import draw_flag_report, draw_report
from tests.rewardtrain.conftest import make_report
from tests.rewardtrain.registry.test_champions import against


def judged(*, passed: bool = True, longer: float = 0.5, people: float | None = 0.9, **figures: Any) -> Verdict:
    """Of a report whose shares have intervals of 0.05 either way, but for what is asked."""
    report = make_report(**{"accuracy": 0.7, "interval": (0.65, 0.75), **figures})
    report["baseline_longer"] = {"accuracy": longer, "low": longer - 0.05, "high": longer + 0.05}
    report["human_ceiling"] = people and {"agreement": people, "low": people - 0.05, "high": people + 0.05, "n": 200}
    return verdict(report, PAIRS, passed=passed)


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"n_pairs": 18, "n_prompts": 3}, "Not judged yet: needs 2 more test prompts"),
        ({"n_pairs": 18, "n_prompts": 4}, "Not judged yet: needs 1 more test prompt"),
        ({"n_pairs": 18, "n_prompts": 6}, "Not judged yet: needs 2 more test pairs"),
        ({"n_pairs": 19, "n_prompts": 6}, "Not judged yet: needs 1 more test pair"),
        ({"log_loss": 0.7}, "No better than a coin"),
        ({"accuracy": 0.54, "interval": (0.49, 0.59)}, "No better than a coin"),
        ({"longer": 0.8}, "Below longer-wins"),
        ({"longer": 0.69}, "No better than longer-wins"),
        ({"longer": 0.71}, "No better than longer-wins"),
        ({"people": None}, "Better than longer-wins; how far people agree is not known"),
        ({"people": 0.9}, "Better than longer-wins, below people"),
        ({"people": 0.72}, "Better than longer-wins, not told apart from people"),
    ],
)
def test_a_model_is_called_what_it_is_worth(figures: dict[str, Any], words: str) -> None:
    assert judged(**figures).words == words


def test_green_needs_the_gate_and_more_than_what_needs_no_model() -> None:
    assert judged().state == "good"
    assert judged(passed=False).state == "waiting"
    assert judged(longer=0.8).state == "waiting"
    assert judged(longer=0.69).state == "waiting"
    assert judged(people=None).state == "good"
    assert judged(log_loss=0.7, passed=False).state == "waiting"


def test_a_model_that_only_another_one_kept_from_passing_says_which() -> None:
    worse = against(log_loss=0.05, accuracy=(0.0, -0.03, 0.03))
    found = judged(champion=worse, passed=False)
    assert found.words == "Better than longer-wins, below people. Not better than the champion of that day"
    report = draw_report(skill=0.9) | {"head_rival": {"version": 7, **worse}}
    assert verdict(report, PAIRS, passed=False).words.endswith(". Not better than the newest head of that day")
    assert "of that day" not in judged(champion=worse, passed=False, n_pairs=10).words
    assert "of that day" not in judged(champion=worse, passed=False, longer=0.8).words


def test_a_classifier_is_called_what_its_flag_is_worth() -> None:
    def words(**drawn: Any) -> str:
        return verdict(draw_flag_report(**drawn), LABELS, passed=True).words

    assert words() == "Better than the base rate"
    assert words(skill=0.02) == "No better than a coin"
    assert words(n=3, n_labels=9) == "Not judged yet: needs 2 more test texts"
    assert words(n=12) == "Not judged yet: needs 8 more test labels"
    assert words(flagged=1e-9) == "Not judged yet: all test labels say the same"
    report = draw_flag_report()
    report["flags"]["baseline"]["difference"]["high"] = 0.01
    assert verdict(report, LABELS, passed=False).worth is Worth.BASE_RATE
    report = draw_flag_report(skill=0.8, champion_skill=3.0)
    assert verdict(report, LABELS, passed=False).words.endswith(". Not better than the champion of that day")
    assert verdict(draw_report(), LABELS, passed=False).words == "Not judged yet: needs 5 more test texts"


@pytest.mark.parametrize("evidence", [PAIRS, LABELS], ids=["pairs", "labels"])
def test_the_gate_and_the_verdict_agree_on_whether_there_is_enough_to_judge(evidence: Evidence) -> None:
    assert verdict(draw_flag_report(n=12), evidence, passed=False).worth is Worth.UNJUDGED


shares = st.tuples(*[st.floats(0, 1)] * 3).map(sorted).map(lambda ends: (ends[1], ends[0], ends[2]))


@given(shares, shares)
def test_two_shares_are_apart_in_one_direction_and_never_where_one_holds_the_other(
    own: tuple[float, float, float], other: tuple[float, float, float]
) -> None:
    assert apart(own, other) == -apart(other, own)
    if own[1] <= other[0] <= own[2]:
        assert apart(own, other) == 0


def test_two_shares_are_apart_by_newcombes_interval() -> None:
    """56 of 70 and 48 of 80: the difference is 0.2, 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    assert apart((0.8, 0.6918, 0.8769), (0.6, 0.4904, 0.7005)) == 1
    assert apart((0.6918, 0.6, 0.8769), (0.6, 0.4904, 0.7005)) == 0
