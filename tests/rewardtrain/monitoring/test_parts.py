"""A model beside people and its drift, of judgements that no row stands behind: beside plain loops, and at edges."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from formats.wilson import wilson
from labeling.models import Split
from rewardtrain.evidence.agreement import Judged, Share
from rewardtrain.evidence.labels.judged import SUREST
from rewardtrain.evidence.labels.judged import _log_odds as odds_of_chance
from rewardtrain.evidence.labels.rewards import chosen_reward, reward_settings, rewards
from rewardtrain.evidence.pairs.judged import _log_odds as odds_of_pairs
from rewardtrain.monitoring import drift
from rewardtrain.monitoring.model_agreement import EDGES, _part

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def judged(margin: float, *, content: str = "a", baseline: int = 1, day: float = 0, ranking: int = 1) -> Judged:
    return Judged(content, Split.TRAIN, margin, baseline, ranking, MONDAY + timedelta(days=day), 1)


def drawn(n: int = 300, seed: int = 0) -> list[Judged]:
    draw = random.Random(seed)
    return [
        judged(
            draw.choice([-4.0, -1.5, -0.2, 0.0, 0.3, 1.0, 2.5, 5.0]),
            content=f"p{draw.randint(0, 40)}",
            baseline=draw.choice([-7, 0, 3]),
            day=draw.random() * 12,
            ranking=place,
        )
        for place in range(n)
    ]


def right(rows: list[Judged]) -> float:
    return sum(1.0 if row.margin > 0 else 0.5 if row.margin == 0 else 0.0 for row in rows) / len(rows)


def sure(row: Judged) -> float:
    return 1 / (1 + math.exp(-abs(row.margin)))


# --- A model beside people --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.95])
def test_shares_of_a_part_are_those_of_a_loop(threshold: float) -> None:
    rows = drawn()
    part = _part(rows, threshold)
    above = [row for row in rows if sure(row) >= threshold]
    assert part.n_prompts == part.right.n_prompts == len({row.content for row in rows})
    assert (part.right.n, part.right.value) == (300, pytest.approx(right(rows)))
    assert (part.sure.n, part.sure.value) == (len(above), pytest.approx(right(above)))
    longer = [replace(row, margin=float(row.baseline)) for row in rows]
    assert part.longer.value == pytest.approx(right(longer))
    assert part.calibration["value"] >= 0
    assert sum(each["n"] for each in part.calibration["bins"]) == 300


def test_bands_hold_every_judgement_once_and_say_what_the_model_says_on_average() -> None:
    rows = drawn(seed=3)
    bands = _part(rows, 0.9).bands
    assert [(band.low, band.high) for band in bands] == list(pairwise(EDGES))
    assert sum(band.right.n for band in bands) == len(rows)
    for band in bands:
        inside = [row for row in rows if band.low <= sure(row) < band.high]
        assert band.right.n == len(inside)
        if inside:
            assert band.says == pytest.approx(np.mean([sure(row) for row in inside]))
            assert band.right.value == pytest.approx(right(inside))
        else:
            assert (band.says, band.right.value) == (None, None)


def test_a_threshold_itself_is_sure_enough_and_certainty_is_in_the_last_band() -> None:
    """Log-odds of 0 are a half, and of 800 are 1: both ends are held."""
    part = _part([judged(0.0), judged(800.0), judged(-800.0)], 0.5)
    assert (part.sure.n, part.sure.value) == (3, 0.5)
    assert [band.right.n for band in part.bands] == [1, 0, 0, 0, 0, 2]
    assert part.bands[-1].says == 1.0
    assert _part([judged(0.0), judged(800.0)], 1.0).sure.n == 1
    assert _part([judged(0.0)], 0.6).sure == Share(0, None, None, None, 0)


def test_judgements_of_one_prompt_are_worth_less_than_those_of_as_many() -> None:
    one = _part([judged(1.0), judged(-1.0)] * 10, 0.9).right
    many = _part([judged(1.0 - 2 * (n % 2), content=str(n)) for n in range(20)], 0.9).right
    assert (one.value, many.value) == (0.5, 0.5)
    assert (one.low, one.high) == pytest.approx(wilson(0.5, 1))
    assert (one.low or 0) < (many.low or 0) < (many.high or 0) < (one.high or 0)


def test_what_was_learnt_is_of_the_version_and_never_of_the_test_split() -> None:
    row = judged(1.0, content="seen")
    assert row.learnt({"seen"})
    assert not row.learnt({"other"})
    assert not replace(row, split=Split.TEST).learnt({"seen"})
    assert replace(row, split=Split.VALIDATION).learnt({"seen"})


def test_chances_become_log_odds_that_are_numbers() -> None:
    assert odds_of_chance(0.75) == pytest.approx(math.log(3))
    assert odds_of_chance(0.25) == pytest.approx(-math.log(3))
    for certain in (odds_of_chance(1.0), -odds_of_chance(0.0)):
        assert certain == pytest.approx(-math.log(SUREST), rel=1e-4)
    chances = odds_of_pairs([], [9 / 13, 3 / 13, 1 / 13], None)
    assert np.diff(chances) == pytest.approx([-math.log(3)] * 2)
    assert np.isfinite(odds_of_pairs([], [1.0, 0.0], None)).all()
    assert odds_of_pairs([1.0, -2.0], [], 3.0).tolist() == [3.0, -6.0], "as training left them"


# --- Drift ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_spans_are_whole_days_that_hold_every_judgement_once_in_any_order(seed: int) -> None:
    rows = drawn(seed=seed)
    spans = drift.spans(rows)
    assert drift.spans(random.Random(seed).sample(rows, len(rows))) == spans
    assert sum(span.right.n for span in spans) == len(rows)
    assert all(span.is_enough for span in spans[:-1])
    assert all(one.last < other.first for one, other in pairwise(spans))
    for span in spans:
        inside = [row for row in rows if span.first <= row.at.date() <= span.last]
        assert (span.right.n, span.right.value) == (len(inside), pytest.approx(right(inside)))
        assert span.n_prompts == len({row.content for row in inside})
        before = [row for row in inside if row.at.date() < span.last]
        assert len(before) < drift.ENOUGH, "a day less would not have been enough"


def test_fifty_are_enough_for_a_span_and_nothing_is_no_span() -> None:
    few, enough = (drift.spans([judged(1.0, content=str(n)) for n in range(n_rows)]) for n_rows in (49, 50))
    assert [span.is_enough for span in (*few, *enough)] == [False, True]
    assert drift.spans([]) == []
    assert drift.Drift(1, Share(9, 0.8, 0.7, 0.9, 20), few).newest is None


@pytest.mark.parametrize(("least", "alarms"), [(0.69, False), (0.7, False), (0.71, True)])
def test_it_alarms_where_two_intervals_do_not_touch(least: float, alarms: bool) -> None:
    day = MONDAY.date()
    span = drift.Span(day, day, 50, Share(60, 0.6, 0.5, 0.7, 20), Share(60, 0.5, 0.4, 0.6, 20))
    assert drift.Drift(1, Share(90, 0.8, least, 0.9, 20), [span]).alarms is alarms
    assert not drift.Drift(1, Share(90, 0.8, None, None, 20), [span]).alarms
    assert not drift.Drift(1, Share(90, 0.8, least, 0.9, 20), []).alarms


# --- The reward of a classifier ---------------------------------------------------------------------------------------


def test_a_choice_of_a_reward_is_read_as_it_was_written() -> None:
    flags = [{"name": "rude", "label": "Rude"}, {"name": "kind", "label": "Kind"}]
    choices = rewards(flags)
    assert [words for _, words in choices] == ["Rude: yes", "Rude: no", "Kind: yes", "Kind: no"]
    for choice, _ in choices:
        settings = reward_settings(choice)
        assert chosen_reward(flags, settings) == choice
    assert chosen_reward(flags, {"flag": None, "flag_positive": True}) == choices[0][0]
    assert reward_settings(choices[3][0]) == {"flag": "kind", "flag_positive": False}
