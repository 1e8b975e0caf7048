"""What a run's settings turn on in a network: time against memory."""

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import Device
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.model.adapters import layers_of
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.probes import trains_as_it_scores


def speed_up(model: RewardModel, config: TrainConfig, device: Device | None = None) -> None:
    """Choose the attention, and turn on gradient checkpointing where asked for. Raises ConfigError.

    device: where it will be trained, if that is not where its weights are now, before processes share them out.

    Attention is torch's fused one, which doesn't hold the matrix of weights, but for bfloat16 on a CPU, where plain
    products are faster (MiniLM forward and backward, one core: 1.4 times at 100 tokens, 1.1 at 250; in float32 0.9).

    Checkpointing needs training mode. Only the layers that are computed again get it, and neither what is in them nor
    what holds them, so that layer drop, a router's jitter and the like stay off; that nothing else changes is tried.
    """
    network, device = model.network, device or model.device
    if device.kind == "cpu" and device.dtype is torch.bfloat16 and not model.packs:
        network.set_attn_implementation("eager")
    if config.gradient_checkpointing:
        if not network.supports_gradient_checkpointing:
            kind = type(network).__name__
            raise ConfigError(f"gradient_checkpointing is true, but {kind} can't do it; set it to false")
        network.activation_checkpointing_enable({"use_reentrant": False})
        for layer in _checkpointed(network):
            layer.training = True
        if not trains_as_it_scores(model):
            kind = type(network).__name__
            seen = f"gradient_checkpointing is true, but {kind} gives other logits in training mode"
            raise ConfigError(f"{seen}; set it to false")


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
