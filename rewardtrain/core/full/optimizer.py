"""AdamW over what is trained, and the learning rate of each step."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.model.team import ALONE, Team

MAX_GRAD_NORM = 1.0


def make_optimizer(
    network: nn.Module, objective: nn.Module, config: TrainConfig, *, head: frozenset[str]
) -> torch.optim.Optimizer:
    """Makes an AdamW; the head (names of parameters) and the objective learn faster than the pretrained rest.

    Biases, norms and the objective's parameters aren't decayed, and what is frozen is left out. With `adamw_8bit` the
    moments of weights with 4,096 numbers or more are in 8 bits, a scale for each 256 (Dettmers et al. 2022, arXiv
    2110.02861).
    """
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            rate = config.head_learning_rate if name in head else config.learning_rate
            decay = config.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((rate, decay, True), []).append(parameter)
    for parameter in objective.parameters():  # on their own: every process has the whole of them
        groups.setdefault((config.head_learning_rate, 0.0, False), []).append(parameter)
    listed = [
        {"params": parameters, "lr": rate, "highest": rate, "weight_decay": decay}
        for (rate, decay, _), parameters in groups.items()
    ]
    if config.optimizer == "adamw_8bit":
        from bitsandbytes.optim import AdamW8bit

        return AdamW8bit(listed)  # type: ignore[no-any-return]
    # fused: one pass over the weights instead of a dozen, 24 ms instead of 141 for MiniLM on one core
    return torch.optim.AdamW(listed, fused=True)


def learning_rate_factor(step: int, *, total_steps: int, warmup_ratio: float) -> float:
    """Gives the part of the highest learning rate that optimizer step 0, 1, ... uses: linear up, then linear down to
    zero."""
    warmup = math.ceil(total_steps * warmup_ratio)
    if step < warmup:
        return (step + 1) / warmup
    return (total_steps - step) / max(1, total_steps - warmup)


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Give each group this part of its highest learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["highest"] * factor


def clip_gradients(optimizer: torch.optim.Optimizer, team: Team = ALONE) -> float:
    """Scale all gradients together to a norm of at most MAX_GRAD_NORM; returns the norm from before."""
    parameters = _parameters(optimizer)
    if team.size == 1:
        return float(torch.nn.utils.clip_grad_norm_(parameters, MAX_GRAD_NORM))
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    parts = [gradient for gradient in gradients if isinstance(gradient, DTensor)]
    own = torch.tensor(sum(_square(part.to_local()) for part in parts), dtype=torch.float64)
    norm = math.sqrt(team.sum(own) + sum(_square(each) for each in gradients if not isinstance(each, DTensor)))
    if norm > MAX_GRAD_NORM:
        for gradient in gradients:
            gradient.mul_(MAX_GRAD_NORM / norm)
    return norm


def _square(tensor: Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor, dtype=torch.float64)) ** 2


def all_finite(optimizer: torch.optim.Optimizer, team: Team = ALONE) -> bool:
    """Tells whether every trained weight is a number, in all processes of the team."""
    return not team.any(not all(bool(torch.isfinite(_own(each)).all()) for each in _parameters(optimizer)))


def state_of(optimizer: torch.optim.Optimizer, names: Mapping[nn.Parameter, str]) -> dict[str, Tensor]:
    """Gives what an AdamW keeps of each parameter, zeros before its first step, by the parameter's name and its own."""
    _begin(optimizer)
    return {
        f"{names[parameter]}.{key}": value
        for parameter in _parameters(optimizer)
        for key, value in optimizer.state[parameter].items()
        if isinstance(value, Tensor) and not key.startswith("qmap")  # what 8 bits stand for: the same in all
    }


def count_steps(optimizer: torch.optim.Optimizer, step: int) -> None:
    """Tell an optimizer that counts its steps in a plain number how many there were."""
    for state in optimizer.state.values():
        if isinstance(state.get("step"), int):
            state["step"] = step


def _begin(optimizer: torch.optim.Optimizer) -> None:
    """Have it keep something of each parameter, as it would in its first step."""
    for number, group in enumerate(optimizer.param_groups):
        for place, parameter in enumerate(group["params"]):
            state = optimizer.state[parameter]
            if not state and isinstance(optimizer, torch.optim.AdamW):
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                state |= {name: torch.zeros_like(parameter).detach() for name in ("exp_avg", "exp_avg_sq")}
            elif not state:
                optimizer.init_state(group, parameter, number, place)  # type: ignore[attr-defined]


def order_of_before(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """Lists the parameters as older checkpoints number them: the objective's beside the network's of the same rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for group in optimizer.param_groups:
        groups.setdefault((group["highest"], group["weight_decay"]), []).extend(group["params"])
    return [parameter for parameters in groups.values() for parameter in parameters]


def _own(parameter: Tensor) -> Tensor:
    return parameter.to_local() if isinstance(parameter, DTensor) else parameter


def _parameters(optimizer: torch.optim.Optimizer) -> Sequence[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
