"""Pairs a second: TRL's RewardTrainer and ours on the same sequences, beside the bare backbone as the limit.

    python -m benchmarks.training.speed [--rounds 3] [--steps 2] [--k 2 4 9]

A step is batch making, forward and backward pass, clipping and AdamW; a step of ours has 8 prompts, one of TRL 8 pairs
(its default), and it gets the K(K-1)/2 pairs of each prompt as rows. Backbone minilm, 256 tokens, the dtype that ours
chooses for both, one thread. K = 2 are real dialogues of ../shared/data where it is there; for larger K each prompt
gets completions of the same data at random, so lengths stay as they are. "limit" is forward and backward pass of the
backbone alone on our micro-batches, with our attention. The contestants take turns and each has its best round, after
a warm-up; on a CPU the clock is that of the process, which doesn't count what other processes take.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
import trl
from datasets import Dataset

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import make_batch, padding_share
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import read_groups
from rewardtrain.core.device import Device, choose_device, wait
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import clip_gradients, make_optimizer
from rewardtrain.core.model.gradients import gradients_in_memory
from rewardtrain.core.model.loading import layer_shapes, load_backbone
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.speed import speed_up
from rewardtrain.core.quiet import quiet_libraries

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = [_FOLDER / f"{name}.jsonl" for name in ("hh_online", "hh_rejection_sampled")]
CONFIG = TrainConfig(threads=1)
TRL_PAIRS = 8  # a step
Prompts = list[list[Encoded]]


def prompts_of(k: int, n: int, model: RewardModel, draw: random.Random) -> Prompts:
    """n prompts with k completions each, as token ids."""
    if not all(path.is_file() for path in DATA):
        print(f"{_FOLDER} is not there: random tokens of log-normal lengths instead")
        return [[_random(draw) for _ in range(k)] for _ in range(n)]
    groups = draw.sample([group for path in DATA for group in read_groups(path)], 4 * n)
    pool = [text for group in groups for text in group.completions]
    return [
        model.encoder.encode(group.prompt, group.completions[:2] if k == 2 else draw.sample(pool, k))
        for group in groups[:n]
    ]


def _random(draw: random.Random) -> Encoded:
    length = int(min(max(draw.lognormvariate(np.log(200), 0.5), 8), CONFIG.max_length))
    ids = np.array(draw.choices(range(1000, 20000), k=length), np.int32)
    return Encoded(ids=ids, types=np.zeros(length, np.int8), prompt_cut=False, completion_cut=False)


class Ours:
    """Steps of our trainer over prompts."""

    def __init__(self, model: RewardModel, prompts: Prompts) -> None:
        self.model, self.prompts = model, prompts
        self.objective = Objective(CONFIG)
        self.optimizer = make_optimizer(model.network, self.objective, CONFIG, head=model.new_parameters)
        self.budgets = Budgets.on(model.device, CONFIG.token_budget, CONFIG.graph_budget)
        k = len(prompts[0])
        self.said = Comparisons(weights=dict.fromkeys(itertools.combinations(range(k), 2), 1.0), n_strict=1, n_ties=0)
        self.pairs = len(prompts) * k * (k - 1) // 2
        self.tokens = sum(len(sequence) for completions in prompts for sequence in completions)

    @property
    def batches(self) -> list[Prompts]:
        size = CONFIG.batch_prompts
        return [self.prompts[start : start + size] for start in range(0, len(self.prompts), size)]

    def step(self) -> None:
        for prompts in self.batches:
            batch = make_batch(prompts, [self.said] * len(prompts))
            gradients_in_memory(self.model, batch, self.objective, self.budgets, tell=lambda *_: None)
            clip_gradients(self.optimizer)
            self.optimizer.step()

    def limit(self) -> None:
        for prompts in self.batches:
            sequences = [sequence for completions in prompts for sequence in completions]
            for micro in self.model.plan(sequences, self.budgets.tokens):
                self.model.logits([sequences[index] for index in micro.indices]).sum().backward()  # type: ignore[no-untyped-call]

    @property
    def padding(self) -> float:
        planned = [self.model.plan(_flat(prompts), self.budgets.tokens) for prompts in self.batches]
        return padding_share([micro for batch in planned for micro in batch])


def _flat(prompts: Prompts) -> list[Encoded]:
    return [sequence for completions in prompts for sequence in completions]


class Theirs:
    """Steps of TRL's trainer over the pairs of the same prompts."""

    def __init__(
        self, model: RewardModel, prompts: Prompts, *, checkpointing: bool, steps: int, copied: bool = True
    ) -> None:
        self.network = copy.deepcopy(model.network) if copied else model.network
        self.tokenizer = model.encoder.tokenizer
        rows = [
            {"chosen_ids": one.ids.tolist(), "rejected_ids": two.ids.tolist()}
            for completions in prompts
            for one, two in itertools.combinations(completions, 2)
        ]
        random.Random(0).shuffle(rows)
        self.rows, self.steps = Dataset.from_list(rows[: TRL_PAIRS * (1 + steps)]), steps
        self.checkpointing, self.device = checkpointing, model.device
        self.slots = self.tokens = 0

    def seconds(self) -> float:
        """Of the steps, from the end of one more for warm-up."""
        ends: list[float] = []
        now = clock(self.device)

        class Watch(transformers.TrainerCallback):
            def on_step_end(self, *_: Any, **__: Any) -> None:
                ends.append(now())

        with tempfile.TemporaryDirectory() as folder:
            arguments = trl.RewardConfig(
                output_dir=folder,
                max_steps=1 + self.steps,
                per_device_train_batch_size=TRL_PAIRS,
                gradient_checkpointing=self.checkpointing,
                bf16=self.device.dtype is torch.bfloat16,
                use_cpu=self.device.kind == "cpu",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            )
            trainer = trl.RewardTrainer(
                self.network,
                args=arguments,
                train_dataset=self.rows,
                processing_class=self.tokenizer,
                callbacks=[Watch()],
            )
            trainer.data_collator = self._counted(trainer.data_collator)
            trainer.train()
        return ends[-1] - ends[0]

    def _counted(self, collate: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        def counted(rows: Any) -> dict[str, Any]:
            inputs = collate(rows)
            self.slots += inputs["input_ids"].numel()
            self.tokens += int(inputs["attention_mask"].sum())
            return inputs

        return counted


def clock(device: Device) -> Callable[[], float]:
    if device.kind == "cpu":
        return time.process_time

    def now() -> float:
        wait(device)
        return time.perf_counter()

    return now


def compare(k: int, model: RewardModel, plain: RewardModel, *, steps: int, rounds: int) -> str:
    """A line of the table."""
    prompts = prompts_of(k, steps * CONFIG.batch_prompts, model, random.Random(k))
    ours = Ours(model, prompts)
    defaults, unchecked = (
        Theirs(plain, prompts, checkpointing=checkpointing, steps=steps) for checkpointing in (True, False)
    )
    now = clock(model.device)

    def seconds(work: Callable[[], None]) -> float:
        started = now()
        work()
        return now() - started

    contestants: dict[str, Callable[[], float]] = {
        "ours": lambda: seconds(ours.step),
        "defaults": defaults.seconds,
        "limit": lambda: seconds(ours.limit),
        "unchecked": unchecked.seconds,
    }
    Ours(model, prompts[:1]).step()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            times[name].append(run())
    best = {name: min(values) for name, values in times.items()}
    rate = ours.pairs / best["ours"]
    rates = [TRL_PAIRS * steps / best[name] for name in ("defaults", "unchecked")]
    cells = [
        *(f"{value:.2f}" for value in (*rates, rate, rate / rates[0], rate / rates[1])),
        *(f"{share:.1%}" for share in (1 - unchecked.tokens / unchecked.slots, ours.padding)),
        *(f"{ours.tokens / best[name]:.0f}" for name in ("ours", "limit")),
        f"{best['limit'] / best['ours']:.2f}",
    ]
    return f"| {k} | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="timed steps a round")
    parser.add_argument("--k", type=int, nargs="+", default=[2, 4, 9])
    options = parser.parse_args(arguments)
    quiet_libraries()
    device = choose_device(CONFIG.threads, dtype=CONFIG.dtype, layers=layer_shapes(CONFIG.backbone))
    torch.manual_seed(0)
    model = load_backbone(CONFIG.backbone, max_length=CONFIG.max_length, device=device)
    plain = copy.deepcopy(model)  # as Hugging Face makes it
    speed_up(model, CONFIG)
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}, trl {trl.__version__}"
    print(f"{device.label}, {device.dtype_name}, {versions}, best of {options.rounds} x {options.steps} steps")
    print("pairs/s, ratios to TRL, shares of padding, tokens/s; TRL with its defaults and (*) without checkpointing")
    print("| K | TRL | TRL* | ours | ratio | ratio* | TRL's padding | ours | ours, tokens/s | limit | of it |")
    print("|" + "---|" * 11)
    for k in options.k:
        print(compare(k, model, plain, steps=options.steps, rounds=options.rounds), flush=True)


if __name__ == "__main__":
    main()
