"""The numbers behind the drawings."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from labeling.models import Project
from rewardtrain import charts
from rewardtrain.charts.numbers import figures
from rewardtrain.charts.shares import Version
from rewardtrain.registry import champions
from tests.reports import draw_report
from tests.rewardtrain.conftest import CHAMPION, make_model, make_report, make_version, rank_prompts


def test_a_model_stands_beside_the_champion_longer_wins_and_people() -> None:
    shares = charts.comparison(make_report(accuracy=0.7, interval=(0.6, 0.8), champion=CHAMPION))
    assert [share.kind for share in shares] == ["model", "champion", "longer", "people"]
    own, champion = shares[:2]
    assert (own.x_low, own.x, own.x_high, own.width) == (60.0, 70.0, 80.0, 20.0)
    assert (champion.x_low, champion.x, champion.x_high, champion.width) == (60.0, 68.0, 76.0, 16.0)


def test_what_is_not_known_is_not_drawn() -> None:
    shares = charts.comparison(make_report() | {"human_ceiling": None})
    assert [share.kind for share in shares] == ["model", "longer"]


@pytest.mark.django_db(transaction=True)
def test_versions_are_drawn_with_what_each_was_held_against(project: Project) -> None:
    rank_prompts(project, train=2, test=1, validation=0)
    first = make_model(project, make_report(accuracy=0.6, interval=(0.5, 0.7)))
    champions.promote(first, by=None, reason="the first one", past_gate=True)
    make_model(project, make_report(champion=CHAMPION), rival=first)
    second, champion = charts.versions(project.reward_models.prefetch_related("evaluations"))
    assert (second.model.version, second.model.champion, second.own.x) == (2, False, 70.0)
    assert (champion.model.version, champion.model.champion, champion.own.x) == (1, True, 60.0)
    assert champion.people is not None
    assert champion.longer.kind == "longer"
    assert [version.kind for version in (second, champion)] == ["model", "champion"]
    assert re.fullmatch(r"50 % to 70 %; longer wins \d+ %; people agree on \d+ %", words_of(champion))
    alone = replace(champion, people=None)
    assert re.fullmatch(r"50 % to 70 %; longer wins \d+ %", words_of(alone))


def words_of(version: Version) -> str:
    return version.in_words.replace("\N{NO-BREAK SPACE}", " ")


def interval(low: float, high: float) -> dict[str, float]:
    return {"accuracy_low": low, "accuracy_high": high}


def test_calibration_is_drawn_before_and_after_on_the_same_square() -> None:
    """Nine of ten pairs at 0.75: half way across, a tenth from the top. The fuller bin's column is full."""
    bins = [
        {"low": 0.7, "high": 0.75, "n": 0, "n_prompts": 0, "confidence": None, "accuracy": None},
        {
            "low": 0.75,
            "high": 0.8,
            "n": 10,
            "n_prompts": 6,
            "confidence": 0.75,
            "accuracy": 0.9,
            "accuracy_low": 0.6,
            "accuracy_high": 1,
        },
        {
            "low": 0.95,
            "high": 1.0,
            "n": 5,
            "n_prompts": 5,
            "confidence": 1.0,
            "accuracy": 0.5,
            "accuracy_low": 0.2,
            "accuracy_high": 0.8,
        },
    ]
    error = {"value": 0.1, "low": 0.0, "high": 0.2, "by_chance": 0.05, "bins": bins}
    seen = draw_report(n_prompts=5) | {"ece": error, "temperature": 2.0, "raw_scale": 1.0}
    before, after = charts.reliability(seen)
    assert (before.name, after.name) == ("Before calibration", "After calibration")
    one, other = after.bins
    assert (one.x, one.y, one.y_low, one.y_high) == (50.0, 10.0, 40.0, 0.0)
    assert (other.x, other.height, other.top, one.height) == (100.0, 50.0, 50.0, 100.0)
    assert after.n == 15


def test_a_model_that_was_not_calibrated_is_drawn_once() -> None:
    [alone] = charts.reliability(draw_report(n_prompts=5) | {"temperature": 1.0, "raw_scale": 1.0})
    assert alone.name == "As it comes out of training"


def test_rewards_of_chosen_stand_above_and_of_rejected_below_the_line() -> None:
    seen = {
        "edges": [0.0, 1.0, 2.0],
        "chosen": {"mean": 1.5, "sd": 0.5, "counts": [1, 4]},
        "rejected": {"mean": 3.0, "sd": 0.5, "counts": [2, 0]},
        "overlap": 0.2,
        "auc": {"value": 0.8, "low": 0.7, "high": 0.9},
    }
    drawn = charts.rewards(draw_report(n_prompts=5) | {"rewards": seen})
    first, last = drawn.bars
    assert (first.x, first.width, last.x) == (0.0, 50.0, 50.0)
    assert (last.up, last.top, last.down) == (44.0, 6.0, 0.0)
    assert (first.up, first.down) == (11.0, 22.0)
    assert (drawn.chosen_x, drawn.rejected_x) == (75.0, 100.0)  # a mean beyond the last bin stands at the edge


def test_people_and_the_model_are_parts_of_all_pairs_that_two_judged() -> None:
    people: dict[str, Any] = {
        "n": 20,
        "n_prompts": 9,
        "with_both": {"n": 12, "n_prompts": 6, "confidence": 0.8},
        "against_both": {"n": 0, "n_prompts": 0, "confidence": None},
        "disagree": {"n": 5, "n_prompts": 4, "confidence": 0.6},
        "tied": {"n": 3, "n_prompts": 2, "confidence": 0.55},
    }
    verdicts = charts.verdicts({"people": people})
    assert [(each.share.x, each.share.n, each.confidence) for each in verdicts] == [
        (60.0, 12, 0.8),
        (25.0, 5, 0.6),
        (15.0, 3, 0.55),
    ]
    assert charts.verdicts({"people": None}) == []


def test_lengths_are_said_in_words() -> None:
    edges = [None, -500, -100, 0, 1, 101, 501, None]
    share = {"n": 1, "n_prompts": 1, "accuracy": 1.0, "accuracy_low": 0.2, "accuracy_high": 1.0}
    parts = [{"low": low, "high": high, **share} for low, high in pairwise(edges)]
    shares = charts.by_length_difference({"by_length_difference": parts})
    assert [share.label for share in shares] == [
        "more than 500 shorter",
        "101 to 500 shorter",
        "1 to 100 shorter",
        "equally long",
        "1 to 100 longer",
        "101 to 500 longer",
        "more than 500 longer",
    ]


def test_every_figure_has_its_n() -> None:
    seen = draw_report(n_prompts=12)
    rows = {figure.name: figure for figure in figures(seen)}
    assert len(rows) == 10
    assert all(figure.n and figure.low is not None for figure in rows.values())
    assert (rows["Log loss"].beside, rows["Log loss"].of) == (math.log(2), "a coin")


@pytest.mark.django_db(transaction=True)
def test_what_labels_brought_is_drawn_by_training_pairs(project: Project) -> None:
    """Intervals go from 0.5 to 0.8, so the axis does too, in tenths, and chance lies on its foot."""
    rank_prompts(project, train=2, test=1, validation=0)
    few = make_version(project, training_pairs=100)
    first = make_model(project, make_report(accuracy=0.6, interval=(0.5, 0.7)), version=few)
    champions.promote(first, by=None, reason="the first one", past_gate=True)
    assert charts.learning(project) is None
    for pairs, depth in ((300, "head"), (500, "full")):
        make_model(project, make_report(), depth=depth, version=make_version(project, training_pairs=pairs))
    drawn = charts.learning(project)
    assert drawn is not None
    assert [(model.training_pairs, model.depth) for model in drawn.models] == [
        (100, "full"),
        (300, "head"),
        (500, "full"),
    ]
    assert drawn.mixed
    assert [tick.value for tick in drawn.accuracy.ticks] == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert drawn.accuracy.line.y == 100.0
    one, two, three = drawn.accuracy.points
    assert (one.y, one.y_low, one.y_high) == pytest.approx((66.7, 100.0, 33.3))
    assert (one.x, two.x, three.x) == (10.0, 53.0, 96.0)
    assert [point.named for point in (one, two, three)] == [True, False, True]
    assert one.model.champion
    assert [point.model.log_loss.value for point in drawn.log_loss.points] == [0.6, 0.6, 0.6]


def test_a_log_loss_beyond_all_others_has_as_few_ticks_as_any(project: Project) -> None:
    """A model that is certain and wrong: ticks of a tenth were a million."""
    for pairs, loss in ((100, 0.6), (900, 123_456.7)):
        make_model(project, make_report(log_loss=loss), version=make_version(project, training_pairs=pairs))
    drawn = charts.learning(project)
    assert drawn
    assert 2 <= len(drawn.log_loss.ticks) <= 12
    assert len(drawn.accuracy.ticks) <= 12
