"""Where drawings put their points, worked out by hand. Places are percentages of a drawing."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from rewardtrain import charts
from rewardtrain.charts.best_of_gains import Doubts
from rewardtrain.charts.drift_curve import drawing
from rewardtrain.charts.learning import Estimate, Measured, _panel, _step
from rewardtrain.charts.shares import Share
from rewardtrain.charts.word_rewards import MOST_LISTED, words
from rewardtrain.monitoring.drift import ENOUGH, Drift, Span
from rewardtrain.monitoring.model_agreement import Share as Seen

# --- The champion as time goes on -------------------------------------------------------------------------------------


def span(day: int, value: float, low: float, high: float) -> Span:
    when = date(2026, 3, day)
    return Span(when, when, 50, Seen(60, value, low, high, 20), Seen(60, 0.5, 0.4, 0.6, 20))


def test_drift_is_drawn_between_round_shares_that_hold_all_of_it() -> None:
    """0.38 to 0.84 are within 0.3 and 0.9, seven tenths: too many ticks, so they are fifths, from 0.2 to 1."""
    promised = Seen(120, 0.7, 0.6, 0.8, 20)
    drawn = drawing(Drift(3, promised, [span(1, 0.75, 0.66, 0.84), span(2, 0.5, 0.38, 0.62)]))
    assert drawn is not None
    assert [tick.value for tick in drawn.ticks] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert [tick.y for tick in drawn.ticks] == [100, 75, 50, 25, 0]
    assert (drawn.band_y, drawn.band_height, drawn.value_y) == (25, 25, 37.5)
    first, second = drawn.points
    assert (first.x, second.x) == (12 + 82 / 4, 12 + 82 * 3 / 4)
    assert (first.y, first.y_low, first.y_high) == (31.2, 42.5, 20.0)
    assert (second.y, second.y_low, second.y_high) == (62.5, 77.5, 47.5)


def test_a_span_of_too_few_judgements_is_a_hollow_dot() -> None:
    few = replace(span(2, 0.5, 0.38, 0.62), right=Seen(ENOUGH - 1, 0.5, 0.38, 0.62, 20))
    enough = replace(few, right=Seen(ENOUGH, 0.5, 0.38, 0.62, 20))
    drawn = drawing(Drift(3, Seen(120, 0.7, 0.6, 0.8, 20), [enough, few]))
    assert drawn is not None
    assert [point.depth for point in drawn.points] == ["full", "head"]


def test_a_coins_half_is_on_every_drawing_of_drift() -> None:
    """0.9 to 0.98 alone would begin at 0.9: a half is within it, in tenths that are too many, so in fifths."""
    drawn = drawing(Drift(1, Seen(900, 0.94, 0.92, 0.96, 20), [span(1, 0.95, 0.9, 0.98)]))
    assert drawn is not None
    assert [tick.value for tick in drawn.ticks] == pytest.approx([0.4, 0.6, 0.8, 1.0])
    close = drawing(Drift(1, Seen(900, 0.55, 0.53, 0.57, 20), [span(1, 0.54, 0.52, 0.56)]))
    assert close is not None
    assert [tick.value for tick in close.ticks] == pytest.approx([0.5, 0.55, 0.6])


def test_nothing_ranked_since_is_no_drawing_of_drift() -> None:
    assert drawing(Drift(1, Seen(900, 0.94, 0.92, 0.96, 20), [])) is None


# --- What best of n gains ---------------------------------------------------------------------------------------------


def gain(n: int, value: float, low: float | None, high: float | None) -> dict[str, Any]:
    return {"n": n, "n_prompts": 9, "value": value, "low": low, "high": high, "kl": 0.1}


def test_gains_stand_at_log_n_across_and_at_their_size_upwards() -> None:
    """One is at the left, four in the middle and sixteen at the right; the highest end of an interval at the top."""
    seen = [gain(1, 0.0, 0.0, 0.0), gain(4, 1.0, 0.5, 1.5), gain(16, 1.8, 1.6, 2.0)]
    drawn = charts.gains({"gains": seen})
    assert drawn.highest == 2.0
    assert [point.x for point in drawn.points] == [10.0, 53.0, 96.0]
    assert [point.y for point in drawn.points] == [92.0, 50.0, 16.4]
    assert [(point.y_low, point.y_high) for point in drawn.points] == [(92.0, 92.0), (71.0, 29.0), (24.8, 8.0)]
    assert drawn.last.n == 16
    assert [(one.n, other.n) for one, other in drawn.path] == [(1, 4), (4, 16)]


def test_a_gain_without_interval_is_a_point_and_the_scale_is_its_own() -> None:
    drawn = charts.gains({"gains": [gain(1, 0.0, None, None), gain(2, 3.0, None, None)]})
    assert drawn.highest == 3.0
    assert (drawn.last.y, drawn.last.y_low, drawn.last.y_high) == (8.0, 8.0, 8.0)
    nothing = charts.gains({"gains": [gain(1, 0.0, None, None)]})
    assert (nothing.points[0].x, nothing.points[0].y) == (10.0, 92.0)


def test_the_table_of_gains_has_powers_of_two_and_the_last() -> None:
    drawn = charts.gains({"gains": [gain(n, float(n), None, None) for n in range(1, 13)]})
    assert [row.n for row in drawn.rows] == [1, 2, 4, 8, 12]


def test_a_tenth_of_tops_would_be_uncertain_by_chance() -> None:
    assert Doubts(48, 0.3, 9, 2, []).expected == 5


# --- What labels brought ----------------------------------------------------------------------------------------------


def model(
    version: int, pairs: int, value: float, ends: tuple[float, float] | None, *, champion: bool = False
) -> Measured:
    estimate = Estimate(value, *(ends or (None, None)))
    return Measured(version, champion, True, "full", pairs, 50, 10, estimate, estimate, 0.5)


def test_models_stand_at_their_training_pairs_between_round_figures() -> None:
    models = [
        model(1, 100, 0.62, (0.55, 0.68)),
        model(2, 200, 0.7, None),
        model(3, 300, 0.66, (0.6, 0.72), champion=True),
        model(4, 300, 0.64, (0.58, 0.7)),
        model(5, 500, 0.71, (0.66, 0.74)),
    ]
    panel = _panel(models, "accuracy")
    assert [tick.value for tick in panel.ticks] == pytest.approx([0.5, 0.55, 0.6, 0.65, 0.7, 0.75])
    assert [tick.y for tick in panel.ticks] == [100, 80, 60, 40, 20, 0]
    assert [point.x for point in panel.points] == [10.0, 31.5, 53.0, 53.0, 96.0]
    assert [point.named for point in panel.points] == [True, False, True, False, True]
    one, two = panel.points[:2]
    assert (one.y, one.y_low, one.y_high) == (52.0, 80.0, 28.0)
    assert (two.y, two.y_low, two.y_high) == (20.0, 20.0, 20.0)
    assert (panel.line.value, panel.line.y) == (0.5, 100.0)


def test_the_line_of_a_coin_is_on_the_drawing_of_log_losses() -> None:
    panel = _panel([model(1, 10, 0.45, (0.4, 0.5)), model(2, 20, 0.4, (0.35, 0.45))], "log_loss")
    assert panel.line.value == math.log(2)
    assert [panel.ticks[0].value, panel.ticks[-1].value] == pytest.approx([0.3, 0.7])
    assert panel.line.y == round(100 * (0.7 - math.log(2)) / 0.4, 1)


def test_models_that_are_all_as_good_as_a_coin_have_a_drawing() -> None:
    """Older reports have no interval, or a point for one, over few prompts."""
    for ends in (None, (0.5, 0.5)):
        panel = _panel([model(1, 10, 0.5, ends), model(2, 20, 0.5, ends)], "accuracy")
        assert [(tick.value, tick.y) for tick in panel.ticks] == [(0.5, 100.0), (pytest.approx(0.55), 0.0)]
        assert {point.y for point in panel.points} == {100.0}


@pytest.mark.parametrize(
    ("width", "step"),
    [(0.2, 0.05), (0.25, 0.1), (1.0, 0.1), (1.5, 0.2), (2.0, 0.2), (3.0, 0.5), (7.0, 1.0), (1e5, 1e4)],
)
def test_ticks_are_so_far_apart_that_ten_are_enough(width: float, step: float) -> None:
    assert _step(width) == pytest.approx(step)


# --- Shares, reliability, rewards, words ------------------------------------------------------------------------------


def test_a_share_without_interval_is_a_hair_wide() -> None:
    known, unknown = (Share("a", "model", 0.625, *ends, 8, 3) for ends in ((0.5, 0.75), (None, None)))
    assert (known.x_low, known.x, known.x_high, known.width) == (50.0, 62.5, 75.0, 25.0)
    assert (unknown.x_low, unknown.x, unknown.x_high, unknown.width) == (62.5, 62.5, 62.5, 0.5)


def a_bin(low: float, n: int, confidence: float, accuracy: float) -> dict[str, Any]:
    share = {"n": n, "n_prompts": n, "accuracy": accuracy, "accuracy_low": accuracy - 0.1, "accuracy_high": accuracy}
    return {"low": low, "high": low + 0.05, "confidence": confidence, **share}


def test_bins_are_columns_over_their_confidences_with_a_gap_between() -> None:
    flags = {"ece": {"bins": [a_bin(0.5, 4, 0.52, 0.75), a_bin(0.55, 0, 0.0, 0.0), a_bin(0.6, 8, 0.62, 0.5)]}}
    [alone] = charts.flag_reliability({**flags, "class_temperature": 1.0})
    first, second = alone.bins
    assert (first.left, first.width, second.left) == (0.5, 9.0, 20.5)
    assert (first.height, first.top, second.height, second.top) == (50.0, 50.0, 100.0, 0.0)
    assert (first.x, first.y, first.y_low, first.y_high) == (4.0, 25.0, 35.0, 25.0)
    assert alone.n == 12
    before, after = charts.flag_reliability({**flags, "class_temperature": 1.5, "ece_raw": {"bins": []}})
    assert (before.bins, after.bins) == ([], alone.bins)


def test_only_the_strongest_words_are_listed_and_the_strongest_first() -> None:
    tokens = [{"text": f" w{n}", "part": "completion", "value": (-1) ** n * (n + 1)} for n in range(20)]
    seen = words({"tokens": tokens, "reward": 1.0, "baseline": 0.5, "gap": 0.1, "truncated": True})
    assert [abs(word.value) for word in seen.strongest] == [20 - place for place in range(MOST_LISTED)]
    assert [word.sign for word in seen.strongest[:2]] == ["down", "up"]
    assert (seen.reward, seen.baseline, seen.gap, seen.cut) == (1.0, 0.5, 0.1, True)
    assert len(seen.completion) == 20


def test_a_word_that_begins_the_completion_is_not_the_end_of_the_prompt() -> None:
    tokens = [{"text": "bread", "part": "prompt", "value": 1.0}, {"text": "crumbs", "part": "completion", "value": 2.0}]
    seen = words({"tokens": tokens, "reward": 0.0, "baseline": 0.0, "gap": 0.0, "truncated": False})
    assert [(word.text, word.value) for word in (*seen.prompt, *seen.completion)] == [("bread", 1.0), ("crumbs", 2.0)]
