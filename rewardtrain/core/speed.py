"""What a run's settings turn on in a network: time against memory."""

from typing import Any

import torch

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError


def speed_up(network: Any, config: TrainConfig) -> None:
    """Turn on what a run's settings ask for: gradient checkpointing and compilation. Raises ConfigError.

    Checkpointing needs the network in training mode, which changes nothing else: there is no dropout.
    """
    if config.gradient_checkpointing:
        if not network.supports_gradient_checkpointing:
            kind = type(network).__name__
            raise ConfigError(f"gradient_checkpointing is true, but {kind} can't do it; set it to false")
        network.activation_checkpointing_enable({"use_reentrant": False})
        network.train()
    if config.compile:
        _require_compiler()
        network.base_model.compile(
            dynamic=True
        )  # in place, so that names of parameters and the saved folder stay as they are


def _require_compiler() -> None:
    try:
        torch.compile(torch.nn.functional.gelu)(torch.ones(8))
    except Exception as error:  # a missing g++, header or Triton comes as any of a dozen classes
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"compile is true, but torch can't compile here: {reason}; set it to false") from error
