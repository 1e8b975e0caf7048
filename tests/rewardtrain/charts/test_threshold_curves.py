"""A classifier's curves and what is told of a threshold, by hand."""

from __future__ import annotations

import pytest

from formats.wilson import wilson
from rewardtrain.charts.threshold_curves import curves
from rewardtrain.registry import thresholds
from tests.reports import with_effective

# Ten votes for the class and thirty against it; nothing reaches the highest threshold.
CURVE = with_effective(
    {
        "thresholds": [0.99, 0.9, 0.5, 0.1],
        "true_positives": [0, 4, 8, 10],
        "false_positives": [0, 1, 6, 30],
        "positives": 10,
        "negatives": 30,
    }
)
FLAGS = {"curve": CURVE, "n_votes": 40, "n_prompts": 40}


def test_a_roc_curve_runs_from_corner_to_corner_and_the_chosen_threshold_lies_on_it() -> None:
    """At 0.5 a fifth of 30 is called so wrongly, and 8 of 10 rightly: 20 across, 20 from the top."""
    outcomes = thresholds.outcomes(FLAGS)
    drawn = curves(outcomes, outcomes[2])
    points = [tuple(map(float, dot.split(","))) for dot in drawn.roc.line.split()]
    assert points == [(0, 100), (0, 100), (3.33, 60), (20, 20), (100, 0), (100, 0)]
    assert drawn.roc.chosen is not None
    assert (drawn.roc.chosen.x, drawn.roc.chosen.y) == (20, 20)


def test_precision_stands_over_recall_where_anything_is_called_so() -> None:
    """Of what reaches 0.9 4 of 5 are right, and 4 of 10 found; at 0.99 nothing is called so."""
    outcomes = thresholds.outcomes(FLAGS)
    drawn = curves(outcomes, outcomes[0])
    points = [tuple(map(float, dot.split(","))) for dot in drawn.precision_recall.line.split()]
    assert points == [(40, 20), (80, 42.86), (100, 75)]
    assert drawn.precision_recall.chosen is None
    assert (drawn.base_rate, drawn.base_rate_y) == (0.25, 75.0)


def test_the_table_behind_curves_has_about_twenty_rows() -> None:
    n = 200
    curve = {
        "thresholds": [1 - place / n for place in range(n)],
        "true_positives": list(range(n)),
        "false_positives": list(range(n)),
        "positives": n,
        "negatives": n,
    }
    outcomes = thresholds.outcomes({**FLAGS, "curve": with_effective(curve)})
    assert list(curves(outcomes, outcomes[0]).rows) == outcomes[::10]
    assert list(curves(outcomes[:5], outcomes[0]).rows) == outcomes[:5]


def test_a_threshold_that_finds_nothing_has_no_precision_and_every_count_is_told() -> None:
    outcomes = thresholds.outcomes(FLAGS)
    assert [
        (each.true_positives, each.false_positives, each.false_negatives, each.true_negatives) for each in outcomes
    ] == [(0, 0, 10, 30), (4, 1, 6, 29), (8, 6, 2, 24), (10, 30, 0, 0)]
    first = outcomes[0]
    assert first.precision == thresholds.Rate(None, None, None, 0)
    assert (first.recall.value, first.recall.n, first.recall.low) == (0.0, 10, 0.0)
    assert (first.f1.value, first.f1.low) == (0.0, 0.0)
    rate = outcomes[1].false_positive_rate
    assert (rate.value, rate.low, rate.high, rate.n) == (1 / 30, *wilson(1 / 30, 30), 30)


def test_f1_has_the_interval_of_the_share_that_it_follows_from() -> None:
    """At 0.5: J is 8 of the 8 + 6 + 2 that are positive or called so, and F1 is 2 J / (1 + J) = 16 / 24."""
    f1 = thresholds.outcomes(FLAGS)[2].f1
    low, high = wilson(0.5, 16)
    assert (f1.value, f1.n) == (pytest.approx(16 / 24), 16)
    assert (f1.low, f1.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))


def test_a_rate_is_of_as_many_votes_as_the_report_says() -> None:
    effective = {
        "precision": [None, 2.5, 7.0, 20.0],
        "recall": [10.0, 6.0, 5.0, 4.0],
        "false_positive_rate": [9.0] * 4,
        "f1": [3.0] * 4,
    }
    outcomes = thresholds.outcomes({**FLAGS, "curve": {**CURVE, "effective": effective}})
    assert outcomes[0].precision.value is None
    assert (outcomes[1].precision.low, outcomes[1].precision.high) == wilson(4 / 5, 2.5)
    assert (outcomes[3].recall.low, outcomes[3].recall.high) == wilson(1.0, 4.0)
    assert outcomes[2].f1.low == pytest.approx(2 * wilson(0.5, 3.0)[0] / (1 + wilson(0.5, 3.0)[0]))


def test_of_equal_thresholds_a_preset_takes_the_highest_and_the_wanted_share_itself_is_enough() -> None:
    """Precision 9 of 10 is 90 %. Recall: 9 of 10 at two thresholds, of which the upper is right more often."""
    curve = {
        "thresholds": [0.9, 0.6, 0.3],
        "true_positives": [9, 9, 10],
        "false_positives": [1, 4, 9],
        "positives": 10,
        "negatives": 30,
    }
    best, precise, complete = thresholds.presets({**FLAGS, "curve": with_effective(curve)})
    assert [each.outcome and each.outcome.threshold for each in (best, precise, complete)] == [0.9, 0.9, 0.9]
    assert [each.label for each in (precise, complete)] == ["Precision of 90 % or more", "Recall of 90 % or more"]


def test_the_nearest_measured_threshold_is_looked_at() -> None:
    assert [thresholds.outcome_at(FLAGS, value).threshold for value in (0.01, 0.29, 0.31, 0.71, 1.0)] == [
        0.1, 0.1, 0.5, 0.9, 0.99,
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "threshold"), [("0.5", 0.5), ("0,25", 0.25), (0.75, 0.75), (" 0.1 ", 0.1)])
def test_a_threshold_is_read_with_a_point_or_a_comma(value: object, threshold: float) -> None:
    assert thresholds.parse(value) == threshold
