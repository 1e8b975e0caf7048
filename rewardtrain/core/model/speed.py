"""What a run's settings turn on in a network: time against memory."""

from dataclasses import replace
from typing import Any

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.model.adapters import layers_of
from rewardtrain.core.model.network import RewardModel, sharing_weights
from rewardtrain.core.model.probes import trains_as_it_scores


def speed_up(model: RewardModel, config: TrainConfig) -> None:
    """Choose the attention, and turn on gradient checkpointing where asked for. Raises ConfigError."""
    choose_attention(model)
    if config.gradient_checkpointing:
        require_checkpointing(model)
        turn_on_checkpointing(model.network)


def choose_attention(model: RewardModel) -> None:
    """Choose torch's fused one, which doesn't hold the matrix of weights, but for bfloat16 on a CPU, where plain
    products are faster (MiniLM forward and backward, one core: 1.4 times at 100 tokens, 1.1 at 250; in float32 0.9)."""
    if model.device.kind == "cpu" and model.device.dtype is torch.bfloat16 and not model.packs:
        model.network.set_attn_implementation("eager")


def require_checkpointing(model: RewardModel) -> None:
    """Raise ConfigError where the network can't compute activations again, or gives other logits in the mode for it."""
    kind = type(model.network).__name__
    if not model.network.supports_gradient_checkpointing:
        raise ConfigError(f"gradient_checkpointing is true, but {kind} can't do it; set it to false")
    tried = sharing_weights(model.network)
    turn_on_checkpointing(tried)
    if not trains_as_it_scores(replace(model, network=tried)):
        seen = f"gradient_checkpointing is true, but {kind} gives other logits in training mode"
        raise ConfigError(f"{seen}; set it to false")


def turn_on_checkpointing(network: Any) -> None:
    """Have a network compute its layers' activations again instead of keeping them.

    It needs training mode. Only the layers that are computed again get it, and neither what is in them nor what holds
    them, so that layer drop, a router's jitter and the like stay off.
    """
    network.activation_checkpointing_enable({"use_reentrant": False})
    for layer in _checkpointed(network):
        layer.training = True


def compile_network(model: RewardModel, config: TrainConfig) -> None:
    """Compile it where that is asked for, in place, so that names of parameters and the saved folder stay as they are.

    Of a network in parts each layer alone, so that the next one's weights come meanwhile. Raises ConfigError.
    """
    if not config.compile:
        return
    _require_compiler()
    layers = layers_of(model.network) if model.team.size > 1 else None
    for module in layers or [model.network.base_model]:
        module.compile(dynamic=True)


def _checkpointed(network: torch.nn.Module) -> list[torch.nn.Module]:
    """Finds the modules that compute their activations again: the layers, or in some older classes what holds them."""
    marked = [module for module in network.modules() if getattr(module, "gradient_checkpointing", False)]
    return [module for module in marked if isinstance(module, GradientCheckpointingLayer)] or marked


def _require_compiler() -> None:
    try:
        torch.compile(torch.nn.functional.gelu)(torch.ones(8))
    except Exception as error:  # a missing g++, header or Triton comes as any of a dozen classes
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"compile is true, but torch can't compile here: {reason}; set it to false") from error
