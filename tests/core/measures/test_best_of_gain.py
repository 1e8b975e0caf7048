import math
from itertools import combinations

import numpy as np
import pytest

from rewardtrain.core.measures.best_of_gain import doubts, expected_max, gains, kl


def test_the_expected_highest_by_hand() -> None:
    """Of 1, 2, 6: n = 1 the mean 3; n = 2 over {1,2}, {1,6}, {2,6} is (2 + 6 + 6) / 3; n = 3 is 6."""
    assert expected_max([6, 1, 2]) == pytest.approx([3, 14 / 3, 6])


def test_the_expected_highest_is_the_mean_over_all_subsets() -> None:
    rewards = np.random.default_rng(0).normal(size=7).tolist()
    for n, value in enumerate(expected_max(rewards), start=1):
        assert value == pytest.approx(np.mean([max(each) for each in combinations(rewards, n)]))


def test_it_is_unbiased() -> None:
    """E[max of 2] of a standard normal is 1 / sqrt(pi); means over 20,000 samples of five stray by 0.004."""
    draws = np.random.default_rng(0).normal(size=(20_000, 5))
    assert np.mean([expected_max(each)[1] for each in draws]) == pytest.approx(1 / math.sqrt(math.pi), abs=0.015)


def test_many_candidates_stay_numbers() -> None:
    found = expected_max(list(range(256)))
    assert found[0] == pytest.approx(127.5)
    assert found[-1] == 255
    assert np.all(np.diff(found) > 0)


def test_kl_by_hand() -> None:
    assert kl(1) == 0
    assert kl(2) == pytest.approx(math.log(2) - 0.5)
    assert kl(16) == pytest.approx(math.log(16) - 15 / 16)


def test_gains_are_means_over_the_prompts_that_have_so_many() -> None:
    """0, 2 gains 1 of two; 1, 2, 6 gains 5/3 of two and 3 of three."""
    one, two, three = gains([[0, 2], [1, 2, 6]], samples=200, seed=0)
    assert (one["value"], one["n_prompts"], one["kl"]) == (0, 2, 0)
    assert (two["value"], two["n_prompts"]) == (pytest.approx((1 + 5 / 3) / 2), 2)
    assert (three["value"], three["n_prompts"]) == (pytest.approx(3), 1)
    assert two["low"] is two["high"] is three["low"] is three["high"] is None, "two say little of the others"
    _, two, three = gains([[0, 2], [1, 2, 6]] * 4, samples=200, seed=0)
    assert 1 <= two["low"] <= two["value"] <= two["high"] <= 5 / 3 + 1e-9
    assert (three["low"], three["n_prompts"]) == (None, 4)


def test_n_that_few_prompts_have_is_left_out() -> None:
    """Of sizes 2, 2, 3, 5 half have 3 and a quarter has 5."""
    found = gains([[0, 1], [0, 1], [0, 1, 2], [0, 1, 2, 3, 9]], samples=50, seed=0)
    assert [(each["n"], each["n_prompts"]) for each in found] == [(1, 4), (2, 4), (3, 2)]


def test_of_nothing_there_is_no_gain() -> None:
    assert gains([], samples=10, seed=0) == []


def test_a_top_above_the_ninetieth_percentile_is_uncertain() -> None:
    """Nine uncertainties of 0.1 and one of 2, the second prompt's top: it gains 0.5 over the mean, less than 2."""
    rewards = [[0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0, 0.625]]
    found = doubts(rewards, [[0.1] * 5, [0.1, 0.1, 0.1, 0.1, 2.0]])
    assert found["uncertain"] == found["within"] == [1]
    assert found["limit"] == pytest.approx(0.29)


def test_equal_uncertainty_makes_no_top_uncertain() -> None:
    assert doubts([[0.0, 1.0]], [[0.3, 0.3]])["uncertain"] == []
