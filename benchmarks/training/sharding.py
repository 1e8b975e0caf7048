"""What a process holds when one, two and four train a model together, what travels, and what follows for 8 B.

    python -m benchmarks.training.sharding [--layers 12] [--hidden 768] [--processes 1 2 4]

A decoder of random weights, float32, 8 prompts of 4 completions a step in one micro-batch of short texts, one thread a
process, Gloo. "held" is counted: bytes of a process's weights, gradients and moments after a step. "more" is measured:
the most that it had in memory during two further steps, above what it had between steps: what is together while it
computes, activations, buffers. Predictions are those of `predict`, which the last line applies to 8 B on 8 GPUs. The
share of communication is of a step's time, of the process that waited longest.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import distributed as dist
from torch.distributed.tensor import DTensor
from torch.profiler import ProfilerActivity, profile
from transformers import LlamaConfig, LlamaModel

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import make_batch
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.device import choose_device
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import clip_gradients, make_optimizer
from rewardtrain.core.full.sharding import shard
from rewardtrain.core.full.shared_objective import SharedObjective
from rewardtrain.core.model.gradients import accumulate_gradients
from rewardtrain.core.model.loading import backbone_folder, load_backbone, load_tokenizer
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.team import ALONE, Team

PROMPTS, K, LENGTH, MICRO = 8, 4, 16, 4096
MB = 2**20


@dataclass(frozen=True)
class Shape:
    """Parameters of a decoder: of all, of one layer, and of what stands outside its layers."""

    n_layers: int
    layer: int
    outside: int

    @property
    def all(self) -> int:
        return self.n_layers * self.layer + self.outside


def predict(shape: Shape, processes: int) -> dict[str, float]:
    """Reckons bytes of a process and bytes that it gets and sends in a step of one micro-batch, all in float32.

    held: 16 a parameter (weight, gradient, two moments) by n. together: a layer's weights and those of the next, and a
    layer's gradient, and what stands outside with its gradient, which are whole while they compute. travelled: weights
    there for the forward and again for the backward pass, gradients back, (n - 1) / n of each.
    """
    together = 4 * (3 * shape.layer + 2 * shape.outside) if processes > 1 else 0
    return {
        "held": 16 * shape.all / processes,
        "together": together,
        "travelled": 3 * 4 * shape.all * (processes - 1) / processes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--member", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.member:
        member(options.member)
        return
    with tempfile.TemporaryDirectory() as folder:
        shape = make_backbone(Path(folder), layers=options.layers, hidden=options.hidden)
        print(f"{shape.all / 1e6:.0f} M parameters in {shape.n_layers} layers; torch {torch.__version__}, MB a process")
        print("| processes | held | predicted | of one's | more | predicted | travels a step | of its time |")
        print("|" + "---|" * 8)
        first = 0.0
        for processes in options.processes:
            found = together(Path(folder), processes)
            held, more = (max(each[key] for each in found) / MB for key in ("held", "more"))
            first = first or held * processes
            reckoned = {key: value / MB for key, value in predict(shape, processes).items()}
            cells = [
                f"{processes}", f"{held:.0f}", f"{reckoned['held']:.0f}", f"{held / first:.3f}", f"{more:.0f}",
                f"{reckoned['together']:.0f}", f"{reckoned['travelled']:.0f}",
                f"{max(each['communication'] for each in found):.0%}",
            ]  # fmt: skip
            print("| " + " | ".join(cells) + " |", flush=True)
    foresee()


def foresee() -> None:
    """Applies the formula to Llama 3's 8 B (32 layers of 4,096, 128,256 tokens) on 8 GPUs."""
    shape = Shape(n_layers=32, layer=218_112_000, outside=128_256 * 4096 + 2 * 4096)
    reckoned = predict(shape, 8)
    tokens, flops, link = 16_384, 400e12, 300e9
    compute, travel = 6 * shape.all * tokens / flops, reckoned["travelled"] / link
    held, more = (reckoned[key] / 1e9 for key in ("held", "together"))
    print(f"8 B on 8 GPUs: {held:.1f} GB held, {more:.1f} GB more while it computes, and activations.")
    print(
        f"{reckoned['travelled'] / 1e9:.0f} GB travel a micro-batch, {travel:.2f} s at {link / 1e9:.0f} GB/s beside"
        f" {compute:.1f} s of products of {tokens:,} tokens"
    )
    print(f"at {flops / 1e12:.0f} TFLOP/s: {travel / compute:.0%} where nothing overlaps.")


def make_backbone(folder: Path, *, layers: int, hidden: int) -> Shape:
    tokenizer = load_tokenizer("minilm", backbone_folder("minilm"))
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=4 * hidden, num_hidden_layers=layers,
        num_attention_heads=hidden // 64, num_key_value_heads=hidden // 64, max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    network = LlamaModel(config)
    network.save_pretrained(folder)
    layer, whole = (sum(one.numel() for one in part.parameters()) for part in (network.layers[0], network))
    return Shape(layers, layer, whole - layers * layer + hidden)


def together(folder: Path, processes: int) -> list[dict[str, float]]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "benchmarks.training.sharding", "--member", str(folder)]
    # glibc keeps what is freed for what comes next, up to 32 MB a piece, so that memory tells nothing; not so here.
    given_back = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "1"}
    environ = {**os.environ, "OMP_NUM_THREADS": "1", **given_back}
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return [json.loads((folder / f"member-{rank}.json").read_text()) for rank in range(processes)]


def member(folder: Path) -> None:
    """Does three steps, and writes down what they took."""
    size = int(os.environ["WORLD_SIZE"])
    if size > 1:
        dist.init_process_group("gloo")
    team = Team(dist.get_rank(), size, is_given=True) if size > 1 else ALONE
    torch.set_num_threads(1)
    config = TrainConfig(backbone=str(folder), max_length=LENGTH, threads=1)

    def load() -> RewardModel:
        torch.manual_seed(0)
        return load_backbone(str(folder), max_length=LENGTH, device=choose_device(1))

    model = shard(load, team, config, "cpu").model if size > 1 else load()
    objective = Objective(config)
    optimizer = make_optimizer(model.network, objective, config, head=model.new_parameters)
    encoded, said = random_batch(len(model.encoder.tokenizer))
    own = team.share([K * LENGTH] * PROMPTS)

    def step() -> float:
        started = time.monotonic()
        whole = make_batch(encoded, [said] * PROMPTS)
        mine = make_batch([encoded[index] for index in own], [said] * len(own))
        shared = SharedObjective(objective, whole, own, team)
        accumulate_gradients(model, mine, shared, token_budget=MICRO, graph_budget=10**6)
        clip_gradients(optimizer, team)
        optimizer.step()
        return time.monotonic() - started

    step()
    gc.collect()
    between = psutil.Process().memory_info().rss
    with peak() as most:
        step()
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            seconds = step()
    held = bytes_held(model, optimizer)
    travelling = ("FSDP::", "c10d::")  # with the waiting for others
    spoken = sum(each.self_cpu_time_total for each in profiled.key_averages() if each.key.startswith(travelling)) / 1e6
    found = {"held": held, "more": most[0] - between, "communication": spoken / seconds, "seconds": seconds}
    (folder / f"member-{team.rank}.json").write_text(json.dumps(found))
    if size > 1:
        dist.barrier()
        dist.destroy_process_group()


def random_batch(words: int) -> tuple[list[list[Encoded]], Comparisons]:
    draw = np.random.default_rng(0)
    types = np.zeros(LENGTH, np.int8)
    encoded = [
        [Encoded(draw.integers(1000, words, LENGTH).astype(np.int32), types, False, False) for _ in range(K)]
        for _ in range(PROMPTS)
    ]
    return encoded, Comparisons(weights={(i, j): 1.0 for j in range(K) for i in range(j)}, n_strict=1, n_ties=0)


def bytes_held(model: RewardModel, optimizer: torch.optim.Optimizer) -> int:
    tensors: list[Any] = []
    for parameter in model.network.parameters():
        tensors += [parameter, parameter.grad, *optimizer.state[parameter].values()]
    own = [one.to_local() if isinstance(one, DTensor) else one for one in tensors if one is not None]
    return sum(one.numel() * one.element_size() for one in own)


@contextmanager
def peak() -> Iterator[list[int]]:
    """Looks every millisecond at what the process has in memory."""
    most, over, process = [0], threading.Event(), psutil.Process()

    def look() -> None:
        while not over.wait(0.001):
            most[0] = max(most[0], process.memory_info().rss)

    looking = threading.Thread(target=look)
    looking.start()
    yield most
    over.set()
    looking.join()


if __name__ == "__main__":
    main()
