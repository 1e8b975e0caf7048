"""Calibration, distributions of rewards, ties and parts."""

import math

import numpy as np
import pytest

from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.measures import curves, metrics
from rewardtrain.core.measures.metrics import Pairs


def pairs_of(*prompts: tuple[int, ...]) -> Pairs:
    """One labeler's ranking for each prompt."""
    return metrics.collect_pairs(
        [
            Group(f"p{place}", "test", (Message("user", str(place)),), ("x",) * len(ranks), (Ranking("ann", ranks),))
            for place, ranks in enumerate(prompts)
        ]
    )


def test_calibration_error_is_the_weighted_gap_between_confidence_and_accuracy() -> None:
    """Three pairs of confidence 3/4, of which two are right: |3/4 - 2/3|; one of 9/10 that is right: |9/10 - 1|."""
    margins = np.array([math.log(3), math.log(3), -math.log(3), math.log(9)])
    got = curves.calibration(pairs_of(*[(1, 2)] * 4), margins, samples=200, seed=0)
    assert got["value"] == pytest.approx(3 / 4 * (3 / 4 - 2 / 3) + 1 / 4 * (1 - 9 / 10))
    assert got["low"] is got["high"] is None, "of four prompts"
    more = curves.calibration(pairs_of(*[(1, 2)] * 8), np.tile(margins, 2), samples=200, seed=0)
    assert more["low"] <= got["value"] == more["value"] <= more["high"]
    filled = [part for part in got["bins"] if part["n"]]
    assert [(part["n"], part["confidence"], part["accuracy"]) for part in filled] == [
        (3, pytest.approx(3 / 4), pytest.approx(2 / 3)),
        (1, pytest.approx(9 / 10), 1.0),
    ]
    assert all(part["accuracy_low"] < part["accuracy"] for part in filled)


def test_a_perfectly_calibrated_model_has_a_calibration_error_too() -> None:
    """One pair of confidence 3/4: its error is 1/4 with chance 3/4 and 3/4 with chance 1/4, on average 3/8. On 400 such
    pairs the error is sd * sqrt(2 / pi) with sd = sqrt(3/16 / 400)."""
    one = curves.calibration(pairs_of((1, 2)), np.array([math.log(3)]), samples=4000, seed=0)
    assert one["by_chance"] == pytest.approx(3 / 8, abs=0.02)
    many = curves.calibration(pairs_of(*[(1, 2)] * 400), np.full(400, math.log(3)), samples=1000, seed=0)
    assert many["by_chance"] == pytest.approx(math.sqrt(3 / 16 / 400 * 2 / math.pi), rel=0.1)


def test_histograms_of_chosen_and_rejected_share_their_bins_and_hold_every_pair() -> None:
    got = curves.reward_distributions(pairs_of((1, 2, 3), (1, 2)), [[4.0, 2.0, 0.0], [3.0, 1.0]], samples=100, seed=0)
    assert len(got["edges"]) == len(got["chosen"]["counts"]) + 1 == len(got["rejected"]["counts"]) + 1
    assert sum(got["chosen"]["counts"]) == sum(got["rejected"]["counts"]) == 4
    assert got["chosen"]["mean"] == pytest.approx((4 + 4 + 2 + 3) / 4)
    assert got["rejected"]["sd"] == pytest.approx(np.std([2, 0, 0, 1]))


def test_the_auc_is_over_all_prompts_and_counts_equal_rewards_half() -> None:
    """Chosen 2 and 1, rejected 1 and 0. Of the four combinations 2>1, 2>0, 1>0 and one of equals: 3.5 of 4."""
    rewards = [[2.0, 1.0], [1.0, 0.0]]
    got = curves.reward_distributions(pairs_of((1, 2), (1, 2)), rewards, samples=200, seed=0)
    assert got["auc"] == {"value": 3.5 / 4, "low": None, "high": None}
    got = curves.reward_distributions(pairs_of(*[(1, 2)] * 6), rewards * 3, samples=200, seed=0)
    assert got["auc"]["value"] == got["auc"]["low"] == 3.5 / 4  # that of three prompts and three
    assert got["auc"]["high"] > 0.9


@pytest.mark.parametrize(("rewards", "overlap"), [([[1.0, 0.0]] * 3, 0.0), ([[1.0, 1.0]] * 3, 1.0)])
def test_overlap_is_nothing_where_they_are_apart_and_one_where_they_are_equal(
    rewards: list[list[float]], overlap: float
) -> None:
    pairs = pairs_of(*[(1, 2)] * 3)
    assert curves.reward_distributions(pairs, rewards, samples=100, seed=0)["overlap"] == overlap


def test_margins_are_true_means_over_pairs_and_ties_stand_beside_them() -> None:
    """Pairs: 3 - 1, 3 - 0.5, -1 as the second prompt's are the wrong way round. The tie is 1 against 0.5."""
    got = curves.margin_sizes(pairs_of((1, 2, 2), (1, 2)), [[3.0, 1.0, 0.5], [0.0, 1.0]], samples=200, seed=0)
    assert (got["value"], got["n"]) == (pytest.approx((2 + 2.5 - 1) / 3), 3)
    assert got["sd"] == pytest.approx(np.std([2, 2.5, -1]))
    assert (got["size"]["value"], got["size"]["n"]) == (pytest.approx((2 + 2.5 + 1) / 3), 3)
    assert (got["size_on_ties"]["value"], got["size_on_ties"]["n"]) == (0.5, 1)


def test_without_ties_nothing_is_said_of_them() -> None:
    assert curves.margin_sizes(pairs_of((1, 2)), [[1.0, 0.0]], samples=100, seed=0)["size_on_ties"] is None


def test_parts_without_a_pair_are_left_out() -> None:
    pairs = pairs_of((1, 2), (1, 3))
    assert [(part["gap"], part["n"]) for part in curves.by_gap(pairs, np.ones(2))] == [(1, 2)]
    [part] = curves.by_length_difference(pairs, np.ones(2))
    assert (part["low"], part["high"], part["n"], part["accuracy"]) == (0, 1, 2, 1.0)


def test_the_ends_of_a_histogram_leave_out_half_a_percent_and_count_it_in_their_bins() -> None:
    """Chosen 100 to 199, rejected 0 to 99: the 0.5th and 99.5th percentile of 0 to 199 are 0.995 and 198.005."""
    rewards = [[100.0 + n, float(n)] for n in range(100)]
    got = curves.reward_distributions(pairs_of(*[(1, 2)] * 100), rewards, samples=20, seed=0)
    assert (got["edges"][0], got["edges"][-1]) == pytest.approx((0.995, 198.005))
    assert len(got["edges"]) == 25
    assert np.diff(got["edges"]) == pytest.approx([197.01 / 24] * 24)
    assert got["rejected"]["counts"][0] == 10, "0 to 9, of which 0 is beyond the end"
    assert got["chosen"]["counts"][-1] == 10
    assert got["overlap"] == 0


def test_equal_rewards_stand_in_the_middle_of_a_histogram_one_wide() -> None:
    got = curves.reward_distributions(pairs_of((1, 2)), [[2.0, 2.0]], samples=20, seed=0)
    assert (got["edges"][0], got["edges"][-1]) == (1.5, 2.5)
    assert got["chosen"]["counts"].index(1) == got["rejected"]["counts"].index(1) == 12


def test_few_different_chances_are_all_thresholds_and_many_are_shared_out() -> None:
    few = curves.thresholds(np.array([0.123, 0.5, 0.777]), np.array([True, False, True]))
    assert len(few["thresholds"]) == 99 + 2, "0.5 is a hundredth already"
    assert {0.123, 0.777} <= set(few["thresholds"])
    chances = np.random.default_rng(0).random(5000)
    many = curves.thresholds(chances, chances > 0.5)
    assert len(many["thresholds"]) == 299
    reached = [true + false for true, false in zip(many["true_positives"], many["false_positives"], strict=True)]
    assert reached == [int((chances >= cut).sum()) for cut in many["thresholds"]]
    assert reached == sorted(reached)
    assert reached[-1] == 5000, "the lowest chance is a threshold"
