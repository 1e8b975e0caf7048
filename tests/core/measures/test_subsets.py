"""Accuracy by subset, worked out by hand, and the tables and words in which figures are shown."""

import numpy as np
import pytest

from formats.wilson import wilson
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.measures import metrics
from rewardtrain.core.measures.metrics import Pairs
from rewardtrain.core.measures.report_words import counted, ends, estimate, number
from rewardtrain.core.measures.subsets import subset_lines, subset_report
from rewardtrain.core.measures.tables import align

SUBSETS = ["math", "chat", "chat", "math", "chat", "chat"]
HITS = np.array([1.0, 1.0, 0.0, 1.0, 0.5, 0.0])


def pairs_of(*lengths: tuple[int, int]) -> Pairs:
    """One prompt for each pair, with the lengths of its chosen and its rejected text."""
    return metrics.collect_pairs(
        [
            Group(
                str(place), "test", (Message("user", str(place)),), ("a" * one, "b" * other), (Ranking("file", (1, 2)),)
            )
            for place, (one, other) in enumerate(lengths)
        ]
    )


SIX = pairs_of((2, 1), (1, 2), (3, 3), (5, 1), (1, 9), (4, 2))


def test_each_subset_counts_alike_whatever_its_size() -> None:
    """math is right on 2 of 2, chat on 1.5 of 4: their average is (1 + 3/8) / 2, of all pairs it would be 3.5 / 6."""
    report = subset_report(SIX, SUBSETS, HITS, samples=200, seed=0)
    chat, math_ = report["parts"]
    assert (chat["subset"], chat["n"], chat["n_prompts"], chat["accuracy"]) == ("chat", 4, 4, 1.5 / 4)
    assert (math_["subset"], math_["n"], math_["accuracy"]) == ("math", 2, 1.0)
    assert math_["accuracy_low"] == pytest.approx(wilson(1.0, 2)[0])
    assert report["average"]["value"] == pytest.approx((1 + 3 / 8) / 2)
    assert report["average"]["low"] < report["average"]["value"] < report["average"]["high"] <= 1


def test_what_the_longer_answer_would_have_won_stands_beside_each_subset() -> None:
    """math: 2 > 1 and 5 > 1; chat: 1 < 2, 3 = 3, 1 < 9, 4 > 2, of which an equal one is half."""
    report = subset_report(SIX, SUBSETS, HITS, samples=20, seed=0)
    assert [part["longer"] for part in report["parts"]] == [1.5 / 4, 1.0]
    assert report["longer"] == (1.5 / 4 + 1) / 2


def test_a_draw_that_misses_a_subset_is_the_average_of_the_others() -> None:
    """One pair of nine is of a subset of its own: a third of the draws miss it, and the interval is a number still."""
    subsets = ["rare", *["common"] * 8]
    hits = np.array([0.0, *[1.0] * 8])
    report = subset_report(pairs_of(*[(1, 1)] * 9), subsets, hits, samples=300, seed=0)
    assert report["average"] == {"value": 0.5, "low": 0.5, "high": 1.0}


def test_a_subsets_average_of_few_prompts_has_no_interval() -> None:
    report = subset_report(pairs_of((1, 2), (2, 1)), ["a", "b"], np.ones(2), samples=20, seed=0)
    assert report["average"] == {"value": 1.0, "low": None, "high": None}
    assert "unknown, of too few prompts" in subset_lines(report)[-1]


def test_the_subsets_are_a_table_for_a_reader() -> None:
    report = subset_report(SIX, SUBSETS, HITS, samples=200, seed=0)
    head, chat, _, average = subset_lines(report)
    assert head.split("  ")[0] == "subset"
    low, high = report["parts"][0]["accuracy_low"], report["parts"][0]["accuracy_high"]
    assert chat.split() == f"chat 0.3750 {low:.4f} to {high:.4f} 4 pairs of 4 prompts 0.3750".split()
    assert average.startswith("average of subsets  0.6875")
    assert average.endswith("0.6875")
    assert head.index("accuracy") == chat.index("0.3750") == average.index("0.6875")
    assert head.index("longer wins") == chat.rindex("0.3750") == average.rindex("0.6875")


def test_a_tables_columns_are_as_wide_as_their_widest_cell() -> None:
    assert align([["a", "bbb", "c"], ["aaaa", "b", ""]]) == ["a     bbb  c", "aaaa  b"]


def test_figures_have_four_digits_and_no_negative_zero() -> None:
    assert number(0.12345) == "0.1235"
    assert number(-0.00001) == "0.0000"
    assert number(0.5, "+") == "+0.5000"
    assert number(-0.5, "+") == "-0.5000"
    assert number(-0.00001, "+") == "+0.0000"


def test_a_figure_without_interval_says_why() -> None:
    assert estimate({"value": 0.5, "low": 0.4, "high": 0.6}) == "0.5000 (0.4000 to 0.6000)"
    assert estimate({"value": 0.5, "low": -0.4, "high": 0.6}, "+") == "+0.5000 (-0.4000 to +0.6000)"
    assert estimate({"value": 0.5, "low": None, "high": None}) == "0.5000 (too few prompts for an interval)"
    assert estimate(None) == "unknown"
    assert ends({"low": 0.0, "high": 1.0}, "+") == "+0.0000 to +1.0000"
    assert ends({"low": None, "high": None}) == "unknown, of too few prompts"


def test_what_is_counted_is_singular_where_it_is_one() -> None:
    assert counted(1, "pair") == "1 pair"
    assert counted(0, "pair") == "0 pairs"
    assert counted(2, "vote", 1) == "2 votes of 1 prompt"
    assert counted(1, "vote", 3) == "1 vote of 3 prompts"
