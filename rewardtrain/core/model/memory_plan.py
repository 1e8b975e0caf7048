"""What a fine-tuning needs beside what the device has, before a weight is loaded."""

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel
from transformers.pytorch_utils import Conv1D

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import Device, total_memory
from rewardtrain.core.errors import OutOfMemoryError
from rewardtrain.core.model.adapters import stack_of
from rewardtrain.core.model.loading import OURS_ALONE, backbone_folder
from rewardtrain.core.model.needed_memory import Sizes, Way, needed, ways
from rewardtrain.core.model.quantized import can_be_in_4_bits
from rewardtrain.core.model.team import processes_here

GB = 1e9


def sizes_of(name: str) -> Sizes:
    """Counts the weights of a backbone by its config, without loading one."""
    config = AutoConfig.from_pretrained(backbone_folder(name), **OURS_ALONE)
    with torch.device("meta"):
        network = AutoModel.from_config(config, **OURS_ALONE)  # type: ignore[no-untyped-call]
    layers = list(stack_of(network, config) or ())
    linears = [one for layer in layers for one in layer.modules() if isinstance(one, nn.Linear | Conv1D)]
    return Sizes(
        all=_count(network),
        layers=tuple(_count(layer) for layer in layers),
        quantizable=sum(one.weight.numel() for one in linears if can_be_in_4_bits(one)),
        linear_ends=sum(sum(one.weight.shape) for one in linears),
    )


def require_memory(sizes: Sizes, config: TrainConfig, device: Device, processes: int) -> dict[str, Any]:
    """Says what is needed beside activations and what there is, in bytes.

    Raises OutOfMemoryError, with what would fit, where it can't be enough.
    """
    here = processes_here(processes) if device.kind == "cpu" else 1  # processes that share one memory
    wants, has = here * needed(sizes, config, processes), total_memory(device)
    if wants > has:
        what = "this GPU" if device.kind == "cuda" else "this machine"
        seen = f"weights, gradients and moments need {wants / GB:.0f} GB beside activations; {what} has {has / GB:.0f}"
        raise OutOfMemoryError(f"{seen}: {advice(sizes, config, device, processes, has // here)}")
    return {"needed_bytes": wants, "memory_bytes": has}


def advice(sizes: Sizes, config: TrainConfig, device: Device, processes: int, has: int) -> str:
    """Names what would fit, of what a person can set; else a smaller backbone."""
    found = ways(sizes, config, processes, has, more=device.kind == "cuda")
    return ", or ".join(map(_words, found)) or "take a smaller backbone"


def _words(way: Way) -> str:
    set_here = [f"{name}={value}" for name, value in way.changes.items() if value is not None]
    return "set " + " and ".join(set_here) if set_here else f"train in {way.processes} processes"


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
