"""What a fine-tuning holds whatever its batches are, reckoned before a weight is loaded, beside what the device has."""

from dataclasses import dataclass
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
from rewardtrain.core.model.quantized import can_be_in_4_bits

NUMBER = 4  # bytes of a weight, of its gradient and of each of AdamW's two moments
QUANTIZED = 0.516  # bytes of a weight in 4 bits, with a scale in 8 bits for each 64 and one in 32 for each 256 of those
MOMENT_8_BIT = 1 + NUMBER / 256
GB = 1e9


@dataclass(frozen=True)
class Sizes:
    """Numbers of a backbone's weights."""

    all: int
    layers: tuple[int, ...]  # of each
    quantizable: int  # in linear layers of these that can be kept in 4 bits
    linear_ends: int  # inputs and outputs of all linear layers of these together

    @property
    def outside(self) -> int:
        """Counts what is in none of the layers: embeddings, above all."""
        return self.all - sum(self.layers)


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


def needed(sizes: Sizes, config: TrainConfig, processes: int) -> int:
    """Reckons the bytes that each process holds beside activations.

    Weights, and of those that are trained gradients and moments, each a part of them; and where there are several
    processes what is whole for a moment: a layer with its gradient and the next one, and what stands outside with its.
    """
    trained, kept = sizes.all, NUMBER * sizes.all
    if config.train_layers is not None:
        trained = sum(sizes.layers[len(sizes.layers) - config.train_layers :])
    if config.lora_rank:
        part = 1.0 if config.train_layers is None else config.train_layers / max(1, len(sizes.layers))
        trained = round(part * config.lora_rank * sizes.linear_ends)
        kept += NUMBER * trained
    if config.quantize != "none":
        kept -= round((NUMBER - QUANTIZED) * sizes.quantizable)
    moment = MOMENT_8_BIT if config.optimizer == "adamw_8bit" else NUMBER
    held = kept + trained * (NUMBER + 2 * moment)
    whole = NUMBER * (3 * max(sizes.layers, default=0) + 2 * sizes.outside) if processes > 1 else 0
    return round(held / processes) + whole


def require_memory(sizes: Sizes, config: TrainConfig, device: Device, processes: int) -> dict[str, Any]:
    """Says what is needed beside activations and what there is, in bytes.

    Raises OutOfMemoryError, with what would fit, where it can't be enough.
    """
    here = processes if device.kind == "cpu" else 1  # whose processes share one memory
    wants, has = here * needed(sizes, config, processes), total_memory(device)
    if wants > has:
        what = "this GPU" if device.kind == "cuda" else "this machine"
        seen = f"weights, gradients and moments need {wants / GB:.0f} GB beside activations; {what} has {has / GB:.0f}"
        raise OutOfMemoryError(f"{seen}: {advice(sizes, config, device, processes, has)}")
    return {"needed_bytes": wants, "memory_bytes": has}


def advice(sizes: Sizes, config: TrainConfig, device: Device, processes: int, has: int) -> str:
    """Names what would fit, of what a person can set; else a smaller backbone."""
    tried: list[tuple[str, dict[str, object], int]] = []
    if not config.lora_rank:
        tried.append(("set lora_rank=16", {"lora_rank": 16, "train_layers": None}, processes))
        if processes == 1:
            small: dict[str, object] = {"lora_rank": 16, "train_layers": None, "quantize": "nf4"}
            tried.append(("set lora_rank=16 and quantize=nf4", small, 1))
    elif processes == 1 and config.quantize == "none":
        tried.append(("set quantize=nf4", {"quantize": "nf4"}, 1))
    if device.kind == "cuda" and config.quantize == "none" and config.optimizer == "adamw":
        tried += [(f"train in {more} processes", {}, more) for more in (2, 4, 8, 16, 32, 64) if more > processes]
    found = [
        words
        for words, changes, count in tried
        if needed(sizes, TrainConfig.from_dict(config.to_dict() | changes | {"processes": 1}), count) <= has
    ]
    several = next((words for words in found if words.startswith("train in")), None)
    others = [words for words in found if not words.startswith("train in")]
    return ", or ".join([*others[:1], *([several] if several else [])]) or "take a smaller backbone"


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
