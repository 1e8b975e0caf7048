"""Peak memory of a training step by K and length: each case in a fresh process, less what it held before the step.

    python -m benchmarks.training.memory [--k 2 4 9] [--length 128 256 512] [--dtype auto] [--budget 4096]

"kept" holds all activations of the batch of 8 prompts, "budget" those of so many tokens and forwards the rest twice,
"again" checkpoints gradients. Backbone minilm, one thread, random tokens, every completion of the full length.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np
import torch

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import make_batch
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.device import choose_device, peak_memory_mb
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.model.gradients import gradients_in_memory
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.speed import speed_up

PROMPTS = 8
WAYS = ("kept", "budget", "again")


def measure(way: str, k: int, length: int, dtype: str, budget: int) -> dict[str, float]:
    """MB above what the process held before the step, and seconds of it, in this process, which must be fresh."""
    config = TrainConfig(threads=1, gradient_checkpointing=way == "again")
    device = choose_device(1, dtype=dtype)
    model = load_backbone("minilm", max_length=length, device=device)
    speed_up(model, config)
    draw = np.random.default_rng(0)
    types = np.zeros(length, np.int8)
    encoded = [
        [Encoded(draw.integers(1000, 20000, length).astype(np.int32), types, False, False) for _ in range(k)]
        for _ in range(PROMPTS)
    ]
    said = Comparisons(weights={(i, j): 1.0 for j in range(k) for i in range(j)}, n_strict=1, n_ties=0)
    batch = make_batch(encoded, [said] * PROMPTS)
    budgets = Budgets.on(device, None, budget if way == "budget" else 10**9)
    before, started = peak_memory_mb(device), time.process_time()
    gradients_in_memory(model, batch, Objective(config), budgets, tell=lambda *_: None)
    return {"mb": peak_memory_mb(device) - before, "seconds": time.process_time() - started}


def in_fresh_process(way: str, k: int, length: int, options: argparse.Namespace) -> dict[str, float]:
    case = [way, str(k), str(length)]
    command = [
        sys.executable,
        "-m",
        "benchmarks.training.memory",
        "--dtype",
        options.dtype,
        "--budget",
        str(options.budget),
    ]
    ended = subprocess.run([*command, "--case", *case], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--k", type=int, nargs="+", default=[2, 4, 9])
    parser.add_argument("--length", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--budget", type=int, default=4096)
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        way, k, length = options.case
        print(json.dumps(measure(way, int(k), int(length), options.dtype, options.budget)))
        return
    print(
        f"{choose_device(1).label}, {options.dtype}, torch {torch.__version__}, {PROMPTS} prompts a step: MB, seconds"
    )
    print(f"| K | tokens each | in all | kept | graph_budget {options.budget} | gradient_checkpointing |")
    print("|" + "---|" * 6)
    for length in options.length:
        for k in options.k:
            cases = [in_fresh_process(way, k, length, options) for way in WAYS]
            cells = " | ".join(f"{case['mb']:.0f} MB, {case['seconds']:.1f} s" for case in cases)
            print(f"| {k} | {length} | {PROMPTS * k * length} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
