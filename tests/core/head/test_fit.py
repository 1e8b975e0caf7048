"""The fitted head is the optimum that the training loss has, found by other means here."""

from typing import Any

import numpy as np
import pytest
import torch

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import make_batch
from rewardtrain.core.data.comparisons import Comparisons, merge
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.head.edges import edges_of
from rewardtrain.core.head.fit import DEFAULT_L2, Problem, choose_l2, fit, fit_ensemble, fit_flag

L2 = 2.0
SETTINGS: list[dict[str, Any]] = [
    {},
    {"ties": "half"},
    {"ties": "davidson"},
    {"ties": "davidson", "label_smoothing": 0.1},
    {"margin": "gap", "label_smoothing": 0.1},
    {"weight": "strength", "label_smoothing": 0.1},
]


def groups_of(n: int, seed: int = 0) -> list[Group]:
    """n prompts of 2 to 4 completions, each ranked by one or two labelers, with ties."""
    random = np.random.default_rng(seed)
    groups = []
    for index in range(n):
        size = int(random.integers(2, 5))
        rankings = tuple(
            Ranking(f"labeler {number}", tuple(random.integers(1, 4, size).tolist()), index % 4 or None)
            for number in range(random.integers(1, 3))
        )
        groups.append(Group(str(index), "train", (Message("user", str(index)),), ("x",) * size, rankings))
    return groups


def problem_of(groups: list[Group], config: TrainConfig, seed: int = 1) -> tuple[Problem, list[Comparisons]]:
    """Features of 5 numbers of different size and mean, of which the first has to do with the ranks."""
    random = np.random.default_rng(seed)
    sizes = [len(group.completions) for group in groups]
    ranks = np.concatenate([group.rankings[0].ranks for group in groups])
    features = random.standard_normal((sum(sizes), 5))
    features[:, 0] -= ranks
    features = (features * [1, 10, 0.1, 3, 1] + [0, 5, 1, -3, 100]).astype(np.float32)
    merged = [merge(group, ties=config.ties, margin=config.margin, weight=config.weight) for group in groups]
    return Problem(features, edges_of(merged, sizes, config)), merged


def torch_optimum(
    groups: list[Group], problem: Problem, merged: list[Comparisons], config: TrainConfig
) -> torch.Tensor:
    """The minimum of loss.Objective + l2, in float64 by torch's own L-BFGS."""
    ids, types = np.arange(9, dtype=np.int32), np.zeros(1, dtype=np.int8)
    sequences = [Encoded(ids[place : place + 1], types, False, False) for place in range(9)]
    used = [index for index, each in enumerate(merged) if each.weights or each.ties]
    batch = make_batch(
        [sequences[: len(groups[index].completions)] for index in used], [merged[index] for index in used]
    )
    starts = np.cumsum([0, *(len(group.completions) for group in groups)])
    rows = np.concatenate([np.arange(starts[index], starts[index + 1]) for index in used])
    scaled = torch.from_numpy((problem.features / problem.scale)[rows])
    objective = Objective(config).double()
    weight = torch.zeros(scaled.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, *objective.parameters()], max_iter=500, line_search_fn="strong_wolfe",
                                  tolerance_grad=1e-10, tolerance_change=1e-14)  # fmt: skip

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss: torch.Tensor = objective((scaled @ weight)[:, None], batch) * len(used) + L2 / 2 * (weight**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return torch.cat([weight.detach(), *(parameter.detach()[None] for parameter in objective.parameters())])


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_it_is_the_optimum_of_the_training_loss(settings: dict[str, Any]) -> None:
    config, groups = TrainConfig.from_dict(settings), groups_of(60)
    problem, merged = problem_of(groups, config)
    wanted = torch_optimum(groups, problem, merged, config).numpy()
    fitted = fit(problem, l2=L2)
    np.testing.assert_allclose(fitted.point, wanted, atol=2e-4)
    assert abs(problem.objective(L2)(fitted.point)[1]).max() < 5e-3


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_slopes_and_curvatures_are_those_of_the_costs(settings: dict[str, Any]) -> None:
    """Against differences of (E,) costs a step of 1e-5 apart."""
    problem, _ = problem_of(groups_of(20), TrainConfig.from_dict(settings))
    edges, step = problem.edges, 1e-5
    ahead = np.random.default_rng(5).standard_normal(len(edges.better)) * 3
    (_, slope, curvature), above, below = (edges.costs(ahead + move, 0.3) for move in (0, step, -step))
    np.testing.assert_allclose(slope, (above[0] - below[0]) / (2 * step), atol=1e-8)
    np.testing.assert_allclose(curvature, (above[1] - below[1]) / (2 * step), atol=1e-8)
    values = [edges.weight @ edges.costs(ahead, 0.3 + move)[0] for move in (step, -step)]
    if edges.davidson:
        assert edges.tie_slope(ahead, 0.3) == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-7)


def test_one_feature_and_one_pair_by_hand() -> None:
    """x = 1 and -1, the former preferred: F = log(1 + e^(-2w)) + w^2, so 2 sigma(-2w) = 2w: w = sigma(-2w) = 0.3374."""
    group = Group("1", "train", (Message("user", "a"),), ("x", "y"), (Ranking("ann", (1, 2)),))
    edges = edges_of([merge(group)], [2], TrainConfig())
    fitted = fit(Problem(np.array([[1.0], [-1.0]], dtype=np.float32), edges), l2=2.0)
    assert fitted.head.weight[0] == pytest.approx(0.3374, abs=1e-4)
    assert fitted.loss == pytest.approx(np.log1p(np.exp(-2 * 0.3374)), abs=1e-4)


def test_rewards_have_mean_zero_and_a_feature_that_never_changes_no_weight() -> None:
    problem, _ = problem_of(groups_of(40), TrainConfig())
    problem.features[:, 4] = 7
    head = fit(problem, l2=L2).head
    assert head(problem.features).mean() == pytest.approx(0, abs=1e-4)
    assert head.weight[4] == pytest.approx(0, abs=1e-5)


def test_l2_is_chosen_by_the_validation_prompts() -> None:
    """Rewards that have to do with one feature want little l2; labels drawn by lot want the most."""
    config = TrainConfig()
    problem, _ = problem_of(groups_of(300), config)
    validation, _ = problem_of(groups_of(100, seed=3), config, seed=4)
    clear, losses = choose_l2(problem, validation.features, validation.edges)
    assert len(losses) == 7
    assert losses[clear] == min(losses.values())
    random = np.random.default_rng(0)
    noise = [random.standard_normal((len(each.features), 50)).astype(np.float32) for each in (problem, validation)]
    unclear, _ = choose_l2(Problem(noise[0], problem.edges), noise[1], validation.edges)
    assert clear < 100 < unclear


def test_few_validation_prompts_choose_nothing() -> None:
    problem, _ = problem_of(groups_of(40), TrainConfig())
    validation, _ = problem_of(groups_of(20), TrainConfig())
    assert choose_l2(problem, validation.features, validation.edges) == (DEFAULT_L2, {})


@pytest.mark.parametrize("bias", [True, False])
def test_flags_are_fitted_by_logistic_regression(bias: bool) -> None:
    random = np.random.default_rng(0)
    features = (random.standard_normal((200, 3)) * [1, 5, 0.2] + [0, 2, 1]).astype(np.float32)
    shares = random.integers(0, 3, 200) / 2  # of two labelers
    fitted = fit_flag(features, shares, l2=L2, bias=bias)
    assert bias or fitted.bias == 0
    scaled, weight = torch.from_numpy(features).double(), torch.from_numpy(fitted.weight).requires_grad_()
    shift = torch.tensor(fitted.bias, requires_grad=True)
    logits = scaled @ weight + shift
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(shares), reduction="sum")
    scale = torch.from_numpy(features.std(axis=0, dtype=np.float64))
    (loss + L2 / 2 * ((weight * scale) ** 2).sum()).backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert shift.grad is not None
    assert (weight.grad.abs() / scale).max() < 2e-2
    assert not bias or abs(shift.grad.item()) < 2e-2


def test_the_ensemble_spreads_as_refits_to_bootstrap_samples_do() -> None:
    """One Newton step against 200 full fits: standard deviations of the weights agree to a fifth."""
    config, groups = TrainConfig(), groups_of(150)
    problem, merged = problem_of(groups, config)
    heads = fit_ensemble(fit(problem, l2=L2), count=200, seed=0)
    sizes = [len(group.completions) for group in groups]
    random, refits = np.random.default_rng(1), []
    blocks = np.split(problem.features, np.cumsum(sizes)[:-1])
    for _ in range(200):
        drawn = random.integers(0, len(groups), len(groups))
        edges = edges_of([merged[index] for index in drawn], [sizes[index] for index in drawn], config)
        again = Problem(np.concatenate([blocks[index] for index in drawn]), edges)
        again.__dict__["scale"] = problem.scale  # the same prior
        refits.append(fit(again, l2=L2).head.weight)
    ours, theirs = heads[:, :-1].std(axis=0), np.std(refits, axis=0)
    np.testing.assert_allclose(ours, theirs, rtol=0.25)
