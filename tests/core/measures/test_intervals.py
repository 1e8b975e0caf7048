"""Intervals at their limits: few prompts, one outcome, weights, nothing at all."""

import math

import numpy as np
import pytest

from formats.wilson import wilson
from rewardtrain.core.measures import intervals


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
