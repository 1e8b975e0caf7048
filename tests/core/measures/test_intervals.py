"""Intervals at their limits: few prompts, one outcome, weights, nothing at all."""

import math
from typing import Any

import numpy as np
import pytest

from formats.wilson import wilson
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.measures import calibrate, curves, intervals, metrics
from rewardtrain.core.measures.flags import collect_votes
from rewardtrain.core.measures.report import Scores, build_report
from rewardtrain.core.measures.subsets import subset_report


def test_an_estimate_needs_five_prompts_and_holds_its_value() -> None:
    draws = np.array([1.0, 2.0, 3.0, math.nan, math.inf])
    assert intervals.estimate(2.0, draws, 4) == {"value": 2.0, "low": None, "high": None}
    assert intervals.estimate(2.0, np.array([math.nan]), 9) == {"value": 2.0, "low": None, "high": None}
    got = intervals.estimate(2.0, draws, 5)
    assert (got["low"], got["high"]) == pytest.approx((1.05, 2.95)), "the middle 95 % of 1, 2, 3"
    skewed = intervals.estimate(0.0, draws, 5), intervals.estimate(9.0, draws, 5)
    assert (skewed[0]["low"], skewed[1]["high"]) == (0.0, 9.0)


@pytest.mark.parametrize(("value", "end"), [(1.0, "low"), (-1.0, "high")])
def test_draws_that_are_all_the_most_it_can_be_are_taken_as_so_many_of_so_many(value: float, end: str) -> None:
    """-1 to 1 has twice the width of a share: of 8 of 8 Wilson's lower end is l, so here it is 2 l - 1."""
    got = intervals.estimate(value, np.full(30, value), 8, ends=(-1.0, 1.0))
    assert got[end] == pytest.approx((2 * wilson(1.0, 8)[0] - 1) * value)
    assert got["high" if end == "low" else "low"] == pytest.approx(value)
    inside = intervals.estimate(0.5, np.full(30, 0.5), 8, ends=(-1.0, 1.0))
    assert (inside["low"], inside["high"]) == (0.5, 0.5)
    assert intervals.estimate(value, np.full(30, value), 8)[end] == value, "nobody said what it can be"


def test_two_models_that_differ_nowhere_may_still_differ_on_other_prompts() -> None:
    most = wilson(0.0, 12)[1]
    none = np.zeros(40)
    assert intervals.difference(0.0, none, 12, same=False) == {"value": 0.0, "low": -most, "high": most}
    assert intervals.difference(0.0, none, 12, same=True) == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert intervals.difference(0.0, none, 4, same=False)["low"] is None


def test_more_prompts_that_scatter_alike_make_an_interval_narrower_and_more_pairs_of_the_same_do_not() -> None:
    hits, cluster = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1, 2, 2, 3, 3, 3])
    once = intervals.share_estimate(hits, cluster)
    same = intervals.share_estimate(np.tile(hits, 5), np.tile(cluster, 5))
    other = intervals.share_estimate(np.tile(hits, 5), np.concatenate([cluster + 4 * n for n in range(5)]))
    assert same == pytest.approx(once)
    assert other["value"] == once["value"]
    assert once["low"] < other["low"] < other["high"] < once["high"]


def test_of_one_prompt_a_share_is_worth_one_pair() -> None:
    got = intervals.share_estimate(np.array([1.0, 0.0, 1.0, 0.0]), np.zeros(4, dtype=np.int64))
    assert (got["low"], got["high"]) == pytest.approx(wilson(0.5, 1))


def test_weights_count_pairs_in_part() -> None:
    """Half of a pair that is right, a whole one that isn't, a whole one that is: 1.5 of 2.5."""
    got = intervals.share_estimate(np.array([0.5, 0.0, 1.0]), np.array([0, 1, 2]), np.array([0.5, 1.0, 1.0]))
    assert got["value"] == pytest.approx(1.5 / 2.5)
    residuals = [0.5 - 0.3, -0.6, 1 - 0.6]
    variance = 3 / 2 * sum(each**2 for each in residuals) / 2.5**2
    assert (got["low"], got["high"]) == pytest.approx(wilson(0.6, min(2.5, 0.6 * 0.4 / variance)))


def test_of_nothing_a_share_is_nothing() -> None:
    assert intervals.share(np.zeros(0), np.zeros(0, dtype=np.int64)) == {
        "n": 0,
        "n_prompts": 0,
        "accuracy": None,
        "accuracy_low": None,
        "accuracy_high": None,
    }


def apart(n: int) -> tuple[list[Group], Scores]:
    """n prompts on which the model is right, with a flag that it tells without a fault."""
    flags = ({"rude": False}, {"rude": True})
    said = (Ranking("ann", (2, 1), flags=flags),)
    groups = [Group(str(place), "test", (Message("user", str(place)),), ("a", "b"), said) for place in range(n)]
    logits = np.tile(np.array([[1.0, -2.0], [0.0, 2.0]], dtype=np.float32), (n, 1))
    return groups, Scores(logits, [2] * n, 0, 0, 1.0, labels=("not_rude", "rude"))


def test_a_model_without_a_fault_is_not_certain_to_be_without_one() -> None:
    """Eight prompts: what can be 1 at most has the interval of eight of eight; tau, from -1 to 1, twice as wide."""
    groups, scores = apart(8)
    made: Any = {"split": "test", "device": "cpu", "peak_memory_mb": 1, "samples": 50, "seed": 0}
    report = build_report(groups, scores, champion=scores, **made)
    low = wilson(1.0, 8)[0]
    flags = report["flags"]
    areas = (report["rewards"]["auc"], flags["roc_auc"], flags["roc_auc_of_reward"], flags["champion"]["roc_auc"])
    for figure in (*areas, report["accuracy"]):
        assert figure == {"value": 1.0, "low": pytest.approx(low), "high": 1.0}
    assert (report["kendall_tau_b"]["low"], report["kendall_tau_b"]["high"]) == (pytest.approx(2 * low - 1), 1.0)
    none = curves.roc_auc(np.zeros(8), np.arange(8) < 4, np.arange(8), 8, samples=20, seed=0)
    assert none["value"] == 0.5
    turned = curves.roc_auc(np.arange(16.0), np.arange(16) < 8, np.arange(16), 16, samples=50, seed=0)
    assert turned == {"value": 0.0, "low": 0.0, "high": pytest.approx(1 - low)}


def test_subsets_that_are_all_right_or_all_wrong_are_not_certain() -> None:
    groups, _ = apart(8)
    pairs = metrics.collect_pairs(groups)
    for hits, ends in ((np.ones(8), wilson(1.0, 8)), (np.zeros(8), wilson(0.0, 8))):
        average = subset_report(pairs, ["a", "b"] * 4, hits, samples=50, seed=0)["average"]
        assert (average["low"], average["high"]) == pytest.approx(ends)


def test_no_votes_are_no_margins_of_any_head() -> None:
    votes = collect_votes([Group("p", "test", (Message("user", "?"),), ("a",), ())], ("not_rude", "rude"))
    assert len(votes.margins(np.zeros((1, 1)))) == len(votes.margins(np.zeros((1, 2)))) == 0
    fitted = calibrate.fit(np.array([1.0, 2.0]), votes.margins(np.zeros((1, 1))))
    assert (fitted.n_pairs, fitted.n_votes) == (2, 0)
    assert (fitted.temperature != 1.0, fitted.class_temperature) == (True, 1.0)


def test_heads_that_give_raw_rewards_give_the_folders_after_the_same_map() -> None:
    """(2 x + 5 - 3) / 4 is x / 2 + 1 / 2."""
    calibration = calibrate.Calibration(mean=3.0, sd=4.0)
    np.testing.assert_allclose(calibration.heads(np.array([[2.0, 5.0]], dtype=np.float32)), [[0.5, 0.5]])


@pytest.mark.parametrize(
    ("mean", "sd", "kept"),
    [(0.0, 2e-6, True), (0.0, 5e-7, False), (100.0, 2e-4, True), (100.0, 5e-5, False), (-100.0, 5e-5, False)],
)
def test_a_spread_that_is_rounding_beside_the_mean_is_none(mean: float, sd: float, kept: bool) -> None:
    found = calibrate.RAW.normalised(np.array([mean - sd, mean + sd]), has_bias=True)
    assert found.sd == (pytest.approx(sd, rel=1e-6) if kept else 1.0)


def test_without_a_reference_rewards_stay_as_they_are_and_votes_have_a_temperature_of_their_own() -> None:
    fitted = calibrate.fit(np.array([1.0, 2.0]), np.array([0.5, -0.5, 0.5]))
    assert fitted.class_temperature == calibrate.fit_temperature(np.array([0.5, -0.5, 0.5])) != fitted.temperature
    alone = fitted.normalised(np.zeros(0), has_bias=True)
    assert (alone.mean, alone.sd, alone.n_reference, alone.temperature) == (0.0, 1.0, 0, fitted.temperature)
