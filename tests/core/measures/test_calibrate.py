import math

import numpy as np
import pytest

from rewardtrain.core.measures.calibrate import Calibration, fit, fit_temperature

NONE = np.array([])


def log_loss(margins: np.ndarray, temperature: float) -> float:
    return float(np.logaddexp(0.0, -margins / temperature).mean())


def test_the_temperature_is_the_one_worked_out_by_hand() -> None:
    """Four equal margins m: 4 m sigmoid(-b m) = 4 (b - 1) / b, so with x = b m: x sigmoid(-x) = b - 1. Take x = ln 3,
    where sigmoid(-x) = 1/4: b = 1 + ln(3) / 4 and m = ln(3) / b."""
    inverse = 1 + math.log(3) / 4
    assert fit_temperature(np.full(4, math.log(3) / inverse)) == pytest.approx(1 / inverse)


@pytest.mark.parametrize("scale", [0.05, 1.0, 30.0])
def test_no_other_temperature_has_a_lower_log_loss_on_many_pairs(scale: float) -> None:
    """Pairs that go the way their margin says, as often as it says, have temperature 1, and scaled ones the scale."""
    random = np.random.default_rng(1)
    margins = np.abs(random.normal(0, 2, 20_000))
    margins *= np.where(random.random(20_000) < 1 / (1 + np.exp(-margins)), scale, -scale)
    got = fit_temperature(margins)
    assert got == pytest.approx(scale, rel=0.05)
    assert all(log_loss(margins, got) <= log_loss(margins, got * factor) + 1e-6 for factor in (0.5, 0.9, 1.1, 2.0))


def test_a_handful_of_pairs_moves_the_temperature_little_and_many_move_it_far() -> None:
    """Margins of which half are wrong: no T is too hot for them."""
    few, many = (fit_temperature(np.tile([2.0, -2.0], count)) for count in (2, 5000))
    assert 1 < few < 2
    assert many > 10


def test_pairs_that_are_all_right_make_no_model_certain() -> None:
    assert 0.6 < fit_temperature(np.full(5, 1.0)) < 1.0


@pytest.mark.parametrize("margins", [NONE, np.zeros(3)])
def test_without_pairs_or_differences_the_temperature_stays_1(margins: np.ndarray) -> None:
    assert fit_temperature(margins) == pytest.approx(1.0)


def test_normalisation_leaves_the_probabilities_as_they_were() -> None:
    """Rewards 1 and 5: mean 3, sd 2. A margin of 4 at temperature T is now one of 2 at T / 2."""
    before = fit(np.array([4.0, 4.0, -4.0]), NONE)
    after = before.normalised(np.array([1.0, 5.0]), has_bias=True)
    assert (after.mean, after.sd, after.n_reference) == (3.0, 2.0, 2)
    assert after.temperature == pytest.approx(before.temperature / 2)
    np.testing.assert_allclose(after.logits(np.array([[1.0], [5.0]], dtype=np.float32)), [[-1], [1]])


def test_a_binary_heads_logits_are_the_reward_and_the_calibrated_class() -> None:
    """Raw (1, 5) with mean 3, sd 2, class temperature 4: the reward is 1 and the classes differ by (5 - 1) / 4."""
    calibration = Calibration(class_temperature=4.0, mean=3.0, sd=2.0, n_reference=9)
    np.testing.assert_allclose(calibration.logits(np.array([[1.0, 5.0]], dtype=np.float32)), [[0.0, 1.0]])


@pytest.mark.parametrize("labels", [1, 2])
@pytest.mark.parametrize("has_bias", [True, False])
def test_the_layer_gives_the_same_logits_as_the_map(labels: int, has_bias: bool) -> None:
    random = np.random.default_rng(2)
    weight, features = random.normal(size=(labels, 8)), random.normal(size=(50, 8))
    bias = random.normal(size=labels) if has_bias else None
    raw = features @ weight.T + (0 if bias is None else bias)
    calibration = Calibration(class_temperature=1.7).normalised(raw[:, -1], has_bias=has_bias)
    new_weight, new_bias = calibration.layer(weight, bias)
    got = features @ new_weight.T + (0 if new_bias is None else new_bias)
    np.testing.assert_allclose(got, calibration.logits(raw), atol=1e-6)
    assert got[:, -1].std() == pytest.approx(1.0, abs=1e-6)
    assert got[:, -1].mean() == pytest.approx(calibration.mean_left, abs=1e-6)
    assert (calibration.mean_left == 0.0) == has_bias


def test_equal_rewards_are_not_blown_up() -> None:
    assert Calibration().normalised(np.full(5, 3.25), has_bias=True).sd == 1.0


def test_what_is_written_reads_as_what_it_was() -> None:
    calibration = Calibration(0.8, 12, 1.5, 7, 0.25, 2.0, 30, has_bias=False)
    assert Calibration.from_dict(calibration.to_dict()) == calibration
