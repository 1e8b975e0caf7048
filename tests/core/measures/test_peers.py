"""The report of random judgements beside what scikit-learn, SciPy and plain loops make of the same."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from formats.wilson import wilson
from rewardtrain.core.data.groups import Group
from tests.core.measures.judged import SAMPLES, SEED, Said, half_right


def test_counts_are_those_of_a_loop_over_all_rankings(
    report: dict[str, Any], groups: list[Group], said: list[Said], strict: list[Said]
) -> None:
    assert report["n_pairs"] == len(strict)
    assert report["n_ties"] == len(said) - len(strict)
    assert report["n_prompts"] == len(groups) == 40
    assert report["n_distinct_prompts"] == 36
    assert report["n_pair_prompts"] == len({each.prompt for each in strict})
    assert report["n_alike"] == 0


def test_log_loss_and_brier_score_are_those_of_scikit_learn(report: dict[str, Any], strict: list[Said]) -> None:
    """Of the event that the chosen one is preferred, which always came true, with the probability of its margin."""

    def chances(scale: float) -> list[float]:
        return [1 / (1 + math.exp(-each.margin * scale)) for each in strict]

    came_true = [1] * len(strict)
    assert report["log_loss"]["value"] == pytest.approx(log_loss(came_true, chances(1 / 1.7), labels=[0, 1]))
    assert report["log_loss_raw"]["value"] == pytest.approx(log_loss(came_true, chances(0.6), labels=[0, 1]))
    assert report["brier"]["value"] == pytest.approx(
        brier_score_loss(came_true, chances(1 / 1.7), labels=[0, 1], pos_label=1)
    )


def test_accuracy_in_all_and_by_part_is_that_of_a_loop(report: dict[str, Any], strict: list[Said]) -> None:
    assert report["accuracy"]["value"] == pytest.approx(half_right([each.margin for each in strict]))
    assert report["baseline_longer"]["accuracy"] == pytest.approx(half_right([each.longer_by for each in strict]))
    for part in report["by_gap"]:
        of = [each for each in strict if each.gap == part["gap"]]
        assert (part["n"], part["n_prompts"]) == (len(of), len({each.prompt for each in of}))
        assert part["accuracy"] == pytest.approx(half_right([each.margin for each in of]))
    assert [part["gap"] for part in report["by_gap"]] == [1, 2]


def test_labelers_are_listed_by_how_much_they_judged(report: dict[str, Any], strict: list[Said]) -> None:
    counts = Counter(each.labeler for each in strict)
    assert [(part["labeler"], part["n"]) for part in report["by_labeler"]] == counts.most_common()
    for part in report["by_labeler"]:
        of = [each.margin for each in strict if each.labeler == part["labeler"]]
        assert part["accuracy"] == pytest.approx(half_right(of))


def test_parts_by_length_hold_every_pair_once_within_their_bounds(report: dict[str, Any], strict: list[Said]) -> None:
    parts = report["by_length_difference"]
    assert sum(part["n"] for part in parts) == len(strict)
    for part in parts:
        low = -math.inf if part["low"] is None else part["low"]
        high = math.inf if part["high"] is None else part["high"]
        of = [each.margin for each in strict if low <= each.longer_by < high]
        assert (part["n"], part["accuracy"]) == (len(of), pytest.approx(half_right(of)))


def test_the_auc_of_rewards_is_that_of_scikit_learn(report: dict[str, Any], strict: list[Said]) -> None:
    values = [each.chosen for each in strict] + [each.rejected for each in strict]
    wanted = roc_auc_score([1] * len(strict) + [0] * len(strict), values)
    assert report["rewards"]["auc"]["value"] == pytest.approx(wanted)


def test_mean_tau_b_is_that_of_scipy(report: dict[str, Any], groups: list[Group], rewards: list[list[float]]) -> None:
    """Over the rankings for which SciPy has one."""
    taus = [
        kendalltau([-rank for rank in ranking.ranks], values).statistic
        for group, values in zip(groups, rewards, strict=True)
        for ranking in group.rankings
        if len(set(ranking.ranks)) > 1 and len(set(values)) > 1
    ]
    assert report["kendall_tau_b"]["n"] == len(taus)
    assert report["kendall_tau_b"]["value"] == pytest.approx(np.mean(taus))


def test_calibration_error_and_its_bins_are_those_of_a_loop(report: dict[str, Any], strict: list[Said]) -> None:
    """Bin b of ten holds confidences from 0.5 + b / 20 on; the last one holds 1 too."""
    sure = [1 / (1 + math.exp(-abs(each.margin) / 1.7)) for each in strict]
    right = [half_right([each.margin]) for each in strict]
    error = 0.0
    for place, part in enumerate(report["ece"]["bins"]):
        inside = [index for index, each in enumerate(sure) if min(9, int((each - 0.5) * 20)) == place]
        assert (part["low"], part["high"]) == pytest.approx((0.5 + place / 20, 0.55 + place / 20))
        assert part["n"] == len(inside)
        if inside:
            assert part["confidence"] == pytest.approx(np.mean([sure[index] for index in inside]))
            assert part["accuracy"] == pytest.approx(np.mean([right[index] for index in inside]))
        error += abs(sum(sure[index] - right[index] for index in inside)) / len(strict)
    assert report["ece"]["value"] == pytest.approx(error)
    assert report["ece_raw"]["value"] != report["ece"]["value"]


def test_margins_of_pairs_and_of_ties_are_those_of_a_loop(
    report: dict[str, Any], said: list[Said], strict: list[Said]
) -> None:
    margins, ties = report["margins"], [each for each in said if not each.gap]
    assert margins["value"] == pytest.approx(np.mean([each.margin for each in strict]))
    assert margins["sd"] == pytest.approx(np.std([each.margin for each in strict]))
    assert margins["size"]["value"] == pytest.approx(np.mean([abs(each.margin) for each in strict]))
    assert margins["size_on_ties"]["value"] == pytest.approx(np.mean([each.margin for each in ties]))
    assert margins["size_on_ties"]["n"] == len(ties)
    assert margins["size_on_ties"]["n_prompts"] == len({each.prompt for each in ties})


def resampled(strict: list[Said], prompts: list[str], values: list[float]) -> tuple[float, float]:
    """The middle 95 % of means over as many prompts as there are, drawn anew with all that was said of each."""
    of = {prompt: [value for each, value in zip(strict, values, strict=True) if each.prompt == prompt]
          for prompt in prompts}  # fmt: skip
    draw, means = np.random.default_rng(SEED), []
    for _ in range(SAMPLES):
        drawn = [value for index in draw.integers(0, len(prompts), len(prompts)) for value in of[prompts[index]]]
        means.append(np.mean(drawn))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def test_intervals_are_the_middle_of_means_over_prompts_drawn_anew(
    report: dict[str, Any], groups: list[Group], strict: list[Said]
) -> None:
    prompts = list(dict.fromkeys(group.prompt[0].content for group in groups))
    losses = [math.log1p(math.exp(-each.margin / 1.7)) for each in strict]
    margins = [each.margin for each in strict]
    for found, values in ((report["log_loss"], losses), (report["margins"], margins)):
        assert (found["low"], found["high"]) == pytest.approx(resampled(strict, prompts, values))
        assert found["low"] < found["value"] < found["high"]
    sizes = report["margins"]["size"]
    assert (sizes["low"], sizes["high"]) == pytest.approx(resampled(strict, prompts, [abs(each) for each in margins]))


def test_the_interval_of_the_calibration_error_is_of_errors_over_prompts_drawn_anew(
    report: dict[str, Any], groups: list[Group], strict: list[Said]
) -> None:
    prompts = list(dict.fromkeys(group.prompt[0].content for group in groups))
    gaps: dict[str, list[tuple[int, float]]] = {prompt: [] for prompt in prompts}
    for each in strict:
        sure = 1 / (1 + math.exp(-abs(each.margin) / 1.7))
        gaps[each.prompt].append((min(9, int((sure - 0.5) * 20)), sure - half_right([each.margin])))
    draw, errors = np.random.default_rng(SEED), []
    for _ in range(SAMPLES):
        drawn = [gap for index in draw.integers(0, len(prompts), len(prompts)) for gap in gaps[prompts[index]]]
        errors.append(sum(abs(sum(gap for place, gap in drawn if place == bin_)) for bin_ in range(10)) / len(drawn))
    low, high = np.percentile(errors, [2.5, 97.5])
    value = report["ece"]["value"]
    assert (report["ece"]["low"], report["ece"]["high"]) == pytest.approx((min(low, value), max(high, value)))


def test_the_interval_of_accuracy_is_wilsons_at_the_pairs_that_would_scatter_like_these(
    report: dict[str, Any], strict: list[Said]
) -> None:
    """The variance of a ratio over c clusters: c / (c - 1) * sum of (hits - share * n)^2 over the prompts, by n^2."""
    n, share = len(strict), report["accuracy"]["value"]
    residuals = Counter[str]()
    for each in strict:
        residuals[each.prompt] += half_right([each.margin]) - share  # type: ignore[assignment]
    c = len(residuals)
    variance = c / (c - 1) * sum(value**2 for value in residuals.values()) / n**2
    wanted = wilson(share, min(n, share * (1 - share) / variance))
    assert (report["accuracy"]["low"], report["accuracy"]["high"]) == pytest.approx(wanted)
