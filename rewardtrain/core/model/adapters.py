"""Training a part of the backbone: its top layers, or low-rank adapters in their place (LoRA)."""

import warnings
from collections import Counter
from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.model.quantized import in_full, is_in_4_bits

# peft is imported by those who need it: it takes seconds.

ALPHA_PER_RANK = 2  # LoRA's update is B A x times alpha / rank: twice B A x


def freeze(network: Any, config: TrainConfig, *, new_parameters: frozenset[str]) -> None:
    """Leave to be trained what the settings say.

    The head is what stands outside the backbone, its pooler and whatever the backbone's files didn't have; it is always
    trained in full. With `train_layers` the top so many of the backbone's layers are trained too and nothing below
    them, so that no graph is built there; embeddings and a final norm are then frozen. With `lora_rank` every linear
    layer among those that is wider than the rank gets an adapter instead (Hu et al. 2021, arXiv 2106.09685), drawn from
    torch's random state.

    Raises ConfigError where the backbone has no such layers.
    """
    if config.train_layers is None and not config.lora_rank:
        return
    layers = layers_of(network)
    if layers is None:
        kind = type(network).__name__
        raise ConfigError(f"{kind} has no list of layers; train all of it, with lora_rank=0 and train_layers=null")
    n_trained = len(layers) if config.train_layers is None else config.train_layers
    if n_trained > len(layers):
        raise ConfigError(f"train_layers is {n_trained}, but the backbone has {len(layers)} layers; lower it")
    top = list(layers)[len(layers) - n_trained :]
    trained = {id(parameter) for layer in top for parameter in layer.parameters()}
    if config.lora_rank:
        _adapt(network, top, config.lora_rank)
        trained = {id(parameter) for name, parameter in network.named_parameters() if ".lora_" in name}
    head = _head(network, new_parameters)
    for name, parameter in network.named_parameters():
        parameter.requires_grad = name in head or id(parameter) in trained


def merge_adapters(network: nn.Module) -> None:
    """Add what the adapters learnt to the weights they stand on, and take them out: a plain network is left."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(network.named_modules()):
        if isinstance(module, LoraLayer):
            if is_in_4_bits(module.get_base_layer()):
                module.base_layer = in_full(module.get_base_layer())
            module.merge()
            parent, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(parent), attribute, module.get_base_layer())
    network.requires_grad_(True)


def _head(network: Any, new_parameters: frozenset[str]) -> set[str]:
    backbone = network.base_model_prefix + "."
    names = [name for name, _ in network.named_parameters()]
    outside = {name for name in names if not name.startswith(backbone) or name.startswith(backbone + "pooler.")}
    return outside | new_parameters


def layers_of(network: Any) -> nn.ModuleList | None:
    """Finds the stack of equal layers that a transformer is; None where there is no such list."""
    return stack_of(network.base_model, network.config)


def stack_of(trunk: nn.Module, config: Any) -> nn.ModuleList | None:
    """Finds it in a network without its head: the list of modules with the most parameters.

    Of a network that reads pictures too only the part that reads text is meant.
    """
    text = config.get_text_config()
    if text is not config:
        trunk = next((module for module in trunk.modules() if getattr(module, "config", None) is text), trunk)
    lists = [module for module in trunk.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=lambda found: sum(parameter.numel() for parameter in found.parameters()), default=None)


def _adapt(network: Any, layers: list[nn.Module], rank: int) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    inside = {id(module) for layer in layers for module in layer.modules()}
    linears = {name: each for name, each in network.named_modules() if isinstance(each, nn.Linear | Conv1D)}
    uses = Counter(id(module.weight) for module in linears.values())  # Zamba's layers have one weight in several
    targets = {
        name: module
        for name, module in linears.items()
        if id(module) in inside and uses[id(module.weight)] == 1 and not _of_a_model(module)
    }
    if not targets:
        kind = type(network).__name__
        raise ConfigError(f"lora_rank is {rank}, but {kind} has no linear layer to adapt; set it to 0")
    wide = {name: module for name, module in targets.items() if rank < min(module.weight.shape)}  # not a gate of one
    if not wide:
        widest = max(min(module.weight.shape) for module in targets.values())
        advice = "lower it, or set it to 0 and train the weights themselves"
        raise ConfigError(f"lora_rank is {rank}, but the backbone's layers are at most {widest} wide; {advice}")
    transposed = any(isinstance(module, Conv1D) for module in wide.values())
    config = LoraConfig(r=rank, lora_alpha=ALPHA_PER_RANK * rank, target_modules=list(wide), fan_in_fan_out=transposed)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The following (rank|alpha)_pattern keys"
        )  # peft's own, for experts in one tensor
        inject_adapter_in_model(config, network)


def _of_a_model(module: nn.Module) -> bool:
    """Tells whether an architecture brings the class itself: PhiMoE's router is a linear layer that gives a tuple."""
    return type(module).__module__.startswith("transformers.models.")
