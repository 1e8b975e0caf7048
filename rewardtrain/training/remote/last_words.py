"""What a job has left in the storage, or said at the door: who works on the run now, and how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from artifacts import store
from jobs import child
from rewardtrain.core_command import STOPPED
from rewardtrain.models import TrainingRun
from rewardtrain.training.run_files import Files, files_of

ASKED = "stopped as asked"  # in the last words of a training that was told to, in rewardtrain/core/progress.py
LARGEST = 4000  # bytes of what is read of a file that a job wrote


@dataclass(frozen=True)
class Said:
    """The end of a job in its own words: its exit code, and the checksum of the manifest of what it made."""

    code: int
    manifest_sha256: str

    @property
    def is_final(self) -> bool:
        """Tells whether it is over with that: one that was stopped a scheduler may start again."""
        return self.code != STOPPED


def said(run: TrainingRun) -> Said | None:
    """Gives it; None of a job that works. Raises OSError."""
    if store.bucket():
        ended = run.job_said.get("ended")
        return Said(int(ended["code"]), str(ended["manifest_sha256"])) if ended else None
    path = files_of(run).folder / "jobs" / f"{run.job_name}.ended.json"
    try:
        ended = json.loads(_start_of(path))
        return Said(int(ended["code"]), str(ended["manifest_sha256"] or ""))
    except FileNotFoundError:
        require_storage()
        return None
    except (ValueError, LookupError, TypeError):
        return Said(1, "")  # no job of ours writes such; what it has said is in the log


def owner(run: TrainingRun) -> str:
    """Tells which start of its job works on the run; "" before the first. Raises OSError."""
    if store.bucket():
        start = run.job_said.get("start")
        return f"{run.job_name}:{start}" if start else ""
    try:
        text = _start_of(files_of(run).folder / "jobs" / "owner").decode("ascii", "replace")[:200]
    except FileNotFoundError:
        require_storage()
        return ""
    return text if text.startswith(f"{run.job_name}:") else ""


def require_storage() -> None:
    """Raises OSError while the folder of all artifacts is away: an unmounted place would look like a lost run."""
    if store.bucket() is None and not (store.root() / "projects").is_dir():
        raise OSError(f"the storage at {store.root()} is away")


def why_stopped(files: Files) -> str:
    """Says why a job ended before its work was done and goes on in another: it was told to, or has lost a machine."""
    lines = _end_of(files.log).decode("utf-8", "replace").split("\n") if files.log.exists() else []
    last = next((line for line in reversed(lines) if line.strip()), "")
    if last.startswith("error: ") and ASKED not in last:
        return f"Its job ended early: {last.removeprefix('error: ')[:500]}. It goes on from its last checkpoint."
    return "Its job was told to stop, before its time was over perhaps; it goes on from its last checkpoint."


def error(run: TrainingRun) -> str:
    """Says why a job ended that had no time to: the last that it, or its script, has said."""
    output = files_of(run).folder / "jobs" / f"{run.job_name}.out"
    try:
        return child.last_words(_end_of(output), 1)
    except OSError:
        return "The job ended without a word."


def _end_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LARGEST))
        return file.read(LARGEST)


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST)
