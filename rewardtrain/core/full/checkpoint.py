"""Where a training run can go on from."""

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rewardtrain.core.artifact.folder import read_json, write_json
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError

KEEP = 2
STATE, INFO = "state.pt", "info.json"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint after `step` optimizer steps, which with the seed say which batch comes next."""

    folder: Path
    step: int
    metrics_bytes: int  # length of metrics.jsonl when it was made
    dtype: str  # of the matrix products, which a resumed run must not measure differently

    def load(self) -> dict[str, Any]:
        """Gives what save_checkpoint was given, tensors on the CPU."""
        state: dict[str, Any] = torch.load(self.folder / STATE, map_location="cpu", weights_only=True)
        return state


def save_checkpoint(
    root: Path,
    state: dict[str, Any],
    *,
    step: int,
    metrics_bytes: int,
    run: dict[str, Any],
    dtype: str,
    keep: int | None = None,
) -> None:
    """Write root/step-N under another name first, then rename, so that a checkpoint is complete or isn't there.

    run: see TrainConfig.identity; a resumed run must share it. Older checkpoints than the last two go, but for
    that of step `keep`.
    """
    root.mkdir(parents=True, exist_ok=True)
    temporary = root / f"tmp-step-{step}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    with (temporary / STATE).open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    info = {"step": step, "metrics_bytes": metrics_bytes, "run": run, "dtype": dtype}
    write_json(temporary / INFO, info)
    target = root / f"step-{step}"
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)
    for old in _folders(root)[:-KEEP]:
        if old.name != f"step-{keep}":
            shutil.rmtree(old)
    for leftover in root.glob("tmp-step-*"):
        shutil.rmtree(leftover)


def last_checkpoint(root: Path, config: TrainConfig, data: str, formerly: Collection[str] = ()) -> Checkpoint | None:
    """Finds the newest complete checkpoint, or None. Raises ConfigError where it was made with other settings or data.

    data: its fingerprint. formerly: see TrainConfig.differences.
    """
    folders = _folders(root) if root.is_dir() else []
    if not folders:
        return None
    info = read_json(folders[-1] / INFO)
    if changes := config.differences(info["run"], data, formerly):
        advice = "go on with the settings and data it was begun with, or begin anew in an empty output folder"
        raise ConfigError(f"{str(root)!r} holds another run's checkpoints ({changes}); {advice}")
    return _read(folders[-1])


def checkpoint_of(root: Path, step: int) -> Checkpoint:
    """Finds the checkpoint of one step, which must be there."""
    return _read(root / f"step-{step}")


def _read(folder: Path) -> Checkpoint:
    info = read_json(folder / INFO)
    return Checkpoint(folder, info["step"], info["metrics_bytes"], info["dtype"])


def _folders(root: Path) -> list[Path]:
    folders = [path for path in root.glob("step-*") if (path / INFO).is_file()]
    return sorted(folders, key=lambda path: int(path.name.removeprefix("step-")))
