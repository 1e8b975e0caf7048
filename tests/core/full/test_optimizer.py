"""Which weights learn how fast, at each step."""

import pytest
import torch
from torch import nn

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import (
    MAX_GRAD_NORM,
    all_finite,
    clip_gradients,
    learning_rate_factor,
    make_optimizer,
    set_learning_rate,
)

CONFIG = TrainConfig(learning_rate=1e-4, head_learning_rate=1e-2, weight_decay=0.1, ties="davidson")


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 1))


def test_the_rate_rises_to_its_highest_and_falls_to_nothing() -> None:
    """Of ten steps a quarter, rounded up to three, warm up; step 10 would be 0."""
    factors = [learning_rate_factor(step, total_steps=10, warmup_ratio=0.25) for step in range(11)]
    assert factors == pytest.approx([1 / 3, 2 / 3, 1, *[(10 - step) / 7 for step in range(3, 10)], 0])
    assert max(factors) == 1


@pytest.mark.parametrize(("total", "ratio", "factors"), [(1, 0.0, [1]), (1, 0.5, [1]), (4, 0.0, [1, 0.75, 0.5, 0.25])])
def test_short_runs_have_a_rate_too(total: int, ratio: float, factors: list[float]) -> None:
    found = [learning_rate_factor(step, total_steps=total, warmup_ratio=ratio) for step in range(total)]
    assert found == pytest.approx(factors)


def test_a_new_head_learns_faster_and_biases_and_norms_are_not_decayed() -> None:
    model, objective = network(), Objective(CONFIG)
    model[0].bias.requires_grad_(False)
    optimizer = make_optimizer(model, objective, CONFIG, head=frozenset({"2.weight", "2.bias"}))
    found = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert found[id(model[0].weight)] == (1e-4, 0.1)
    assert found[id(model[1].weight)] == found[id(model[1].bias)] == (1e-4, 0.0)
    assert found[id(model[2].weight)] == (1e-2, 0.1)
    assert found[id(model[2].bias)] == (1e-2, 0.0)
    assert objective.log_nu is not None
    assert found[id(objective.log_nu)] == (1e-2, 0.0)
    assert id(model[0].bias) not in found, "it is frozen"
    assert len(found) == 6


def test_each_group_has_its_part_of_its_own_highest_rate() -> None:
    optimizer = make_optimizer(network(), Objective(CONFIG), CONFIG, head=frozenset({"2.weight"}))
    for factor in (0.5, 0.25):  # of the highest each time, not of the last
        set_learning_rate(optimizer, factor)
        assert {group["lr"] / group["highest"] for group in optimizer.param_groups} == {factor}
    assert {group["highest"] for group in optimizer.param_groups} == {1e-4, 1e-2}


@pytest.mark.parametrize(("scale", "norm"), [(3.0, 1.0), (0.1, 0.2)])
def test_gradients_are_scaled_together_to_the_highest_norm(scale: float, norm: float) -> None:
    """Four gradients of 1, of norm 2, times the scale: 6 is brought to 1, and 0.2 stays."""
    model = nn.Linear(3, 1)
    optimizer = make_optimizer(model, Objective(TrainConfig()), CONFIG, head=frozenset())
    model.weight.grad, model.bias.grad = torch.full((1, 3), scale), torch.full((1,), scale)
    assert clip_gradients(optimizer) == pytest.approx(2 * scale)
    grads = torch.cat([model.weight.grad.flatten(), model.bias.grad])
    assert float(grads.norm()) == pytest.approx(norm, rel=1e-5)
    assert MAX_GRAD_NORM == 1.0


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_one_weight_that_is_no_number_is_seen(wrong: float) -> None:
    model = network()
    optimizer = make_optimizer(model, Objective(TrainConfig()), CONFIG, head=frozenset())
    assert all_finite(optimizer)
    with torch.no_grad():
        model[2].bias[0] = wrong
    assert not all_finite(optimizer)
