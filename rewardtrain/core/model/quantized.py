"""Frozen weights in 4 bits below adapters: QLoRA, Dettmers et al. 2023, arXiv 2305.14314.

A weight is one of 16 values (NF4) times its block's scale, which is kept in 8 bits: 4.1 bits together, of 32. What is
trained, the adapters and the head, is as without. A layer whose rows aren't whole blocks stays as it is: bitsandbytes
0.50.2 reads those wrongly on a CPU (an error of 0.4 of the weights, where 0.09 is NF4's). The finished folder has plain
weights, those 16 values multiplied out with the adapters added, so its rewards are those that were trained.
"""

from typing import Any

import torch
from torch import nn

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import Device
from rewardtrain.core.errors import ConfigError

# bitsandbytes is imported by those who need it: it takes seconds.

BLOCK = 64  # weights with one scale


def quantize(network: Any, config: TrainConfig, device: Device) -> None:
    """Keep in 4 bits what is below each adapter, where the settings ask for it, in place.

    Raises ConfigError where no layer can be.
    """
    if config.quantize == "none":
        return
    from peft.tuners.lora import LoraLayer

    found = [one for one in network.modules() if isinstance(one, LoraLayer) and can_be_in_4_bits(one.get_base_layer())]
    if not found:
        kind = network.config.model_type
        raise ConfigError(
            f"quantize is {config.quantize!r}, but no adapted layer of this {kind} is a linear one with a multiple of"
            f" {BLOCK} inputs; set quantize=none"
        )
    for module in found:
        module.base_layer = _in_4_bits(module.get_base_layer(), device)  # type: ignore[arg-type]


def can_be_in_4_bits(layer: nn.Module) -> bool:
    """Tells whether it is a linear layer whose rows are whole blocks."""
    return isinstance(layer, nn.Linear) and layer.in_features % BLOCK == 0


def compute_in(network: nn.Module, dtype: torch.dtype) -> None:
    """Have products with weights in 4 bits computed in this type from now on."""
    for module in network.modules():
        if is_in_4_bits(module):
            module.compute_dtype = dtype  # type: ignore[assignment]


def is_in_4_bits(module: nn.Module) -> bool:
    """Tells whether its weight is in 4 bits."""
    return getattr(module._parameters.get("weight"), "quant_state", None) is not None  # an adapter shows its layer's


def in_full(module: Any) -> nn.Linear:
    """Makes a plain layer of one in 4 bits, with the weights that it multiplies by."""
    from bitsandbytes.functional import dequantize_4bit

    weight = dequantize_4bit(module.weight.data, module.weight.quant_state).to(torch.float32)
    plain = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None, device="meta")
    plain.weight = nn.Parameter(weight)
    if module.bias is not None:
        plain.bias = nn.Parameter(module.bias.detach())
    return plain


def _in_4_bits(layer: nn.Linear, device: Device) -> nn.Module:
    from bitsandbytes.nn import Linear4bit, Params4bit

    wanted = {"quant_type": "nf4", "compress_statistics": True}
    small = Linear4bit(
        layer.in_features, layer.out_features, bias=False, compute_dtype=device.dtype, device="meta", **wanted
    )
    small.weight = Params4bit(layer.weight.detach(), requires_grad=False, **wanted)
    small.bias = layer.bias
    return small.to(device.kind)  # type: ignore[no-any-return]  # which is when it becomes small
