"""What encoding each completion once is worth, and sorting by length: seconds of a training step, in one run.

    python -m benchmarks.encoding_once [--prompts 8] [--repeats 3]

Baseline "pairs": the same comparisons as C(K, 2) prompts of two completions each, as trainers of chosen/rejected rows
have them. Baseline "unsorted": every sequence padded to the longest of the batch. Random token ids; the lengths are
those of dialogues (log-normal, median 90 tokens, cut at 256). Same backbone, dtype, threads and steps for all.
"""

from __future__ import annotations

import argparse
import platform
import time
from itertools import combinations

import numpy as np
import torch

from rewardtrain.core.batching import Batch, make_batch
from rewardtrain.core.comparisons import Comparisons
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import choose_device
from rewardtrain.core.encoding import Encoded
from rewardtrain.core.gradients import accumulate_gradients
from rewardtrain.core.loss import Objective
from rewardtrain.core.model import RewardModel, load_backbone

MAX_LENGTH = 256
TOKEN_BUDGET, GRAPH_BUDGET = 4096, 16384


def prompts_of(k: int, n_prompts: int, draw: np.random.Generator) -> list[list[Encoded]]:
    lengths = np.clip(draw.lognormal(np.log(90), 0.7, (n_prompts, k)), 8, MAX_LENGTH).astype(int)
    return [[_sequence(length, draw) for length in row] for row in lengths]


def _sequence(length: int, draw: np.random.Generator) -> Encoded:
    ids = draw.integers(1000, 20000, length).astype(np.int32)
    return Encoded(ids=ids, types=np.zeros(length, np.int8), prompt_cut=False, completion_cut=False)


def as_rankings(prompts: list[list[Encoded]]) -> Batch:
    k = len(prompts[0])
    pairs = list(combinations(range(k), 2))
    said = Comparisons(weights=dict.fromkeys(pairs, 1.0), n_strict=len(pairs), n_ties=0)
    return make_batch(prompts, [said] * len(prompts))


def as_pairs(prompts: list[list[Encoded]]) -> Batch:
    pairs = [[one, two] for completions in prompts for one, two in combinations(completions, 2)]
    return make_batch(pairs, [Comparisons(weights={(0, 1): 1.0}, n_strict=1, n_ties=0)] * len(pairs))


def padded(prompts: list[list[Encoded]]) -> Batch:
    longest = max(len(sequence) for completions in prompts for sequence in completions)

    def fill(sequence: Encoded) -> Encoded:
        wide = np.zeros(longest, np.int32)
        wide[: len(sequence)] = sequence.ids
        return Encoded(ids=wide, types=np.zeros(longest, np.int8), prompt_cut=False, completion_cut=False)

    return as_rankings([[fill(sequence) for sequence in completions] for completions in prompts])


def seconds_of(model: RewardModel, batch: Batch, repeats: int) -> float:
    """The fastest of the repeats: on a shared machine the others measure the neighbours."""
    times = []
    for _ in range(repeats):
        model.network.zero_grad()
        started = time.perf_counter()
        accumulate_gradients(
            model, batch, Objective(TrainConfig()), token_budget=TOKEN_BUDGET, graph_budget=GRAPH_BUDGET
        )
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    device = choose_device()
    model = load_backbone("minilm", max_length=MAX_LENGTH, device=device)
    print(
        f"{platform.processor() or platform.machine()}, {device.label}, {device.dtype_name}, torch {torch.__version__}"
    )
    print(f"{'K':>2} {'once':>8} {'pairs':>8} {'unsorted':>9}   pairs/once  unsorted/once")
    draw = np.random.default_rng(0)
    for k in (2, 4, 9):
        prompts = prompts_of(k, arguments.prompts, draw)
        once, pairs, unsorted = (
            seconds_of(model, make(prompts), arguments.repeats) for make in (as_rankings, as_pairs, padded)
        )
        print(
            f"{k:>2} {once:>7.2f}s {pairs:>7.2f}s {unsorted:>8.2f}s   {pairs / once:>10.2f}  {unsorted / once:>13.2f}"
        )


if __name__ == "__main__":
    main()
