"""A network of which each process of a team holds a part of every weight, of its gradient and of what the optimizer
keeps: FSDP2, torch's fully_shard (Zhao et al. 2023, arXiv 2304.11277).

A layer's weights are together only while it computes. They travel in float32 whatever the products are computed in,
so that the same weights score in full precision at the end.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.model.adapters import layers_of
from rewardtrain.core.model.network import RewardModel, packed_logits
from rewardtrain.core.model.speed import fuse, turn_on_checkpointing
from rewardtrain.core.model.team import Team


@dataclass(frozen=True)
class Shards:
    """A reward model in parts, and what it takes to put it together again."""

    model: RewardModel
    plain: Any  # the network's modules without weights

    def gathered(self) -> RewardModel | None:
        """Gives the first process the whole model, its weights on the CPU; all take part.

        One weight after another goes through each process's device.
        """
        whole = {name: _whole(parameter.detach()) for name, parameter in self.model.network.named_parameters()}
        whole |= {name: buffer.cpu() for name, buffer in self.model.network.named_buffers()}
        if not self.model.team.is_first:
            return None
        fill(self.plain, lambda name, _: whole[name])
        return replace(self.model, network=self.plain, team=Team())


def shard(load: Callable[[], RewardModel], team: Team, config: TrainConfig, device: str) -> Shards:
    """Lets the first process load a model on the CPU, and gives each process its part of the weights on its device.

    The others read no file of the backbone. load: leaves gradient checkpointing off, which the settings may turn on in
    each part. Raises in all processes what it raises.
    """
    loaded: list[RewardModel] = []

    def without_weights() -> RewardModel:
        model = load()
        loaded.append(model)
        return replace(model, network=_emptied(model.network))

    model = team.from_first(without_weights)
    plain = copy.deepcopy(model.network)
    network = model.network
    weights = dict(_tensors(loaded.pop().network)) if loaded else None
    if config.kernels == "liger":
        fuse(network)
    if config.gradient_checkpointing:
        turn_on_checkpointing(network)
    mesh = init_device_mesh(device, (team.size,))
    _split(network, mesh)
    _hand_out(network, weights, mesh, device)
    network.packed_logits = MethodType(packed_logits, network)
    register_fsdp_forward_method(network, "packed_logits")
    return Shards(replace(model, team=team), plain)


def _split(network: Any, mesh: DeviceMesh) -> None:
    """Marks the layers to be together one after the other, and the rest of the network for as long as it computes."""
    for layer in layers_of(network) or ():
        fully_shard(layer, mesh=mesh)
    fully_shard(network, mesh=mesh)
    for module in network.modules():
        if isinstance(module, FSDPModule):
            # What each process's own prompts make of a weight's gradient is added up: the loss is the batch's mean.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
    network.set_reduce_scatter_unused_params(True)


def _hand_out(network: nn.Module, weights: Mapping[str, Tensor] | None, mesh: DeviceMesh, device: str) -> None:
    """Sends each weight from the first process, which has them all, and keeps this one's part."""

    def own(name: str, tensor: Tensor) -> Tensor:
        whole = weights[name].to(device) if weights else torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
        dist.broadcast(whole, src=0)
        if isinstance(tensor, DTensor):
            return distribute_tensor(whole, mesh, tensor.placements, src_data_rank=None)
        return whole

    fill(network, own)


def fill(network: nn.Module, tensor_of: Callable[[str, Tensor], Tensor]) -> None:
    """Put these tensors in the place of a network's own; a weight that two modules share stays shared."""
    made: dict[int, Any] = {}
    for prefix, module in network.named_modules():
        for key, old in (*module._parameters.items(), *module._buffers.items()):
            if old is None:
                continue
            if id(old) not in made:
                new = tensor_of(f"{prefix}.{key}" if prefix else key, old.detach())
                is_weight = isinstance(old, nn.Parameter)
                made[id(old)] = old, nn.Parameter(new, requires_grad=old.requires_grad) if is_weight else new
            (module._parameters if key in module._parameters else module._buffers)[key] = made[id(old)][1]


def _tensors(network: nn.Module) -> list[tuple[str, Tensor]]:
    return [*network.named_parameters(), *network.named_buffers()]


def _emptied(network: nn.Module) -> Any:
    """Makes another tree of the same modules, without the numbers."""
    memo = {
        id(tensor): nn.Parameter(tensor.detach().to("meta"), requires_grad=tensor.requires_grad)
        if isinstance(tensor, nn.Parameter)
        else tensor.to("meta")
        for _, tensor in _tensors(network)
    }
    return copy.deepcopy(network, memo)


def _whole(parameter: Tensor) -> Tensor:
    return (parameter.full_tensor() if isinstance(parameter, DTensor) else parameter).cpu()
