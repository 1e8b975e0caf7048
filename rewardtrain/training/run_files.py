"""The files of a run, each by its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from artifacts import store
from rewardtrain.models import TrainingRun


@dataclass(frozen=True)
class Files:
    """A run's folder."""

    folder: Path

    @property
    def settings(self) -> Path:
        return self.folder / "settings.json"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def baselines(self) -> Path:
        """Names the file that holds the ids of the models that the reports compare with."""
        return self.folder / "compared_with.json"

    @property
    def head_report(self) -> Path:
        """Names the file of the report on a fine-tuning beside the newest head, where that is not the champion."""
        return self.folder / "beside_the_head.json"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def metrics(self) -> Path:
        return self.out / "metrics.jsonl"

    @property
    def report(self) -> Path:
        return self.out / "report.json"

    @property
    def model(self) -> Path:
        return self.out / "model"


def made_model(run: TrainingRun) -> str:
    """Names the model that the run makes, below the root of this machine."""
    return f"{run.folder}/out/model"


def files_of(run: TrainingRun) -> Files:
    return Files(store.work_path(run.folder))
