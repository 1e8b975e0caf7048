"""Between what a training setting may lie that somebody asks for over a page or the API.

What can't work at all is refused by TrainConfig. These limits keep one project from taking the machine from all others:
beyond them is nothing that anybody trains a reward model with. `python -m rewardtrain.core` has none.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from django.utils.translation import gettext as _

from labeling.errors import Invalid
from rewardtrain.core.config import TrainConfig


@dataclass(frozen=True)
class Range:
    low: float
    high: float
    above: bool = False  # low itself is too low
    below: bool = False  # high itself is too high

    def __contains__(self, value: float) -> bool:
        return (value > self.low if self.above else value >= self.low) and (
            value < self.high if self.below else value <= self.high
        )

    def words(self) -> str:
        values = {
            (False, False): _("from %(low)s to %(high)s"),
            (True, False): _("above %(low)s and at most %(high)s"),
            (False, True): _("at least %(low)s and below %(high)s"),
            (True, True): _("above %(low)s and below %(high)s"),
        }[self.above, self.below]
        return values % {"low": f"{self.low:.10g}", "high": f"{self.high:.10g}"}


RANGES = {
    "max_length": Range(8, 131_072),
    "epochs": Range(1, 1000),
    "learning_rate": Range(0, 1, above=True),
    "head_learning_rate": Range(0, 1, above=True),
    "weight_decay": Range(0, 10),
    "warmup_ratio": Range(0, 1, below=True),
    "batch_prompts": Range(1, 4096),
    "token_budget": Range(1, 1_048_576),
    "graph_budget": Range(0, 1_048_576),
    "margin_scale": Range(0, 100),
    "label_smoothing": Range(0, 0.5, below=True),
    "centering": Range(0, 100),
    "flag_weight": Range(0, 100),
    "eval_every": Range(1, 1_000_000),
    "checkpoint_every": Range(1, 1_000_000),
    "patience": Range(0, 10_000),
    "lora_rank": Range(0, 1024),
    "train_layers": Range(0, 1000),
    "processes": Range(1, 64),
    "ensemble": Range(0, 100),
    "l2": Range(0, 1e9, above=True),
    "seed": Range(0, 2**32 - 1),
    "threads": Range(1, 1024),
    "bootstrap_samples": Range(100, 10_000),
    "min_pairs": Range(1, 1_000_000_000),
}


def check(config: TrainConfig) -> None:
    """Raises Invalid, naming the setting, its value and what it may be."""
    for name, allowed in RANGES.items():
        value = getattr(config, name)
        if value is not None and value not in allowed:
            message = _("%(name)s is %(value)s; it must be %(range)s")
            raise Invalid(
                "bad_setting", message % {"name": name, "value": value, "range": allowed.words()}, attr="training"
            )


def check_machine(config: TrainConfig) -> None:
    """Checks again for the worker, whose machine may not be the one that was asked. Raises Invalid."""
    cores = os.cpu_count() or 1
    if config.processes > cores:
        message = _("processes is %(value)s, but the machine that trains has %(cores)s cores; lower it")
        raise Invalid("bad_setting", message % {"value": config.processes, "cores": cores}, attr="training")
