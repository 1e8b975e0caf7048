import math

import numpy as np
import pytest

from rewardtrain.core import metrics
from rewardtrain.core.data import Group, Message, Ranking
from rewardtrain.core.report import Scores, build_report, format_report


def group(prompt: str, texts: list[str], *rankings: tuple[str, list[int]]) -> Group:
    parsed = tuple(Ranking(labeler, tuple(ranks)) for labeler, ranks in rankings)
    return Group(prompt, "test", (Message("user", prompt),), tuple(texts), parsed)


GROUPS = [
    group("one", ["aaaa", "bb", "c"], ("ann", [1, 2, 3]), ("ben", [2, 1, 2])),
    group("two", ["x", "yy"], ("ann", [1, 2])),
]
REWARDS = [[math.log(3), 0.0, 0.0], [0.0, math.log(4)]]
# Pairs (chosen > rejected, margin): ann a>b ln3, a>c ln3, b>c 0; ben b>a -ln3, b>c 0, one tie; ann x>yy -ln4.


def scores_of(rewards: list[list[float]], *, truncated: int = 0) -> Scores:
    logits = np.array([[value] for values in rewards for value in values], dtype=np.float32)
    return Scores(logits, [len(values) for values in rewards], truncated, truncated_completions=0, seconds=1.0)


def report(**more: object) -> dict[str, object]:
    scores = scores_of(REWARDS, truncated=1)
    rival = scores_of([[0.0, 0.0, 0.0], [0.0, 0.0]])
    champion = rival if more.get("champion") else None
    return build_report(GROUPS, scores, champion=champion, device="cpu", peak_memory_mb=1.0, samples=200, seed=0)


def test_the_report_holds_the_values_worked_out_by_hand() -> None:
    """Hits 1, 1, 1/2, 0, 1/2, 0 of six. Log losses -ln(3/4) twice, ln 2 twice, -ln(1/4), -ln(1/5). Brier 1/16 twice,
    1/4 twice, 9/16, 16/25. The longer one is chosen in a>b, a>c, b>c, b>c, and not in b>a, x>yy: 4 of 6."""
    got = report()
    assert (got["n_prompts"], got["n_pairs"], got["n_ties"]) == (2, 6, 1)
    assert got["accuracy"]["value"] == pytest.approx(3 / 6)
    losses = [-math.log(3 / 4)] * 2 + [math.log(2)] * 2 + [math.log(4), math.log(5)]
    assert got["log_loss"]["value"] == pytest.approx(sum(losses) / 6)
    assert got["brier"] == pytest.approx((2 / 16 + 2 / 4 + 9 / 16 + 16 / 25) / 6)
    assert got["baseline_longer"]["accuracy"] == pytest.approx(4 / 6)
    assert got["ln2"] == math.log(2)
    assert got["by_gap"] == [
        {"gap": 1, "n": 5, "accuracy": pytest.approx((1 + 0.5 + 0 + 0.5 + 0) / 5)},
        {"gap": 2, "n": 1, "accuracy": 1.0},
    ]
    assert got["by_labeler"] == [
        {"labeler": "ann", "n": 4, "accuracy": pytest.approx(2.5 / 4)},
        {"labeler": "ben", "n": 2, "accuracy": pytest.approx(0.25)},
    ]
    assert [(part["low"], part["n"]) for part in got["by_length_difference"]] == [(-100, 2), (1, 4)]


def test_the_human_ceiling_counts_pairs_that_two_labelers_ranked_without_tie() -> None:
    """ann and ben: a/b differ, b/c agree, a/c is tied by ben: 1 of 2."""
    ceiling = report()["human_ceiling"]
    assert (ceiling["agreement"], ceiling["n"]) == (0.5, 2)
    assert metrics.human_ceiling(GROUPS[1:], samples=100, seed=0) is None


def test_the_same_labeler_twice_is_no_human_ceiling() -> None:
    twice = [group("p", ["a", "b"], ("ann", [1, 2]), ("ann", [1, 2]))]
    assert metrics.human_ceiling(twice, samples=100, seed=0) is None


def test_the_champion_is_compared_on_the_same_pairs() -> None:
    """A champion of equal rewards is a coin: accuracy 1/2 and log loss ln 2 on every draw, so ours minus its has
    ours's own interval, moved."""
    got = report(champion=True)
    champion, ours = got["champion"], got["accuracy"]
    assert (champion["accuracy"], champion["log_loss"]) == (0.5, pytest.approx(math.log(2)))
    difference = champion["difference"]["accuracy"]
    assert difference == {key: pytest.approx(ours[key] - 0.5) for key in ("value", "low", "high")}


def test_a_length_equal_pair_counts_half_for_longer_wins() -> None:
    groups = [group("p", ["aa", "bb"], ("ann", [1, 2]))]
    scores = scores_of([[1.0, 0.0]])
    got = build_report(groups, scores, champion=None, device="cpu", peak_memory_mb=0.0, samples=100, seed=0)
    assert got["baseline_longer"]["accuracy"] == 0.5


def test_kendall_tau_b_is_that_of_the_textbook() -> None:
    """Ranks 1 2 3 3 against rewards 3 2 2 1. Of six pairs: concordant 01 02 03 13, discordant none; 12 tied in rewards,
    23 tied in ranks. tau-b = 4 / sqrt((6 - 1) * (6 - 1)) = 0.8."""
    assert metrics.kendall_tau_b([1, 2, 3, 3], [3, 2, 2, 1]) == pytest.approx(0.8)
    assert metrics.kendall_tau_b([1, 2], [0.0, 1.0]) == -1.0
    assert metrics.kendall_tau_b([1, 1], [0.0, 1.0]) is None


def test_calibration_error_is_the_weighted_gap_between_confidence_and_accuracy() -> None:
    """Three pairs of confidence 3/4, of which two are right: |3/4 - 2/3|; one of 9/10 that is right: |9/10 - 1|."""
    margins = np.array([math.log(3), math.log(3), -math.log(3), math.log(9)])
    got = metrics.expected_calibration_error(margins)
    assert got["value"] == pytest.approx(3 / 4 * (3 / 4 - 2 / 3) + 1 / 4 * (1 - 9 / 10))
    assert sum(part["n"] for part in got["bins"]) == 4


def test_the_bootstrap_draws_whole_prompts() -> None:
    """Two clusters with means 0 and 1 and one pair or nine: a draw is 0, 1 or 9/10, never between."""
    draws = metrics.resampled_means(np.array([[0.0], [9.0]]), np.array([1.0, 9.0]), samples=300, seed=0)
    assert set(draws[:, 0].round(6)) == {0.0, 0.9, 1.0}


def test_the_same_dialogue_under_two_ids_is_one_cluster() -> None:
    one, other = group("p", ["a", "b"], ("ann", [1, 2])), group("p", ["c", "d"], ("ann", [1, 2]))
    assert metrics.collect_pairs([one, other]).n_clusters == 1


def test_the_readable_report_begins_with_the_accuracy_and_names_its_baselines() -> None:
    text = format_report(report(champion=True))
    assert text.startswith("accuracy 0.5000\n")
    for words in (
        "longer wins 0.6667",
        "human ceiling 0.5000",
        "ln 2 = 0.6931",
        "6 pairs of 2 prompts",
        "champion: accuracy 0.5000",
    ):
        assert words in text
