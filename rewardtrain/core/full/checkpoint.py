"""Where a training run can go on from, in as many processes as it then has.

A checkpoint is a folder: what each process holds of the weights and of what the optimizer keeps, in safetensors by
torch.distributed.checkpoint, and info.json, which is written last and has all that is no tensor.
"""

import logging
import os
import shutil
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.logger import _dcp_logger
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor, distribute_tensor

from rewardtrain.core.artifact.folder import read_json, write_json
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError, CoreError, from_exception
from rewardtrain.core.full.node_folders import bring_to_first, forget_copies, hand_out
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.team import Team

FORMAT = 2  # 1 was one file of torch.save, of one process
KEEP = 2
INFO, STATE = "info.json", "state.pt"  # the latter of format 1
SMALLER = "smaller_batches.json"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint after `step` optimizer steps, which with the seed say which batch comes next."""

    folder: Path
    step: int
    metrics_bytes: int  # length of metrics.jsonl when it was made
    dtype: str  # of the matrix products, which a resumed run must not measure differently

    @property
    def values(self) -> dict[str, Any]:
        """Gives what save_checkpoint was given beside the tensors."""
        info = read_json(self.folder / INFO)
        return info["values"] if "values" in info else self._state_of_before()

    def at(self, root: Path) -> "Checkpoint":
        """Gives it as this process sees it, whose machine may have another folder than the first one's."""
        return replace(self, folder=root / self.folder.name)

    def read_into(self, tensors: dict[str, Tensor], order: Sequence[str], team: Team) -> None:
        """Overwrite these tensors with those that were saved under their names; of a sharded one this process's part.

        All processes of the team take part, and are handed the files where they lack them. order: names of the
        optimizer's parameters in the order of format 1, which knew them by number. Raises ConfigError where the
        checkpoint can't be read.
        """
        hand_out(team, self.folder)
        if (self.folder / STATE).is_file():
            self._read_before_into(tensors, order)
            return
        reader = HuggingFaceStorageReader(str(self.folder))

        def damaged(reason: str) -> CoreError:
            return ConfigError(f"checkpoint {str(self.folder)!r} can't be read ({reason}); delete it and run again")

        _together(lambda: load(tensors, storage_reader=reader, no_dist=team.size == 1), otherwise=damaged)

    def _state_of_before(self) -> dict[str, Any]:
        state: dict[str, Any] = torch.load(self.folder / STATE, map_location="cpu", weights_only=True)
        return state

    def _read_before_into(self, tensors: dict[str, Tensor], order: Sequence[str]) -> None:
        state = self._state_of_before()
        kept = {f"{part}.{name}": value for part in ("network", "objective") for name, value in state[part].items()}
        for number, values in state["optimizer"]["state"].items():
            kept |= {f"optimizer.{order[number]}.{key}": value for key, value in values.items()}
        with torch.no_grad():
            for name, tensor in tensors.items():
                whole = kept[name].to(tensor.device)
                if isinstance(tensor, DTensor):
                    mesh, placements = tensor.device_mesh, tensor.placements
                    whole = distribute_tensor(whole, mesh, placements, src_data_rank=None)
                tensor.copy_(whole)


def save_checkpoint(
    root: Path,
    tensors: dict[str, Tensor],
    values: dict[str, Any],
    *,
    step: int,
    metrics_bytes: int,
    run: dict[str, Any],
    dtype: str,
    keep: int | None = None,
    team: Team,
) -> None:
    """Write root/step-N under another name first, then rename, so that a checkpoint is complete or isn't there.

    tensors: by name, of a sharded one this process's part; all processes of the team take part, also where machines
    have a `root` each: the first one's has it all. values: JSON. run: see TrainConfig.identity; a resumed run must
    share it. Older checkpoints than the last two go, but for that of step `keep`.
    """
    temporary = root / f"tmp-step-{step}"
    forget_copies(team, root)
    if team.rank in team.firsts[1:]:
        _make_anew(temporary)
    team.from_first(lambda: _make_anew(temporary))
    writer = HuggingFaceStorageWriter(str(temporary), save_distributed=True)

    def unwritten(reason: str) -> CoreError | None:
        return None

    _together(lambda: save(tensors, storage_writer=writer, no_dist=team.size == 1), otherwise=unwritten)
    bring_to_first(team, temporary)
    info = {"format": FORMAT, "step": step, "metrics_bytes": metrics_bytes, "run": run, "dtype": dtype}
    team.from_first(lambda: _complete(temporary, root / f"step-{step}", info | {"values": values}))
    team.from_first(lambda: _delete_others(root, keep))


def _together(work: Callable[[], object], *, otherwise: Callable[[str], CoreError | None]) -> None:
    """Does what torch.distributed.checkpoint does; its own exception is no Exception, and holds those of all."""
    _dcp_logger.setLevel(logging.WARNING)  # else two lines for each tensor
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is but one process
        try:
            work()
        except CheckpointException as error:
            first = next(failure for failure, _ in error.failures.values())
            known = from_exception(first) or otherwise(f"{type(first).__name__}: {str(first).splitlines()[0][:200]}")
            raise (known or first) from None


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _complete(temporary: Path, target: Path, info: dict[str, Any]) -> None:
    for path in temporary.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    write_json(temporary / INFO, info)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)


def _delete_others(root: Path, keep: int | None) -> None:
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


def note_smaller(root: Path, budgets: Budgets) -> None:
    """Write down, from whichever process, what the run is to go on with."""
    root.mkdir(parents=True, exist_ok=True)
    write_json(root / SMALLER, asdict(budgets))


def noted_smaller(root: Path) -> Budgets | None:
    """Reads what note_smaller wrote."""
    path = root / SMALLER
    return Budgets(**read_json(path)) if path.is_file() else None
