import math

import pytest

from rewardtrain.automatic.model_preferences import HOLDOUT, Preference, is_held_out, kept, preferences


def test_a_pair_s_probability_is_bradley_terry_s_of_the_softmax() -> None:
    """Rewards 0, ln 3 and ln 9 at temperature 1: the softmax is 1/13, 3/13, 9/13; of two, 3/4, 9/10 and 3/4."""
    found = preferences([1 / 13, 3 / 13, 9 / 13])
    assert [(each.chosen, each.rejected) for each in found] == [(1, 0), (2, 0), (2, 1)]
    assert [each.probability for each in found] == pytest.approx([0.75, 0.9, 0.75])
    assert found[0].probability == pytest.approx(1 / (1 + math.exp(-math.log(3))))


def test_the_uncertainty_of_a_difference_adds_up_as_variances() -> None:
    assert [each.uncertainty for each in preferences([0.5, 0.5], [3.0, 4.0])] == [5.0]
    assert [each.uncertainty for each in preferences([0.5, 0.5])] == [None]


def test_probabilities_too_small_for_a_number_are_a_coin_s() -> None:
    assert [each.probability for each in preferences([0.0, 0.0, 1.0])] == [0.5, 1.0, 1.0]


def test_pairs_at_the_threshold_are_kept() -> None:
    found = [Preference(0, 1, 0.9), Preference(0, 2, 0.89), Preference(1, 2, 0.95)]
    assert kept(found, 0.9) == [found[0], found[2]]


def test_a_tenth_is_held_out_and_always_the_same() -> None:
    hashes = [f"{number:064x}" for number in range(20_000)]
    drawn = [is_held_out(each) for each in hashes]
    assert sum(drawn) / len(drawn) == pytest.approx(HOLDOUT, abs=0.01)
    assert drawn == [is_held_out(each) for each in hashes]
