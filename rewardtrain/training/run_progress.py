"""What a training process writes into metrics.jsonl, as it becomes the run's row and curves."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewardtrain.models import RunPoint, TrainingRun
from rewardtrain.training import runs, said_events

logger = logging.getLogger(__name__)

LOSS_POINTS, VALIDATION_POINTS = 200, 100  # of a run's curves, at most


class Tail:
    """The lines that were added to a file since it was last asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0

    def lines(self) -> Iterator[bytes]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            if self.path.stat().st_size < self.position:
                self.position = 0  # a resumed process cuts what came after its checkpoint
            file.seek(self.position)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it is still being written
                self.position += len(line)
                yield line


@dataclass
class Progress:
    """What metrics.jsonl has said so far."""

    run: TrainingRun
    changes: dict[str, Any] = field(default_factory=dict)  # of the run's row, not yet written
    losses: dict[int, RunPoint] = field(default_factory=dict)
    validations: dict[int, RunPoint] = field(default_factory=dict)
    total_steps: int = 0

    def read(self, lines: Iterable[bytes]) -> bool:
        heard = False
        for line in lines:
            heard = True
            try:
                event = said_events.read(line)
            except ValueError as error:  # half a line, too, of a killed process, which the next one wrote on after
                logger.warning("run %s: a line of its metrics is left out: %s", self.run.number, error)
                continue
            self.take(event)
        return heard

    def take(self, event: said_events.Event) -> None:
        match event.get("event"):
            case "start":
                self.total_steps = event["total_steps"]
                self.changes["counts"] = said_events.counts(event)
            case "phase":
                self.changes |= {"phase": event["phase"], "done": 0, "total": 0}
            case "progress":
                self.changes |= {"phase": event["phase"], "done": event["done"], "total": event["total"]}
            case "step":
                self.total_steps = event["total_steps"]
                self.changes |= {"phase": "training", "done": event["step"], "total": event["total_steps"]}
                self.note_loss(event["step"], event["loss"])
            case "validation":
                of = "" if event["log_loss"] is not None else "flag_"  # no pairs: flags alone were trained on
                log_loss, accuracy = event.get(f"{of}log_loss"), event.get(f"{of}accuracy")
                self.note_validation(event["step"], event["every"], log_loss, accuracy)

    def note_loss(self, step: int, loss: float) -> None:
        if is_kept(step, self.total_steps, every=1, limit=LOSS_POINTS):
            self.losses[step] = RunPoint(run=self.run, step=step, loss=finite(loss))

    def note_validation(self, step: int, every: int, log_loss: float | None, accuracy: float | None) -> None:
        if is_kept(step, self.total_steps, every=every, limit=VALIDATION_POINTS):
            self.validations[step] = RunPoint(
                run=self.run, step=step, validation_log_loss=finite(log_loss), validation_accuracy=finite(accuracy)
            )

    def row(self) -> dict[str, Any]:
        changes, self.changes = self.changes, {}
        return changes

    def store_points(self) -> None:
        """Keeps them where that fails: the next call stores them, and what is there already changes nothing."""
        runs.add_points(self.run, list(self.losses.values()), "loss")
        self.losses = {}
        validations = list(self.validations.values())
        runs.add_points(self.run, validations, "validation_log_loss", "validation_accuracy")
        self.validations = {}


def is_kept(step: int, total: int, *, every: int, limit: int) -> bool:
    """Tells whether a curve of at most about `limit` points keeps this step, where there is a value each `every`
    steps."""
    stride = max(1, math.ceil(total / every / limit))
    return step == total or step % (every * stride) == 0


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
