"""What a fine-tuning takes in memory and time, reckoned from the size of the network, K and the length.

Upper bounds: every text is taken to be as long as is allowed, and read alone.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import psutil

from rewardtrain.core.model.needed_memory import held_tokens, needed
from rewardtrain.training.presets.known import Preset

PROMPTS = 1000  # whose training is timed
PROCESS = 600_000_000  # bytes that torch and transformers hold before a weight is loaded
# Bytes of activations that a token holds, in units of layers times hidden size: measured, docs/measured.md.
ACTIVATION = 82
# What training reaches of the speed of one plain product: of MiniLM on two cores in float32, 0.2 to 0.5.
REACHED = 1 / 3


@dataclass(frozen=True)
class Estimate:
    memory: int  # bytes
    seconds: float  # of an epoch over PROMPTS prompts


@dataclass(frozen=True)
class Machine:
    """What the reckoning is for: this machine's processor."""

    cores: int
    memory: int  # bytes
    speed: float  # float32 operations a second of a plain product of matrices


@cache
def this_machine() -> Machine:
    """Measures the speed of a product, in a few hundredths of a second, once a process."""
    texts, weights = np.ones((256, 768), np.float32), np.ones((768, 3072), np.float32)
    best = float("inf")
    for _ in range(4):  # the first one warms up
        began = time.perf_counter()
        np.matmul(texts, weights)
        best = min(best, time.perf_counter() - began)
    operations = 2 * texts.shape[0] * weights.size
    return Machine(os.cpu_count() or 1, int(psutil.virtual_memory().total), operations / best)


def estimate(preset: Preset, k: int, speed: float) -> Estimate:
    """k: completions of a prompt. speed: see Machine."""
    config = preset.config
    body, length = preset.parameters - preset.embedded, config.max_length
    tokens = held_tokens(config, k, "cpu")
    memory = PROCESS + needed(preset.sizes, config, 1) + activations(preset, tokens)
    # Two operations a weight in the forward pass and each of two in the backward one, of which a frozen weight
    # needs no gradient; what isn't held is forwarded once more. Attention has 4 a pair of tokens, three times.
    again = tokens < config.batch_prompts * k * length
    passes = (4 if config.lora_rank else 6) + (2 if again else 0)
    operations = passes * body + 12 * preset.layers * preset.hidden * length
    return Estimate(memory, PROMPTS * k * length * operations / (speed * REACHED))


def activations(preset: Preset, tokens: int) -> int:
    """Gives the bytes of so many tokens' activations."""
    return ACTIVATION * preset.layers * preset.hidden * tokens
