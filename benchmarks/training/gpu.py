"""Tokens a second and the part of a GPU's arithmetic that training uses, by K, beside the bare backbone and TRL.

    python -m benchmarks.training.gpu [--shapes 0.6b 8b] [--k 2 4 9] [--length 512] [--prompts 8] [--rounds 3]

Decoders of random weights in the shapes of Qwen3: 0.6 B is trained whole, 8 B by LoRA adapters of rank 16 with
gradient checkpointing. A step is forward and backward pass, clipping and AdamW over `prompts` prompts of K completions;
a prompt is three quarters of the length. TRL's RewardTrainer gets the K(K-1)/2 pairs of a prompt as rows, 8 a step,
with checkpointing where ours has it. "limit" is forward and backward pass of the backbone alone on our micro-batches.

tokens/s are those of the completions with their prompts, each counted once for each completion, whoever reads a prompt
once for all; TRL's are counted by the same completions, which its pairs repeat. MFU (Chowdhery et al. 2022, arXiv
2204.02311) is what the computed tokens need, 6 operations a weight (4 below adapters) and attention's 12 a layer, unit
and token before it, by the speed of one product of large matrices measured in the same run. Without a CUDA device a
tiny shape stands in, so that the code is tried; its figures say nothing of a GPU.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import transformers
import trl
from peft import LoraConfig, get_peft_model
from transformers import Qwen3Config, Qwen3ForSequenceClassification

from benchmarks.training.speed import TRL_PAIRS, Theirs
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import make_batch
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.data.encoding import TEXT, Encoded, Encoder
from rewardtrain.core.device import Device, choose_device, forget_cached, gpus, peak_memory_mb, wait
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import clip_gradients, make_optimizer
from rewardtrain.core.model.adapters import freeze
from rewardtrain.core.model.gradients import gradients_in_memory
from rewardtrain.core.model.loading import backbone_folder, load_tokenizer
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.probes import tried
from rewardtrain.core.model.speed import speed_up
from rewardtrain.core.quiet import quiet_libraries

HEAD = frozenset({"score.weight"})
Prompts = list[list[Encoded]]


@dataclass(frozen=True)
class Shape:
    numbers: dict[str, Any]
    lora: int = 0
    checkpointing: bool = False


_QWEN3 = {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936}
SHAPES = {
    "tiny": Shape({"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 192, "num_attention_heads": 4,
                   "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 30_522}),
    "0.6b": Shape({"hidden_size": 1024, "num_hidden_layers": 28, "intermediate_size": 3072,
                   "num_attention_heads": 16, **_QWEN3}),
    "8b": Shape({"hidden_size": 4096, "num_hidden_layers": 36, "intermediate_size": 12_288,
                 "num_attention_heads": 32, **_QWEN3}, lora=16, checkpointing=True),
}  # fmt: skip


def make_model(shape: Shape, config: TrainConfig, device: Device) -> RewardModel:
    """Draws the weights where they are to be: a folder of 8 B would be 33 GB."""
    tokenizer = load_tokenizer("minilm", backbone_folder("minilm"))  # pads; the texts are random tokens
    torch.manual_seed(0)
    ends: dict[str, Any] = {"num_labels": 1, "pad_token_id": tokenizer.pad_token_id}
    numbers = Qwen3Config(**shape.numbers, **ends, max_position_embeddings=config.max_length)
    with torch.device(device.kind):
        network = Qwen3ForSequenceClassification(numbers)  # type: ignore[no-untyped-call]
    network.train(False)
    encoder = Encoder(tokenizer=tokenizer, style=TEXT, max_length=config.max_length)
    return tried("the shape", RewardModel(network, encoder, device, HEAD))


def random_prompts(k: int, n: int, length: int) -> Prompts:
    """n prompts of three quarters of the length, with k completions of a quarter each."""
    draw = np.random.default_rng(k)
    types, of_prompt = np.zeros(length, np.int8), 3 * length // 4

    def one(prompt: np.ndarray[Any, Any]) -> Encoded:
        ids = np.concatenate([prompt, draw.integers(1000, 30_000, length - of_prompt)]).astype(np.int32)
        return Encoded(ids=ids, types=types, prompt_cut=False, completion_cut=False)

    prompts = [draw.integers(1000, 30_000, of_prompt) for _ in range(n)]
    return [[one(prompt) for _ in range(k)] for prompt in prompts]


class Ours:
    """Steps of our trainer over prompts, and the bare backbone on its micro-batches."""

    def __init__(self, model: RewardModel, prompts: Prompts, config: TrainConfig) -> None:
        self.model, self.objective = model, Objective(config)
        self.optimizer = make_optimizer(model.network, self.objective, config, head=HEAD)
        self.budgets = Budgets.on(model.device, config.token_budget, config.graph_budget)
        k = len(prompts[0])
        said = Comparisons(weights=dict.fromkeys(itertools.combinations(range(k), 2), 1.0), n_strict=1, n_ties=0)
        self.batch = make_batch(prompts, [said] * len(prompts))
        self.flat = [sequence for completions in prompts for sequence in completions]

    def step(self) -> None:
        gradients_in_memory(self.model, self.batch, self.objective, self.budgets, tell=lambda *_: None)
        clip_gradients(self.optimizer)
        self.optimizer.step()

    def limit(self) -> None:
        for micro in self.model.plan(self.flat, self.budgets.tokens):
            rows = [[self.flat[index] for index in row] for row in micro.rows]
            self.model.row_logits(rows).sum().backward()  # type: ignore[no-untyped-call]

    def computed(self) -> int:
        """Counts the tokens that go through the network in a step, padding aside."""
        return sum(micro.tokens for micro in self.model.plan(self.flat, self.budgets.tokens))


def operations(shape: Shape, tokens: int, length: int) -> float:
    """Reckons those of a step, in products with weights and in attention. What is computed again isn't counted."""
    numbers = shape.numbers
    hidden, layers, inner = (numbers[name] for name in ("hidden_size", "num_hidden_layers", "intermediate_size"))
    heads = numbers["head_dim"] * (2 * numbers["num_attention_heads"] + 2 * numbers["num_key_value_heads"])
    weights = layers * (hidden * heads + 3 * hidden * inner)
    attention = 12 * layers * numbers["head_dim"] * numbers["num_attention_heads"] * length / 2  # half is masked
    return float(tokens * ((4 if shape.lora else 6) * weights + attention))


def product_speed(device: Device) -> float:
    """Measures operations a second of one product of large matrices in the run's type."""
    size = 8192 if device.kind == "cuda" else 1024
    one = torch.ones(size, size, device=device.kind, dtype=device.dtype)
    best = float("inf")
    for _ in range(8):
        best = min(best, seconds(device, lambda: one @ one))
    return 2 * size**3 / best


def seconds(device: Device, work: Callable[[], object]) -> float:
    wait(device)
    started = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - started


def theirs(model: RewardModel, prompts: Prompts, shape: Shape) -> float:
    """Completions a second of TRL's trainer, of those that its pairs are made of."""
    if shape.lora:
        kinds = LoraConfig(r=shape.lora, lora_alpha=2 * shape.lora, target_modules="all-linear", task_type="SEQ_CLS")
        model = RewardModel(get_peft_model(model.network, kinds), model.encoder, model.device, HEAD)
    steps, k = 2, len(prompts[0])
    pairs = k * (k - 1) / 2
    took = Theirs(model, prompts, checkpointing=shape.checkpointing, steps=steps, copied=False).seconds()
    return steps * TRL_PAIRS / pairs * k / took


def line(name: str, k: int, options: argparse.Namespace, device: Device, speed: float) -> str:
    shape = SHAPES[name]
    config = TrainConfig(
        max_length=options.length, lora_rank=shape.lora, gradient_checkpointing=shape.checkpointing, dtype="bfloat16"
    )
    prompts = random_prompts(k, options.prompts, options.length)
    model = make_model(shape, config, device)
    freeze(model.network, config, new_parameters=HEAD)
    ours = Ours(speed_up(model, config), prompts, config)
    ours.step()
    best = {"ours": float("inf"), "limit": float("inf")}
    for _ in range(options.rounds):
        for what, work in (("ours", ours.step), ("limit", ours.limit)):
            best[what] = min(best[what], seconds(device, work))
    read, computed, memory = sum(map(len, ours.flat)), ours.computed(), peak_memory_mb(device) / 1024
    del ours, model
    gc.collect()
    forget_cached()
    rate = read / best["ours"]
    other = theirs(make_model(shape, config, device), random_prompts(k, 8 * TRL_PAIRS, options.length), shape)
    gc.collect()
    forget_cached()
    mfu = operations(shape, computed, options.length) / best["ours"] / speed
    cells = [
        f"{rate:,.0f}", f"{read / best['limit']:,.0f}", f"{best['limit'] / best['ours']:.2f}",
        f"{other * options.length:,.0f}", f"{rate / (other * options.length):.1f}", f"{computed / read:.2f}",
        f"{mfu:.0%}", f"{memory:.1f}",
    ]  # fmt: skip
    return f"| {name} | {k} | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["0.6b", "8b"] if gpus() else ["tiny"])
    parser.add_argument("--k", type=int, nargs="+", default=[2, 4, 9])
    parser.add_argument("--length", type=int, default=512 if gpus() else 64)
    parser.add_argument("--prompts", type=int, default=8, help="of a step")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    quiet_libraries()
    random.seed(0)
    device = choose_device(dtype="bfloat16")
    speed = product_speed(device)
    if not gpus():
        print("There is no CUDA device: a tiny shape shows that this runs, and its figures mean nothing.")
    print(
        f"{device.label}, bfloat16, {speed / 1e12:.1f} TFLOP/s of one product; torch {torch.__version__},"
        f" transformers {transformers.__version__}, trl {trl.__version__}"
    )
    print("tokens/s, ratios, the part of the tokens read that is computed, MFU, and the most memory in GiB")
    print("| shape | K | ours | limit | of it | TRL | ratio | computed | MFU | GiB |")
    print("|" + "---|" * 10)
    for name, k in itertools.product(options.shapes, options.k):
        print(line(name, k, options, device, speed), flush=True)


if __name__ == "__main__":
    main()
