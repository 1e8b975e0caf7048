"""A report's parts as shares, rewards as bars and figures one by one, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rewardtrain import charts
from rewardtrain.charts.losses import loss_curve
from rewardtrain.charts.numbers import figures
from rewardtrain.models import RunPoint
from tests.reports import draw_report
from tests.rewardtrain.conftest import CHAMPION, make_report


def part(n: int, accuracy: float, **more: Any) -> dict[str, Any]:
    ends = {"accuracy_low": accuracy - 0.1, "accuracy_high": accuracy + 0.1}
    return {"n": n, "n_prompts": n // 2, "accuracy": accuracy, **ends, **more}


def test_each_share_has_the_figures_of_its_own_part() -> None:
    report = make_report(accuracy=0.7, interval=(0.6, 0.8), n_pairs=120) | {
        "champion": {**CHAMPION, "accuracy": 0.68, "accuracy_low": 0.5, "accuracy_high": 0.75},
        "baseline_longer": {"accuracy": 0.55, "low": 0.45, "high": 0.65},
        "human_ceiling": {"agreement": 0.8, "low": 0.7, "high": 0.9, "n": 33, "n_prompts": 11},
        "n_pair_prompts": 19,
    }
    assert [
        (share.label, share.value, share.low, share.high, share.n, share.n_prompts)
        for share in charts.comparison(report)
    ] == [
        ("This model", 0.7, 0.6, 0.8, 120, 19),
        ("The champion then", 0.68, 0.5, 0.75, 120, 19),
        ("Longer wins", 0.55, 0.45, 0.65, 120, 19),
        ("People agree", 0.8, 0.7, 0.9, 33, 11),
    ]


def test_parts_keep_their_order_and_their_own_ends() -> None:
    report = {
        "by_gap": [part(8, 0.6, gap=1), part(4, 0.75, gap=3)],
        "by_labeler": [part(9, 0.5, labeler="zoe"), part(3, 0.75, labeler="ann")],
    }
    assert [(each.label, each.n, each.value) for each in charts.by_gap(report)] == [("1", 8, 0.6), ("3", 4, 0.75)]
    zoe, ann = charts.by_labeler(report)
    assert (zoe.label, zoe.low, zoe.high, zoe.n_prompts) == ("zoe", 0.4, 0.6, 4)
    assert (ann.label, ann.low, ann.high, ann.n_prompts) == ("ann", 0.65, 0.85, 1)
    assert {each.kind for each in (zoe, ann, *charts.by_gap(report))} == {"model"}


def test_bars_of_rewards_stand_on_their_own_bins_and_the_fullest_is_full() -> None:
    """Bins of one, two and one: a quarter of -1 to 3 is one unit. Means beyond the ends stand at the edge."""
    seen = {
        "edges": [-1.0, 0.0, 2.0, 3.0],
        "chosen": {"mean": 2.5, "sd": 1.0, "counts": [0, 5, 10]},
        "rejected": {"mean": -4.0, "sd": 1.0, "counts": [4, 1, 0]},
        "overlap": 0.1,
        "auc": {"value": 0.9, "low": 0.8, "high": 1.0},
    }
    drawn = charts.rewards({"rewards": seen})
    assert [(bar.x, bar.width) for bar in drawn.bars] == [(0.0, 25.0), (25.0, 50.0), (75.0, 25.0)]
    assert [(bar.up, bar.top, bar.down) for bar in drawn.bars] == [(0, 50, 17.6), (22, 28, 4.4), (44, 6, 0)]
    assert [(bar.chosen, bar.rejected) for bar in drawn.bars] == [(0, 4), (5, 1), (10, 0)]
    assert (drawn.chosen_x, drawn.rejected_x) == (87.5, 0.0)
    assert (drawn.low, drawn.high, drawn.overlap) == (-1.0, 3.0, 0.1)


def test_every_figure_is_that_of_the_report_beside_what_a_coin_has() -> None:
    report = draw_report(n_prompts=12)
    of = {figure.name: figure for figure in figures(report)}
    for name, seen, beside in (
        ("Log loss", report["log_loss"], math.log(2)),
        ("Log loss before calibration", report["log_loss_raw"], math.log(2)),
        ("Brier score", report["brier"], 0.25),
        ("Calibration error (ECE)", report["ece"], report["ece"]["by_chance"]),
        ("Calibration error before calibration", report["ece_raw"], None),
        ("Kendall's tau-b of rankings", report["kendall_tau_b"], 0.0),
        ("Mean margin of pairs", report["margins"], 0.0),
        ("Mean size of margins on pairs", report["margins"]["size"], None),
        ("AUC of chosen against rejected", report["rewards"]["auc"], 0.5),
    ):
        assert (of[name].value, of[name].low, of[name].high) == (seen["value"], seen["low"], seen["high"]), name
        assert of[name].beside == (None if beside is None else pytest.approx(beside)), name
    assert (of["Log loss"].n, of["Log loss"].n_prompts) == (report["n_pairs"], report["n_pair_prompts"])
    assert of["Kendall's tau-b of rankings"].n == report["kendall_tau_b"]["n"]
    nothing = {"value": None, "low": None, "high": None, "n": 0, "n_prompts": 0}
    assert "Kendall's tau-b of rankings" not in {
        figure.name for figure in figures({**report, "kendall_tau_b": nothing})
    }


def test_a_curve_has_a_gap_where_a_step_has_no_value() -> None:
    points = [RunPoint(step=1, loss=0.7), RunPoint(step=2, loss=None, validation_log_loss=0.6)]
    assert loss_curve(points) == {
        "steps": [1, 2],
        "loss": [0.7, None],
        "validation": [None, 0.6],
        "ln2": math.log(2),
    }
