"""Gates and words of worth at the very edge of each rule. Plain reports, no rows."""

from __future__ import annotations

import math
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from rewardtrain.evidence import LABELS, PAIRS
from rewardtrain.evidence.worth import BETTER, Worth, apart
from rewardtrain.registry.gate import Gate, gate
from rewardtrain.registry.verdict import verdict
from tests.reports import draw_flag_report
from tests.rewardtrain.conftest import make_report
from tests.rewardtrain.registry.test_champions import against

STEP = 1e-6


@cache
def drawn(flag: bool) -> dict[str, Any]:
    return draw_flag_report() if flag else make_report()


def report(**figures: Any) -> dict[str, Any]:
    """Of pairs, which passes but for what is asked. log_loss: its value. least: the accuracy's lower end."""
    made = deepcopy(drawn(False)) | {"n_pair_prompts": figures.pop("n_prompts", 20)}
    if "log_loss" in figures:
        made["log_loss"]["value"] = figures.pop("log_loss")
    if "least" in figures:
        made["accuracy"]["low"] = figures.pop("least")
    return made | figures


def passes(**figures: Any) -> bool:
    return gate(report(**figures), PAIRS).passed


# --- Pairs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_pairs", "n_prompts", "enough"), [(20, 5, True), (19, 5, False), (20, 4, False), (19, 900, False)]
)
def test_twenty_pairs_of_five_prompts_are_enough(n_pairs: int, n_prompts: int, enough: bool) -> None:
    assert passes(n_pairs=n_pairs, n_prompts=n_prompts) is enough


def test_a_coins_own_log_loss_and_a_half_are_not_beaten_by_themselves() -> None:
    ln2 = math.log(2)
    assert [passes(log_loss=loss) for loss in (ln2 - STEP, ln2, ln2 + STEP)] == [True, False, False]
    lows = [passes(least=low) for low in (0.5 + STEP, 0.5, 0.5 - STEP)]
    assert lows == [True, False, False]


@pytest.mark.parametrize(
    ("loss", "most", "passed"),
    [(-STEP, 0.02, True), (0.0, 0.02, False), (STEP, 0.02, False), (-0.1, 0.0, True), (-0.1, -STEP, False)],
)
def test_a_champion_is_beaten_by_a_lower_log_loss_and_an_accuracy_that_may_be_as_good(
    loss: float, most: float, passed: bool
) -> None:
    """The whole interval of the accuracy's difference must lie below zero to be worse."""
    rival = against(log_loss=loss, accuracy=(most - 0.01, most - 0.05, most))
    assert passes(champion=rival) is passed
    assert passes(head_rival={"version": 2, **rival}) is passed


def test_a_difference_of_too_few_prompts_is_not_worse() -> None:
    rival = against(log_loss=-0.1, accuracy=(-0.3, -0.4, -0.2))
    rival["difference"]["accuracy"] |= {"low": None, "high": None}
    found = gate(report(champion=rival), PAIRS)
    assert found.passed
    assert "(difference -0.3000 (too few for an interval))" in found.reasons[1]


def test_a_model_beside_a_champion_need_not_beat_a_coin_again() -> None:
    """But where there is none it does, whatever the newest head is."""
    rival = against(log_loss=-0.1, accuracy=(0.1, 0.05, 0.15))
    assert passes(champion=rival, log_loss=0.9)
    assert not passes(log_loss=0.9, head_rival={"version": 2, **rival})


def test_one_more_reason_keeps_any_model_from_passing() -> None:
    passed = gate(report(), PAIRS)
    assert passed.passed
    more = passed.but("A person has to decide.")
    assert (more.passed, more.reasons) == (False, [*passed.reasons, "A person has to decide."])
    assert passed.passed, "it stays as it was"
    assert Gate([]).passed


# --- Labels -----------------------------------------------------------------------------------------------------------


def flagged(**changes: Any) -> dict[str, Any]:
    """A report whose flag passes, but for what is changed."""
    made = deepcopy(drawn(True))
    made["flags"] |= {"champion": None, **changes}
    return made


def label_passes(**changes: Any) -> bool:
    return gate(flagged(**changes), LABELS).passed


@pytest.mark.parametrize(
    ("n_votes", "n_prompts", "enough"), [(20, 5, True), (19, 19, False), (20, 4, False), (300, 5, True)]
)
def test_twenty_labels_of_five_texts_are_enough(n_votes: int, n_prompts: int, enough: bool) -> None:
    assert label_passes(n_votes=n_votes, n_prompts=n_prompts) is enough
    worth = verdict(flagged(n_votes=n_votes, n_prompts=n_prompts), LABELS, passed=enough).worth
    assert (worth is not Worth.UNJUDGED) is enough


def test_the_base_rate_is_beaten_where_the_whole_difference_is_below_zero() -> None:
    baseline = drawn(True)["flags"]["baseline"]

    def beats(high: float | None) -> bool:
        return label_passes(baseline={**baseline, "difference": {"value": -0.1, "low": -0.2, "high": high}})

    assert [beats(high) for high in (-STEP, 0.0, STEP, None)] == [True, False, False, False]


def test_an_area_is_above_chance_where_its_whole_interval_is() -> None:
    def above(low: float | None) -> bool:
        return label_passes(roc_auc={"value": 0.8, "low": low, "high": 0.9})

    assert [above(low) for low in (0.5 + STEP, 0.5, 0.5 - STEP, None)] == [True, False, False, False]


@pytest.mark.parametrize("rival", ["champion", "head_rival"])
@pytest.mark.parametrize(
    ("loss_low", "area_high", "passed"),
    [(0.0, 0.0, True), (STEP, 0.1, False), (-0.1, -STEP, False), (-0.1, 0.1, True), (None, None, True)],
)
def test_a_classifier_may_fall_short_of_another_by_no_more_than_noise(
    rival: str, loss_low: float | None, area_high: float | None, passed: bool
) -> None:
    share = {"value": 0.5, "low": 0.4, "high": 0.6}
    other = {
        "version": 2,
        "log_loss": share,
        "roc_auc": share,
        "difference": {
            "log_loss": {"value": 0.2, "low": loss_low, "high": 0.5},
            "roc_auc": {"value": -0.2, "low": -0.5, "high": area_high},
        },
    }
    assert label_passes(**{rival: other}) is passed


# --- Words of worth ---------------------------------------------------------------------------------------------------


def test_only_what_is_better_than_what_needs_no_model_can_be_green() -> None:
    assert set(BETTER) == {Worth.USEFUL, Worth.BELOW_PEOPLE, Worth.LIKE_PEOPLE}


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        ((0.7, 0.6, 0.8), (0.7, 0.6, 0.8), 0),
        ((0.7, 0.7, 0.7), (0.6, 0.6, 0.6), 1),
        ((0.6, 0.6, 0.6), (0.7, 0.7, 0.7), -1),
        ((0.8, 0.74, 0.9), (0.7, 0.6, 0.78), 0),
        ((0.8, 0.741, 0.9), (0.7, 0.6, 0.78), 1),
        ((0.7, 0.6, 0.78), (0.8, 0.741, 0.9), -1),
    ],
)
def test_two_shares_are_apart_beyond_the_ends_that_face_each_other(
    own: tuple[float, float, float], other: tuple[float, float, float], expected: int
) -> None:
    """0.8 over 0.7, whose facing ends are 0.06 and 0.08 away: exactly their 0.1 apart is not beyond it."""
    assert apart(own, other) == expected
