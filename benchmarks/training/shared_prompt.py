"""What reading a decoder's prompt once is worth: a training step over packed and over separate sequences, in one run.

    python -m benchmarks.training.shared_prompt [--prompts 2] [--prompt 512] [--k 8] [--completion 64] [--rounds 3]

A random Llama of 4 layers with hidden size 256, float32, one thread; the two take turns and each has its best round,
after a warm-up, by the clock of the process where it runs on a CPU. Rewards of both are compared.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification

from benchmarks.training.speed import clock
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import Batch, make_batch
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.data.encoding import TEXT, Encoded, Encoder
from rewardtrain.core.device import choose_device
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import clip_gradients, make_optimizer
from rewardtrain.core.model.gradients import gradients_in_memory, predict
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.network import RewardModel

CONFIG = TrainConfig(threads=1)
VOCABULARY, PAD = 1000, 0


def load(max_length: int) -> RewardModel:
    torch.manual_seed(0)
    device = choose_device(CONFIG.threads)
    sizes = LlamaConfig(  # type: ignore[call-arg]
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=4,
        num_attention_heads=8,
        max_position_embeddings=max_length,
        pad_token_id=PAD,
        num_labels=1,
        use_cache=False,
    )
    network: Any = LlamaForSequenceClassification(sizes)  # type: ignore[no-untyped-call]
    network = network.to(device.kind).eval()
    tokenizer = SimpleNamespace(pad_token_id=PAD, model_input_names=["input_ids"])
    return RewardModel(network, Encoder(tokenizer, TEXT, max_length), device, frozenset(), packs=True)


def batch_of(prompts: int, k: int, prompt: int, completion: int) -> Batch:
    draw = np.random.default_rng(0)

    def ids(n: int) -> list[int]:
        return list(map(int, draw.integers(1, VOCABULARY, n)))

    encoded = []
    for _ in range(prompts):
        start = ids(prompt)
        encoded.append([_sequence(start + ids(completion), prompt) for _ in range(k)])
    said = Comparisons(weights={(i, j): 1.0 for j in range(k) for i in range(j)}, n_strict=1, n_ties=0)
    return make_batch(encoded, [said] * prompts)


def _sequence(ids: list[int], start: int) -> Encoded:
    types = np.zeros(len(ids), np.int8)
    return Encoded(ids=np.array(ids, np.int32), types=types, prompt_cut=False, completion_cut=False, start=start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("prompts", 2), ("prompt", 512), ("k", 8), ("completion", 64), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    packed = load(options.prompt + options.completion)
    separate = replace(packed, packs=False)
    batch = batch_of(options.prompts, options.k, options.prompt, options.completion)
    objective = Objective(CONFIG)
    optimizer = make_optimizer(packed.network, objective, CONFIG, head=frozenset())
    now = clock(packed.device)

    def seconds(model: RewardModel) -> float:
        started = now()
        budgets = Budgets.on(model.device, None, CONFIG.graph_budget)
        gradients_in_memory(model, batch, objective, budgets, tell=lambda *_: None)
        clip_gradients(optimizer)
        optimizer.step()
        return now() - started

    rewards = [predict(model, batch.sequences, token_budget=None) for model in (packed, separate)]
    seconds(packed)
    rounds = [(seconds(packed), seconds(separate)) for _ in range(options.rounds)]
    best = [min(times) for times in zip(*rounds, strict=True)]
    slots = [sum(micro.slots for micro in model.plan(batch.sequences, 1024)) for model in (packed, separate)]
    print(f"{packed.device.label}, float32, torch {torch.__version__}, best of {options.rounds}")
    print(f"{options.prompts} prompts of {options.prompt} tokens, {options.k} completions of {options.completion} each")
    print(f"packed {best[0]:.3f} s a step, separate {best[1]:.3f} s: {best[1] / best[0]:.2f} times faster")
    print(
        f"tokens {slots[0]} and {slots[1]}; largest difference of a reward {(rewards[0] - rewards[1]).abs().max():.1e}"
    )


if __name__ == "__main__":
    main()
