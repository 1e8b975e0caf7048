"""The optimizer steps of a run, and what it takes to stop and go on between any two of them."""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import Batch, make_batch, padding_share, prompt_batches
from rewardtrain.core.data.comparisons import Dataset
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.errors import NotFiniteError, Stopped
from rewardtrain.core.evaluation.evaluate import quick_metrics, score_groups, watched_loss
from rewardtrain.core.finish import Further
from rewardtrain.core.full.checkpoint import Checkpoint, checkpoint_of, save_checkpoint
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import (
    all_finite,
    clip_gradients,
    count_steps,
    learning_rate_factor,
    order_of_before,
    set_learning_rate,
    state_of,
)
from rewardtrain.core.full.shared_objective import SharedObjective
from rewardtrain.core.full.stopping import EarlyStopping
from rewardtrain.core.head.attributes import further_heads, read_rated
from rewardtrain.core.head.ensemble import Reference, read_reference
from rewardtrain.core.measures.report import Scores
from rewardtrain.core.model.gradients import gradients_in_memory
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.team import Team
from rewardtrain.core.progress import MetricsLog

MIN_VALIDATION_PROMPTS = 128  # per validation, where the split has as many


@dataclass
class Trainer:
    """The state of a run between two optimizer steps."""

    config: TrainConfig
    run: dict[str, Any]  # settings and data fingerprint, which every checkpoint carries
    checkpoints: Path
    log: MetricsLog
    data: Dataset
    encoded: dict[str, list[list[Encoded]]]
    model: RewardModel
    objective: Objective
    optimizer: torch.optim.Optimizer
    budgets: Budgets  # smaller than the settings' once memory ran out
    stopping: EarlyStopping
    should_stop: Callable[[], bool]  # which a team asks between two steps, and a run alone between micro-batches too
    step: int = 0
    validation_due: bool = False

    @property
    def team(self) -> Team:
        return self.model.team

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.data.splits["train"]) / self.config.batch_prompts)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    @property
    def validation_every(self) -> int:
        """Gives the number of steps; an epoch at most, for small data is where over-fitting strikes between two of
        them."""
        return min(self.config.eval_every, self.steps_per_epoch)

    @property
    def is_over(self) -> bool:
        return self.step == self.total_steps or self.stopping.is_over

    def run_steps(self) -> None:
        """Go on to the end and keep the best step's weights; checkpoint and raise Stopped when asked to stop."""
        try:
            while self.validation_due or not self.is_over:
                if self.team.size > 1:  # all stop at the same place, or some would wait for the others
                    self.log.stop_if(self.team.any(self.should_stop()))
                better = False
                if self.validation_due:
                    better = self._validate()
                else:
                    self._step()
                    self.validation_due = self._is_due(self.validation_every)
                if better or (not self.validation_due and self._is_due(self.config.checkpoint_every)):
                    self.save()
        except Stopped:
            self.save()
            raise
        self._keep_best()

    def _is_due(self, every: int) -> bool:
        return self.is_over or self.step % every == 0

    def _step(self) -> None:
        started = time.monotonic()
        order = self._order()
        batch = self._batch(order)
        own = self.team.share([self._tokens("train", index) for index in order])
        objective = SharedObjective(self.objective, batch, own, self.team)
        factor = learning_rate_factor(self.step, total_steps=self.total_steps, warmup_ratio=self.config.warmup_ratio)
        set_learning_rate(self.optimizer, factor)
        loss = self._gradients([order[place] for place in own], objective)
        norm = clip_gradients(self.optimizer, self.team)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            ids = ", ".join(self.data.splits["train"][index].id for index in order)
            rate = self.config.learning_rate * factor
            seen = f"loss {loss}, gradient norm {norm}, learning rate {rate:.3g}, prompts {ids}"
            raise self._diverged(self.step + 1, seen)
        self.optimizer.step()
        self.step += 1
        seconds = time.monotonic() - started
        self.log.emit(
            "step",
            step=self.step,
            total_steps=self.total_steps,
            epoch=self.step / self.steps_per_epoch,
            loss=loss,
            margin=objective.margin,
            gradient_norm=norm,
            learning_rate=self.config.learning_rate * factor,
            seconds=seconds,
            completions_per_second=len(batch.rows) / seconds,
            tokens_per_second=sum(map(len, batch.sequences)) / seconds,
            padding=padding_share(self.model.plan(batch.sequences, self.budgets.tokens)),
        )

    def _gradients(self, order: Sequence[int], objective: SharedObjective) -> float:
        """Gives the batch's loss, and its gradient by way of these prompts, perhaps none."""
        return gradients_in_memory(
            self.model,
            self._batch(order) if order else None,
            objective,
            self.budgets,
            tick=lambda: self._tick("training", self.step, self.total_steps),
            tell=self._tell_smaller,
        )

    def _tick(self, phase: str, done: int, total: int) -> None:
        self.log.progress(phase, done, total)

    def _tokens(self, split: str, index: int) -> int:
        return sum(map(len, self.encoded[split][index]))

    def shrink(self, most: Budgets) -> None:
        """Go on with budgets of at most these, for memory ran out in one of several processes."""
        self.budgets = self.budgets.at_most(most)
        self._tell_smaller(self.budgets, "out of memory in one of several processes")

    def _tell_smaller(self, budgets: Budgets, reason: str) -> None:
        smaller = {"token_budget": budgets.tokens, "graph_budget": budgets.graph}
        self.log.emit("smaller_batches", step=self.step, **smaller, reason=reason)

    def _order(self) -> list[int]:
        """Gives the places of this step's prompts in the training split."""
        epoch, position = divmod(self.step, self.steps_per_epoch)
        n = len(self.data.splits["train"])
        return prompt_batches(n, self.config.batch_prompts, seed=self.config.seed, epoch=epoch)[position]

    def _batch(self, order: Sequence[int]) -> Batch:
        comparisons = self.data.comparisons["train"]
        return make_batch([self.encoded["train"][index] for index in order], [comparisons[index] for index in order])

    def _diverged(self, step: int, seen: str) -> NotFiniteError:
        advice = (
            "begin again in an empty output folder with a lower learning_rate or head_learning_rate "
            f"({self.config.learning_rate:g}, {self.config.head_learning_rate:g})"
        )
        return NotFiniteError(f"training diverged at step {step} of {self.total_steps}: {seen}; {advice}")

    def _validate(self) -> bool:
        """Validates; True where the model was never better."""
        places = self._validation_places()
        groups = [self.data.splits["validation"][place] for place in places]
        loss = None
        if groups:
            scores = self._score(self.model, [self.encoded["validation"][place] for place in places], "validation")
            measured = quick_metrics(groups, scores)
            loss = watched_loss(measured, self.config.flag_weight)
            seen = {"n_prompts": len(groups), "seconds": scores.seconds, **measured}
            self.log.emit("validation", step=self.step, every=self.validation_every, **seen)
        self.validation_due = False
        return self.stopping.observe(self.step, loss)

    def _validation_places(self) -> list[int]:
        """Picks the prompts of every validation: a third as many as were trained on since the last one, at most.

        A forward pass takes a third of a training step's time, so validating takes a tenth of a run's at most.
        """
        n = len(self.data.splits["validation"])
        limit = max(MIN_VALIDATION_PROMPTS, self.config.eval_every * self.config.batch_prompts // 3)
        return sorted(random.Random(f"{self.config.seed}:validation").sample(range(n), min(n, limit)))

    def score(self, split: str) -> Scores:
        """Gives the model's raw logits of a split as it is now.

        In float32, whatever it trains in: so the saved folder gives them in plain transformers.
        """
        return self._score(self.model.in_float32(), self.encoded[split], "evaluating")

    def read_reference(self) -> Reference:
        """Reads what the model makes of a part of the training split as it is now."""
        return read_reference(
            self.model.in_float32(),
            self.data,
            self.encoded["train"],
            token_budget=self.budgets.tokens,
            tick=lambda: self.log.progress("evaluating", 0, 1),
        )

    def read_further(self, measured: str) -> Further | None:
        """Fits a head for each attribute that people rated on what the model makes of those prompts as it is now."""
        model = self.model.in_float32()
        parts = {
            split: read_rated(
                *(model, self.data.splits[split], self.encoded[split]),
                token_budget=self.budgets.tokens,
                tick=lambda: self.log.progress("evaluating", 0, 1),
            )
            for split in ("train", "validation", measured)
        }
        return further_heads(parts["train"], parts["validation"], parts[measured], self.config)

    def _score(self, model: RewardModel, encoded: Sequence[Sequence[Encoded]], phase: str) -> Scores:
        try:
            return score_groups(
                model,
                encoded,
                token_budget=self.budgets.tokens,
                progress=lambda done, total: self._tick(phase, done, total),
            )
        except NotFiniteError as error:
            raise self._diverged(self.step, str(error)) from error

    def save(self) -> None:
        """Write a checkpoint of this moment, which keeps that of the best validation too."""
        if not all_finite(self.optimizer, self.team):
            raise self._diverged(self.step, "weights that are no numbers")
        save_checkpoint(
            self.checkpoints,
            self._weights() | self._optimizer_state(),
            {
                "budgets": asdict(self.budgets),
                "stopping": asdict(self.stopping),
                "validation_due": self.validation_due,
            },
            step=self.step,
            metrics_bytes=self.log.size,
            run=self.run,
            dtype=self.model.device.dtype_name,
            keep=self.stopping.best_step,
            team=self.team,
        )
        self.log.emit("checkpoint", step=self.step)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what was saved."""
        self._read(checkpoint, self._weights() | self._optimizer_state())
        values = checkpoint.values
        self.budgets = Budgets(**values["budgets"])
        self.stopping = EarlyStopping(**values["stopping"])
        self.validation_due = values["validation_due"]
        self.step = checkpoint.step
        count_steps(self.optimizer, self.step)
        self.log.emit("checkpoint", step=self.step)

    @property
    def kept(self) -> dict[str, Any]:
        """Says which step's weights the model has after the last step, and why."""
        return self.stopping.kept(self.step)

    def _keep_best(self) -> None:
        if self.kept["step"] != self.step:
            best = self.team.from_first(lambda: checkpoint_of(self.checkpoints, self.kept["step"]))
            self._read(best.at(self.checkpoints), self._weights())
        self.log.emit("kept", **self.kept)

    def _read(self, checkpoint: Checkpoint, tensors: dict[str, Tensor]) -> None:
        names = self._names()
        checkpoint.read_into(tensors, [names[parameter] for parameter in order_of_before(self.optimizer)], self.team)

    def _weights(self) -> dict[str, Tensor]:
        """Gives what is trained: the rest is as the backbone's files have it."""
        return {name: parameter.detach() for parameter, name in self._names().items()}

    def _optimizer_state(self) -> dict[str, Tensor]:
        return {f"optimizer.{name}": value for name, value in state_of(self.optimizer, self._names()).items()}

    def _names(self) -> dict[nn.Parameter, str]:
        parts = {"network": self.model.network, "objective": self.objective}
        return {
            parameter: f"{part}.{name}"
            for part, module in parts.items()
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
