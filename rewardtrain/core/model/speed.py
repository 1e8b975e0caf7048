"""What a run's settings turn on in a network: time against memory."""

from dataclasses import replace
from typing import Any

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import Device
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.model.adapters import layers_of
from rewardtrain.core.model.network import RewardModel, sharing_weights
from rewardtrain.core.model.packages import require_package
from rewardtrain.core.model.probes import trains_as_it_scores


def require_asked_for(config: TrainConfig, device: Device) -> None:
    """Raise ConfigError where a setting asks for what isn't installed here, or what this device can't do."""
    in_eight_bits, in_four_bits = config.optimizer == "adamw_8bit", config.quantize != "none"
    if in_eight_bits:
        require_package("bitsandbytes", "bitsandbytes", setting="optimizer", value="adamw_8bit", otherwise="adamw")
    if in_four_bits:
        require_package("bitsandbytes", "bitsandbytes", setting="quantize", value=config.quantize, otherwise="none")
    if config.attention == "flash":
        require_package("flash_attn", "flash-attn", setting="attention", value="flash", otherwise="auto")
        if device.kind != "cuda" or device.dtype is torch.float32:
            seen = f"attention is 'flash', which needs a GPU and half precision, but this is {device.label}"
            raise ConfigError(f"{seen} in {device.dtype_name}; set attention=auto")
    if config.kernels == "liger":
        require_package("liger_kernel", "liger-kernel", setting="kernels", value="liger", otherwise="none")
        if device.kind != "cuda":
            raise ConfigError(f"kernels is 'liger', which needs a GPU, but this is {device.label}; set kernels=none")


def speed_up(model: RewardModel, config: TrainConfig) -> RewardModel:
    """Choose the attention, and turn on gradient checkpointing where asked for, in place. Raises ConfigError."""
    model = choose_attention(model, config)
    if config.kernels == "liger":
        fuse(model.network)
    if config.gradient_checkpointing:
        require_checkpointing(model)
        turn_on_checkpointing(model.network)
    return model


def choose_attention(model: RewardModel, config: TrainConfig) -> RewardModel:
    """Choose torch's fused one, which doesn't hold the matrix of weights, but for bfloat16 on a CPU, where plain
    products are faster (MiniLM forward and backward, one core: 1.4 times at 100 tokens, 1.1 at 250; in float32 0.9).

    flash-attn's has no mask that keeps completions in one row apart, so prompts aren't shared then (Dao 2023, arXiv
    2307.08691)."""
    if config.attention == "flash":
        model.network.set_attn_implementation("flash_attention_2")
        return replace(model, packs=False)
    if model.device.kind == "cpu" and model.device.dtype is torch.bfloat16 and not model.packs:
        model.network.set_attn_implementation("eager")
    return model


def fuse(network: Any) -> None:
    """Have norms, rotary embeddings and gates computed by liger-kernel (Hsu et al. 2024, arXiv 2410.10989), in place.

    Raises ConfigError where it has none for the architecture.
    """
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN, _apply_liger_kernel_to_instance

    kind = network.config.model_type
    if kind not in MODEL_TYPE_TO_APPLY_LIGER_FN:
        known = ", ".join(sorted(MODEL_TYPE_TO_APPLY_LIGER_FN))
        raise ConfigError(f"kernels is 'liger', which has none for {kind}; it has them for {known}; set kernels=none")
    _apply_liger_kernel_to_instance(model=network)


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
