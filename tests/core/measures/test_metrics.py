import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.evaluation_report.report import SCHEMA, OtherSchema, read_report
from formats.wilson import wilson
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.measures import curves, intervals, metrics
from rewardtrain.core.measures.report import Scores, build_report
from rewardtrain.core.measures.report_text import _length_words, format_report


def group(prompt: str, texts: list[str], *rankings: tuple[str, list[int]]) -> Group:
    parsed = tuple(Ranking(labeler, tuple(ranks)) for labeler, ranks in rankings)
    return Group(prompt, "test", (Message("user", prompt),), tuple(texts), parsed)


GROUPS = [
    group("one", ["aaaa", "bb", "c"], ("ann", [1, 2, 3]), ("ben", [2, 1, 2])),
    group("two", ["x", "yy"], ("ann", [1, 2])),
]
SIX = [replace(each, id=str(place), prompt=(Message("user", str(place)),)) for place, each in enumerate(GROUPS * 3)]
REWARDS = [[math.log(3), 0.0, 0.0], [0.0, math.log(4)]]
# Pairs (chosen > rejected, margin): ann a>b ln3, a>c ln3, b>c 0; ben b>a -ln3, b>c 0, one tie; ann x>yy -ln4.


def scores_of(rewards: list[list[float]], **more: Any) -> Scores:
    logits = np.array([[value] for values in rewards for value in values], dtype=np.float32)
    return Scores(logits, [len(values) for values in rewards], 1, truncated_completions=0, seconds=1.0, **more)


def report(*, champion: Scores | None = None, groups: list[Group] = GROUPS, **more: Any) -> dict[str, Any]:
    scores = scores_of(more.pop("rewards", REWARDS), **more)
    made: Any = {"split": "test", "device": "cpu", "peak_memory_mb": 1.0, "samples": 200, "seed": 0}
    return build_report(groups, scores, champion=champion, **made)


def test_the_report_holds_the_values_worked_out_by_hand() -> None:
    """Hits 1, 1, 1/2, 0, 1/2, 0 of six. Log losses -ln(3/4) twice, ln 2 twice, -ln(1/4), -ln(1/5). Brier 1/16 twice,
    1/4 twice, 9/16, 16/25. The longer one is chosen in a>b, a>c, b>c, b>c, and not in b>a, x>yy: 4 of 6."""
    got = report()
    assert (got["n_prompts"], got["n_pairs"], got["n_ties"]) == (2, 6, 1)
    assert got["accuracy"]["value"] == pytest.approx(3 / 6)
    losses = [-math.log(3 / 4)] * 2 + [math.log(2)] * 2 + [math.log(4), math.log(5)]
    assert got["log_loss"]["value"] == pytest.approx(sum(losses) / 6)
    assert got["brier"]["value"] == pytest.approx((2 / 16 + 2 / 4 + 9 / 16 + 16 / 25) / 6)
    assert got["baseline_longer"]["accuracy"] == pytest.approx(4 / 6)
    assert got["ln2"] == math.log(2)
    parts = [(part["gap"], part["n"], part["accuracy"]) for part in got["by_gap"]]
    assert parts == [(1, 5, pytest.approx((1 + 0.5 + 0 + 0.5 + 0) / 5)), (2, 1, 1.0)]
    parts = [(part["labeler"], part["n"], part["accuracy"]) for part in got["by_labeler"]]
    assert parts == [("ann", 4, pytest.approx(2.5 / 4)), ("ben", 2, 0.25)]
    assert [(part["low"], part["n"]) for part in got["by_length_difference"]] == [(-100, 2), (1, 4)]


@pytest.mark.parametrize("older", [{}, {"schema": SCHEMA - 1}, {"schema": None}])
def test_a_kept_report_of_another_schema_is_refused_with_both_numbers(older: dict[str, Any]) -> None:
    assert read_report(report()) == report()
    kept = {key: value for key, value in report().items() if key != "schema"} | older
    with pytest.raises(
        OtherSchema, match=rf"has schema {older.get('schema')} and this version .* reads schema {SCHEMA}"
    ):
        read_report(kept)


def test_log_loss_is_after_calibration_and_the_raw_one_stands_beside_it() -> None:
    """Temperature 1/2 doubles a margin: margins of 2 ln 3 and 2 ln 4 have odds of 9 and 16. They were half as large as
    training left them: odds of sqrt 3 and 2. Accuracy knows nothing of it."""
    got = report(temperature=0.5, raw_scale=0.5)
    losses = [-math.log(9 / 10)] * 2 + [math.log(2)] * 2 + [math.log(10), math.log(17)]
    assert got["log_loss"]["value"] == pytest.approx(sum(losses) / 6)
    root = math.sqrt(3)
    raw = [-math.log(root / (1 + root))] * 2 + [math.log(2)] * 2 + [math.log(1 + root), math.log(3)]
    assert got["log_loss_raw"]["value"] == pytest.approx(sum(raw) / 6)
    assert got["accuracy"] == report()["accuracy"]
    confidences = [part["confidence"] for part in got["ece"]["bins"] if part["n"]]
    assert confidences == [0.5, pytest.approx((3 * 9 / 10 + 16 / 17) / 4)]


def test_the_champion_is_compared_on_the_same_pairs_and_at_its_own_temperature() -> None:
    """A champion of equal rewards is a coin: log loss ln 2 on every draw, so ours minus its has ours's own interval,
    moved; and accuracy 1/2, but of six prompts, so no 50 % to 50 %. One with our rewards at half the temperature
    differs from us in log loss alone."""
    got = report(groups=SIX, rewards=REWARDS * 3, champion=scores_of([[0.0, 0.0, 0.0], [0.0, 0.0]] * 3))
    champion, ours = got["champion"], got["log_loss"]
    assert (champion["accuracy"], champion["log_loss"]) == (0.5, pytest.approx(math.log(2)))
    assert (champion["accuracy_low"], champion["accuracy_high"]) == pytest.approx(wilson(0.5, 6))
    difference = champion["difference"]["log_loss"]
    assert difference == {key: pytest.approx(ours[key] - math.log(2)) for key in ("value", "low", "high")}
    same = report(groups=SIX, rewards=REWARDS * 3, champion=scores_of(REWARDS * 3, temperature=0.5))["champion"]
    assert same["difference"]["accuracy"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert same["log_loss"] == pytest.approx(report(temperature=0.5)["log_loss"]["value"])


def test_a_length_equal_pair_counts_half_for_longer_wins() -> None:
    groups = [group("p", ["aa", "bb"], ("ann", [1, 2]))]
    assert report(groups=groups, rewards=[[1.0, 0.0]])["baseline_longer"]["accuracy"] == 0.5


def test_reports_on_the_same_pairs_have_the_same_fingerprint() -> None:
    """Whatever the order, the ids, the labelers' names and the ties; not with another text, prompt or preference."""
    same = [
        Group("new id", "all", (Message("user", "two"),), ("yy", "x"), (Ranking("eve", (5, 2)),)),
        group("one", ["c", "aaaa", "bb"], ("zoe", [3, 2, 1]), ("ben", [2, 2, 2]), ("ann", [3, 1, 2])),
    ]
    wanted = [same[0], group("one", ["aaaa", "bb", "c"], ("ann", [1, 2, 3]), ("ben", [2, 1, 3]))]
    assert metrics.fingerprint_pairs(same) == metrics.fingerprint_pairs(wanted)
    others = [
        group("two", ["x", "yy"], ("ann", [2, 1])),
        group("two", ["x", "y"], ("ann", [1, 2])),
        group("three", ["x", "yy"], ("ann", [1, 2])),
        group("two", ["x", "yy"], ("ann", [1, 2]), ("ben", [1, 2])),
    ]
    prints = {metrics.fingerprint_pairs([other]) for other in [GROUPS[1], *others]}
    assert len(prints) == 5
    assert report()["pairs_fingerprint"] == metrics.fingerprint_pairs(GROUPS)


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    """Ten of ten: from 1 / (1 + z^2 / 10) to 1. Five of ten: 1/2 +- z / (2 sqrt(10 + z^2))."""
    z = 1.959964
    assert wilson(1.0, 10) == (pytest.approx(1 / (1 + z * z / 10)), pytest.approx(1.0))
    half = z / 2 / math.sqrt(10 + z * z)
    assert wilson(0.5, 10) == (pytest.approx(0.5 - half), pytest.approx(0.5 + half))


def test_a_parts_interval_counts_pairs_of_one_prompt_as_what_they_are_worth() -> None:
    """Four prompts of ten pairs that are right or wrong together are worth 3 independent pairs: the variance of the
    mean is 4/3 * (4 * 5^2) / 40^2 = 1/12, and 1/4 over that is 3. Forty prompts of one pair each are worth 39. All
    right is worth as many pairs as there are prompts; prompts that are each half right are worth all their pairs."""
    whole, clusters = np.repeat([1.0, 1.0, 0.0, 0.0], 10), np.repeat(np.arange(4), 10)
    got = intervals.share(whole, clusters)
    assert (got["n"], got["accuracy"]) == (40, 0.5)
    assert (got["accuracy_low"], got["accuracy_high"]) == pytest.approx(wilson(0.5, 3))
    single = intervals.share(whole, np.arange(40))
    assert single["accuracy_low"] == pytest.approx(wilson(0.5, 39)[0])
    right = intervals.share(np.ones(40), clusters)
    assert right["accuracy_low"] == pytest.approx(wilson(1.0, 4)[0])
    even = intervals.share(np.array([1.0, 0.0] * 20), clusters)
    assert even["accuracy_low"] == pytest.approx(wilson(0.5, 40)[0])


def test_the_bootstrap_draws_whole_prompts() -> None:
    """Two clusters with means 0 and 1 and one pair or nine: a draw is 0, 1 or 9/10, never between."""
    draws = intervals.resampled_means(np.array([[0.0], [9.0]]), np.array([1.0, 9.0]), samples=300, seed=0)
    assert set(draws[:, 0].round(6)) == {0.0, 0.9, 1.0}


def test_the_same_dialogue_under_two_ids_is_one_cluster() -> None:
    one, other = group("p", ["a", "b"], ("ann", [1, 2])), group("p", ["c", "d"], ("ann", [1, 2]))
    assert metrics.collect_pairs([one, other]).n_clusters == 1


def test_the_readable_report_begins_with_the_accuracy_and_names_its_baselines() -> None:
    text = format_report(report(champion=scores_of([[0.0, 0.0, 0.0], [0.0, 0.0]])))
    assert text.startswith("accuracy 0.5000\n")
    for words in (
        "longer wins 0.6667",
        "human ceiling 0.5000, 95% interval 0.0546 to 0.9454, 2 pairs of 1 prompt",
        "ln 2 = 0.6931",
        "6 pairs of 2 prompts",
        "champion: accuracy 0.5000",
        "before calibration 0.",
        "rank gap 2: accuracy 1.0000 (0.2065 to 1.0000), 1 pair of 1 prompt",
        "chosen longer by 1 to 100: accuracy 0.7500",
    ):
        assert words in text


def test_the_readable_report_says_how_much_longer_in_words() -> None:
    """Edges are (-500, -100, 0, 1, 101, 501), each part without its upper one."""
    assert [_length_words(low, high) for low, high in pairwise([None, *curves.LENGTH_EDGES, None])] == [
        "chosen shorter by more than 500",
        "chosen shorter by 101 to 500",
        "chosen shorter by 1 to 100",
        "as long as each other",
        "chosen longer by 1 to 100",
        "chosen longer by 101 to 500",
        "chosen longer by 501 or more",
    ]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=120),
    st.sampled_from([None, 0.0, 1.0]),
)
def test_an_interval_of_a_share_can_be_true(pairs: list[tuple[int, float]], all_of: float | None) -> None:
    """It holds the share, lies within 0 and 1, and is no point, whatever the clusters are and if all are right."""
    cluster = np.array([place for place, _ in pairs], dtype=np.int64)
    hits = np.array([hit if all_of is None else all_of for _, hit in pairs])
    found = intervals.share_estimate(hits, cluster)
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1
    assert found["high"] - found["low"] > 0.02


def test_shares_of_a_whole_report_have_the_intervals_of_their_parts() -> None:
    """36 of 36 pairs of three prompts are right: three cases, not 100 % to 100 %."""
    rankings = [(name, [1, 2, 3, 4]) for name in ("ann", "ben")]
    groups = [group(f"{place}?", list("abcd"), *rankings) for place in range(3)]
    found = report(groups=groups, rewards=[[4.0, 3.0, 2.0, 1.0]] * 3)
    assert (found["n_pairs"], found["accuracy"]["value"], found["human_ceiling"]["agreement"]) == (36, 1.0, 1.0)
    assert found["accuracy"]["low"] == pytest.approx(wilson(1.0, 3)[0])
    assert found["human_ceiling"]["low"] == pytest.approx(wilson(1.0, 3)[0])
