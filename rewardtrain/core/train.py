"""A training run, from a data file to a finished model folder and its report."""

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rewardtrain.core.artifact import is_finished, require_model
from rewardtrain.core.batching import Batch, make_batch, padding_share, prompt_batches
from rewardtrain.core.checkpoint import Checkpoint, last_checkpoint, save_checkpoint
from rewardtrain.core.comparisons import Dataset, build_dataset, require_data
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data import SPLITS, fingerprint, read_groups
from rewardtrain.core.device import choose_device, rng_state, set_rng_state
from rewardtrain.core.encoding import Encoded
from rewardtrain.core.errors import NotFiniteError, Stopped
from rewardtrain.core.evaluate import encode_groups, quick_metrics, score_groups
from rewardtrain.core.finish import MODEL, REPORT, finish, reference
from rewardtrain.core.flags import labels_of
from rewardtrain.core.gradients import gradients_in_memory
from rewardtrain.core.head_run import train_head
from rewardtrain.core.loss import Objective
from rewardtrain.core.memory import Budgets
from rewardtrain.core.model import RewardModel, layer_shapes, load_backbone
from rewardtrain.core.progress import MetricsLog
from rewardtrain.core.report import Scores
from rewardtrain.core.speed import speed_up

MAX_GRAD_NORM = 1.0
METRICS, CHECKPOINTS = "metrics.jsonl", "checkpoints"


def train(
    data: Path,
    out: Path,
    config: TrainConfig,
    *,
    cache: Path | None = None,
    champion: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train, evaluate on the test split and write out/model, out/report.json and out/metrics.jsonl.

    Called again with the same arguments it goes on from the last checkpoint, on a CPU to the same bits; on a finished
    folder it does nothing. should_stop is asked between micro-batches. cache is for what later runs can use again.
    Raises a CoreError.
    """
    if config.depth == "head":
        return train_head(data, out, config, cache=cache, champion=champion, should_stop=should_stop)
    if is_finished(out / MODEL) and (out / REPORT).is_file():
        return
    if champion:
        require_model(champion)
    run = {"data": fingerprint(data), **config.to_dict()}
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = last_checkpoint(out / CHECKPOINTS, run)
    keep_bytes = checkpoint.metrics_bytes if checkpoint else 0
    with MetricsLog(out / METRICS, keep_bytes=keep_bytes, should_stop=should_stop) as log:
        trainer = _prepare(data, out, config, run, log, checkpoint)
        log.emit("phase", phase="training")
        trainer.run_steps()
        finish(
            trainer.model,
            trainer.data,
            trainer.score,
            config,
            out,
            log=log,
            counts=_counts(trainer),
            champion=champion,
        )
        log.emit("done")
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)  # three times the model's size, and of no more use


def learning_rate_factor(step: int, *, total_steps: int, warmup_ratio: float) -> float:
    """The part of the highest learning rate that optimizer step 0, 1, ... uses: linear up, then linear down to zero."""
    warmup = math.ceil(total_steps * warmup_ratio)
    if step < warmup:
        return (step + 1) / warmup
    return (total_steps - step) / max(1, total_steps - warmup)


@dataclass
class Trainer:
    """The state of a run between two optimizer steps."""

    config: TrainConfig
    run: dict[str, Any]
    out: Path
    log: MetricsLog
    data: Dataset
    encoded: dict[str, list[list[Encoded]]]
    model: RewardModel
    objective: Objective
    optimizer: torch.optim.Optimizer
    budgets: Budgets
    step: int = 0
    validation_due: bool = False

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.data.splits["train"]) / self.config.batch_prompts)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    def run_steps(self) -> None:
        """Go on to the last step; checkpoint and raise Stopped when asked to stop."""
        try:
            while self.validation_due or self.step < self.total_steps:
                if self.validation_due:
                    self._validate()
                else:
                    self._step()
                    self.validation_due = self._is_due(self.config.eval_every)
                if not self.validation_due and self._is_due(self.config.checkpoint_every):
                    self.save()
        except Stopped:
            self.save()
            raise

    def _is_due(self, every: int) -> bool:
        return self.step == self.total_steps or self.step % every == 0

    def _step(self) -> None:
        started = time.monotonic()
        batch = self._batch()
        factor = learning_rate_factor(self.step, total_steps=self.total_steps, warmup_ratio=self.config.warmup_ratio)
        for group in self.optimizer.param_groups:
            group["lr"] = group["highest"] * factor
        loss = gradients_in_memory(
            self.model,
            batch,
            self.objective,
            self.budgets,
            tick=lambda: self.log.progress("training", self.step, self.total_steps),
            tell=self._tell_smaller,
        )
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.network.parameters(), MAX_GRAD_NORM))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            seen = f"loss {loss}, gradient norm {norm} at step {self.step + 1} of {self.total_steps}"
            raise NotFiniteError(f"training diverged: {seen}; lower learning_rate ({self.config.learning_rate})")
        self.optimizer.step()
        self.step += 1
        seconds = time.monotonic() - started
        self.log.emit(
            "step",
            step=self.step,
            total_steps=self.total_steps,
            epoch=self.step / self.steps_per_epoch,
            loss=loss,
            learning_rate=self.config.learning_rate * factor,
            seconds=seconds,
            completions_per_second=len(batch.sequences) / seconds,
            padding=padding_share([len(sequence) for sequence in batch.sequences], self.budgets.tokens),
        )

    def _tell_smaller(self, budgets: Budgets, reason: str) -> None:
        smaller = {"token_budget": budgets.tokens, "graph_budget": budgets.graph}
        self.log.emit("smaller_batches", step=self.step, **smaller, reason=reason)

    def _batch(self) -> Batch:
        epoch, position = divmod(self.step, self.steps_per_epoch)
        groups = self.data.splits["train"]
        order = prompt_batches(len(groups), self.config.batch_prompts, seed=self.config.seed, epoch=epoch)[position]
        comparisons = self.data.comparisons["train"]
        return make_batch([self.encoded["train"][index] for index in order], [comparisons[index] for index in order])

    def _validate(self) -> None:
        groups = self.data.splits["validation"]
        if groups:
            self.log.emit("validation", step=self.step, **quick_metrics(groups, self.score("validation")))
        self.validation_due = False

    def score(self, split: str) -> Scores:
        """The model's raw logits of a split as it is now; of the training split only the reference's."""
        encoded = self.encoded[split]
        if split == "train":
            encoded = [encoded[index] for index in reference(self.data.splits[split])]
        phase = "validation" if split == "validation" else "evaluating"
        return score_groups(
            self.model,
            encoded,
            token_budget=self.config.token_budget,
            progress=lambda done, total: self.log.progress(phase, done, total),
        )

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        state = {
            "model": self.model.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": rng_state(self.model.device),
            "validation_due": self.validation_due,
        }
        save_checkpoint(self.out / CHECKPOINTS, state, step=self.step, metrics_bytes=self.log.size, run=self.run)
        self.log.emit("checkpoint", step=self.step)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what was saved."""
        state = checkpoint.load()
        self.model.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        set_rng_state(self.model.device, state["rng"])
        self.validation_due = state["validation_due"]
        self.step = checkpoint.step
        self.log.emit("checkpoint", step=self.step)


def _prepare(
    data: Path, out: Path, config: TrainConfig, run: dict[str, Any], log: MetricsLog, checkpoint: Checkpoint | None
) -> Trainer:
    log.emit("phase", phase="loading")
    dataset = build_dataset(read_groups(data), config)
    require_data(dataset, config)
    device = choose_device(config.threads, dtype=config.dtype, layers=layer_shapes(config.backbone))
    torch.manual_seed(config.seed)  # draws the head
    model = load_backbone(
        config.backbone, max_length=config.max_length, device=device, labels=labels_of(config, dataset.flag)
    )
    speed_up(model.network, config)
    log.emit("phase", phase="tokenizing")
    encoded = {
        split: encode_groups(
            model.encoder, dataset.splits[split], progress=lambda done, total: log.progress("tokenizing", done, total)
        )
        for split in SPLITS
    }
    objective = Objective(config, tie_share=dataset.tie_share)
    budgets = Budgets.on(device, config.token_budget, config.graph_budget)
    trainer = Trainer(config, run, out, log, dataset, encoded, model, objective, _optimizer(model, config), budgets)
    log.emit("start", **_counts(trainer), **device.describe(), token_budget=budgets.tokens)
    if checkpoint:
        trainer.restore(checkpoint)
    return trainer


def _optimizer(model: RewardModel, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW; the new head learns faster than the pretrained rest, and biases and norms aren't decayed."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in model.network.named_parameters():
        rate = config.head_learning_rate if name in model.new_parameters else config.learning_rate
        decay = config.weight_decay if parameter.ndim >= 2 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "highest": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ]
    )


def _counts(trainer: Trainer) -> dict[str, Any]:
    data = trainer.data
    sequences = [sequence for groups in trainer.encoded.values() for group in groups for sequence in group]
    return {
        "n_prompts": {split: len(groups) for split, groups in data.splits.items()},
        "n_completions": len(sequences),
        "n_comparisons": sum(data.n_pairs(split) for split in SPLITS),
        "n_ties": sum(data.n_ties(split) for split in SPLITS),
        "truncated": sum(sequence.prompt_cut or sequence.completion_cut for sequence in sequences),
        "truncated_completions": sum(sequence.completion_cut for sequence in sequences),
        "dropped": sum(data.left_out.values()),
        "dropped_by_reason": data.left_out,
        "total_steps": trainer.total_steps,
        "fingerprint": trainer.run["data"],
        "config": trainer.config.to_dict(),
    }
