"""Comparisons as arrays, by hand; and minima and linear systems beside numpy's own."""

import math
from typing import Any

import numpy as np
import pytest

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.head.edges import Edges, edges_of
from rewardtrain.core.head.fit import (
    DEFAULT_L2,
    L2_GRID,
    MIN_VALIDATION,
    Problem,
    choose_flag_l2,
    choose_l2,
    uncertainty,
)
from rewardtrain.core.head.solvers import conjugate_gradients, minimise

SAID = [
    Comparisons({(0, 1): 3.0, (1, 0): 1.0}, 4, 2, ties={(0, 1): 2.0}, margins={(0, 1): 2.0}),
    Comparisons({}, 0, 0),
    Comparisons({(2, 0): 1.0}, 1, 0, margins={(2, 0): 3.0}),
]
SIZES = [2, 4, 3]


def rows(edges: Edges) -> list[tuple[Any, ...]]:
    columns = (edges.better, edges.worse, edges.weight, edges.offset, edges.tied, edges.prompt)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_a_prompts_weights_sum_to_one_and_its_completions_lie_after_those_before() -> None:
    """The second prompt says nothing, but has features; the third's completions begin at 6."""
    edges = edges_of(SAID, SIZES, TrainConfig(margin_scale=0.5))
    assert rows(edges) == [
        (0, 1, pytest.approx(3 / 6), 1.0, False, 0),
        (1, 0, pytest.approx(1 / 6), 0.0, False, 0),
        (0, 1, pytest.approx(2 / 6), 0.0, True, 0),
        (8, 6, 1.0, 1.5, False, 1),
    ]
    assert (edges.n_prompts, edges.davidson) == (2, False)
    assert edges_of(SAID, SIZES, TrainConfig(ties="davidson")).davidson


def test_smoothing_takes_a_part_of_each_weight_to_the_other_side_with_its_margin() -> None:
    """Of 3 against 1 a tenth: 3 * 0.9 + 1 * 0.1 and 1 * 0.9 + 3 * 0.1. Margins go with the weight they come from."""
    edges = edges_of(SAID, SIZES, TrainConfig(margin_scale=1.0, label_smoothing=0.1))
    assert [(better, worse) for better, worse, *_ in rows(edges)] == [(0, 1), (1, 0), (0, 1), (8, 6), (6, 8)]
    assert edges.weight.tolist() == pytest.approx([2.8 / 6, 1.2 / 6, 2 / 6, 0.9, 0.1])
    assert edges.offset.tolist() == pytest.approx([2 * 2.7 / 2.8, 2 * 0.3 / 1.2, 0, 3, 3])


def test_a_scale_multiplies_the_weight_and_not_what_it_is_divided_by() -> None:
    """Of 3 against 1, the three twice in the mean; a tenth turned round takes its scale along."""
    said = [Comparisons({(0, 1): 3.0, (1, 0): 1.0}, 4, 0, scales={(0, 1): 2.0, (1, 0): 1.0})]
    assert edges_of(said, [2], TrainConfig()).weight.tolist() == pytest.approx([6 / 4, 1 / 4])
    smoothed = edges_of(said, [2], TrainConfig(label_smoothing=0.1))
    assert smoothed.weight.tolist() == pytest.approx([(2 * 2.7 + 0.1) / 4, (0.9 + 2 * 0.3) / 4])


def test_the_first_prompts_keep_their_edges_alone() -> None:
    edges = edges_of(SAID, SIZES, TrainConfig(ties="davidson"))
    assert rows(edges.first(1)) == rows(edges)[:3]
    assert (edges.first(1).n_prompts, edges.first(1).davidson) == (1, True)
    assert rows(edges.first(9)) == rows(edges)
    assert edges.first(9).n_prompts == 2


def test_log_loss_is_of_what_is_no_tie() -> None:
    """Weights 1/2, 1/6 and 1 of margins ln 3, -ln 3 and ln 4: losses ln(4/3), ln 4 and ln(5/4)."""
    rewards = np.array([math.log(3), 0.0, 9, 9, 9, 9, 0.0, 9, math.log(4)])
    wanted = (math.log(4 / 3) / 2 + math.log(4) / 6 + math.log(5 / 4)) / (1 / 2 + 1 / 6 + 1)
    assert edges_of(SAID, SIZES, TrainConfig()).log_loss(rewards) == pytest.approx(wanted)


def test_costs_by_hand() -> None:
    """Bradley-Terry at a margin of 1.5: a lead of 1.5 + ln 3 has chance 3/4. Davidson, nu 1, at a lead of 0: win, loss
    and tie are a third each, and the curvature is (1/3 + 1/3) / 4."""
    plain = edges_of([SAID[2]], [3], TrainConfig(margin_scale=0.5))
    value, slope, curvature = plain.costs(np.array([1.5 + math.log(3)]), 0.0)
    assert (value[0], slope[0], curvature[0]) == pytest.approx((math.log(4 / 3), -1 / 4, 3 / 16))
    davidson = edges_of([SAID[0]], [2], TrainConfig(ties="davidson"))
    value, slope, curvature = davidson.costs(np.zeros(3), 0.0)
    assert value == pytest.approx([math.log(3)] * 3)
    assert slope == pytest.approx([-0.5, -0.5, 0.0])
    assert curvature == pytest.approx([1 / 6] * 3)
    assert davidson.tie_slope(np.zeros(3), 0.0) == pytest.approx(1 / 3 - 2 / 6), "a third is tied, as many as expected"
    assert davidson.tie_slope(np.zeros(3), math.log(2)) == pytest.approx(1 / 2 - 1 / 3)


def test_no_comparisons_are_no_edges() -> None:
    edges = edges_of([SAID[1]], [4], TrainConfig())
    assert (len(edges.better), edges.n_prompts) == (0, 0)


# --- Choices by the validation split ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "chosen"), [(MIN_VALIDATION - 1, False), (MIN_VALIDATION, True)])
def test_l2_is_chosen_from_thirty_validation_prompts_on(n: int, chosen: bool) -> None:
    random = np.random.default_rng(0)
    pairs = [Comparisons({(0, 1): 1.0}, 1, 0)] * n
    features = random.standard_normal((2 * n, 3)).astype(np.float32)
    features[::2, 0] += 2
    edges = edges_of(pairs, [2] * n, TrainConfig())
    l2, losses = choose_l2(Problem(features, edges), features, edges)
    assert (set(losses) == set(L2_GRID)) is chosen
    assert chosen or l2 == DEFAULT_L2
    tied = edges_of([Comparisons({}, 0, 1, ties={(0, 1): 1.0})] * n, [2] * n, TrainConfig())
    assert choose_l2(Problem(features, edges), features, tied) == (DEFAULT_L2, {})
    shares = np.tile([1.0, 0.0], n)
    flag_l2 = choose_flag_l2(features, shares, features[:n], shares[:n], bias=True)
    assert flag_l2 == min(L2_GRID) if chosen else flag_l2 == DEFAULT_L2


def test_uncertainty_is_the_deviation_of_the_heads_rewards() -> None:
    """Heads x + 1 and 3 x - 1 say 3 and 5 of 2: a deviation of sqrt 2, of two."""
    heads = np.array([[1.0, 1.0], [3.0, -1.0]])
    assert uncertainty(np.array([[2.0], [1.0]], dtype=np.float32), heads) == pytest.approx([math.sqrt(2), 0.0])


# --- Solvers ----------------------------------------------------------------------------------------------------------


def positive(size: int, seed: int) -> np.ndarray:  # type: ignore[type-arg]
    matrix = np.random.default_rng(seed).standard_normal((size, size))
    return matrix @ matrix.T + np.eye(size)


@pytest.mark.parametrize("seed", range(3))
def test_the_minimum_of_a_bowl_is_that_of_linear_algebra(seed: int) -> None:
    """From a poor inverse Hessian too, which the steps mend."""
    matrix, target = positive(8, seed), np.random.default_rng(seed + 9).standard_normal(8)

    def bowl(point: Any) -> tuple[float, Any]:
        return float(point @ matrix @ point / 2 - target @ point), matrix @ point - target

    for inverse in (np.linalg.inv(matrix), np.eye(8) / np.trace(matrix)):
        found = minimise(bowl, np.zeros(8), lambda gradient, inverse=inverse: inverse @ gradient, tolerance=1e-14)
        np.testing.assert_allclose(found, np.linalg.solve(matrix, target), atol=1e-4)


def test_a_step_that_is_too_long_is_halved() -> None:
    """ln cosh is flat far out: the whole step of a Hessian of 1/10 overshoots and would never come back."""
    calls: list[float] = []

    def function(point: Any) -> tuple[float, Any]:
        calls.append(float(point[0]))
        return float(np.logaddexp(point[0], -point[0]) - math.log(2) + 1), np.tanh(point)

    found = minimise(function, np.array([3.0]), lambda gradient: 10 * gradient)
    assert found[0] == pytest.approx(0, abs=1e-3)
    assert len(calls) < 30


def test_a_minimum_is_not_left() -> None:
    start = np.array([0.0, 0.0])
    found = minimise(lambda point: (1 + float(point @ point), 2 * point), start, lambda gradient: gradient / 2)
    assert found is start


def test_the_solution_of_several_columns_is_that_of_linear_algebra() -> None:
    matrix, targets = positive(10, 3), np.random.default_rng(1).standard_normal((10, 4))
    diagonal = np.diag(matrix)[:, None]
    found = conjugate_gradients(lambda x: matrix @ x, targets, lambda x: x / diagonal, tolerance=1e-10)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, targets), atol=1e-8)
    rough = conjugate_gradients(lambda x: matrix @ x, targets, lambda x: x / diagonal)
    left = np.linalg.norm(matrix @ rough - targets, axis=0) / np.linalg.norm(targets, axis=0)
    assert (left <= 1e-2).all()


def test_a_column_of_zeros_stays_zero() -> None:
    targets = np.array([[1.0, 0.0], [2.0, 0.0]])
    found = conjugate_gradients(lambda x: 2 * x, targets, lambda x: x)
    np.testing.assert_allclose(found, [[0.5, 0.0], [1.0, 0.0]])
