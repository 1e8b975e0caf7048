"""The storage as a job sees it: a folder that the web's machines and the cluster's nodes share.

A run's folder is made before its job is submitted and never by the job: where it isn't, the storage is away (an
unmounted place is an empty folder), and what would be written there would be lost.
"""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from rewardtrain.core.errors import DiskFullError, Stopped, from_exception
from rewardtrain.core.job import storage
from rewardtrain.core.job.growing_file import GrowingFile
from rewardtrain.core.job.names import (
    CHECKPOINTS,
    CURRENT,
    INFO,
    LOG,
    MANIFEST,
    METRICS,
    MODEL,
    OWNER,
    REPORT,
    whole_folders,
)
from rewardtrain.core.job.spec import Input

T = TypeVar("T")

PIECE = 2**20  # bytes


class SharedFolder:
    """Reads what a job needs, and writes into its run's folder: see Storage for what each does.

    run: its folder below `root`. name: the job's; spec: its description, below `root` too. patience: seconds that it
    may be away for.
    """

    def __init__(
        self, root: Path, run: str, *, name: str = "", spec: str = "", patience: float, should_stop: Callable[[], bool]
    ) -> None:
        self.root, self.run = root, root / run
        self.taken_over = threading.Event()
        self.before_change: Callable[[], None] = lambda: None  # raises where the run's folder is not ours any more
        self._name, self._spec, self._owner, self._log_base = name, root / spec, b"", 0
        self._patience, self._should_stop = patience, should_stop

    def patiently(self, do: Callable[[], T]) -> T:
        return storage.again_and_again(
            do,
            patience=self._patience,
            should_stop=self._should_stop,
            is_there=self.run.is_dir,
            where=f"the storage at {str(self.root)!r}; mount it on this node",
        )

    def fetch(self, wanted: Input, to: Path) -> Path:
        storage.fetch_checked(self, wanted, lambda: copy_here(self.root / wanted.name, to))
        return to

    # --- Whose the run is -------------------------------------------------------------------------------------------

    def description(self) -> bytes:
        return self.patiently(self._spec.read_bytes)

    def begin(self) -> None:
        self.patiently(self._require_current)
        self._owner = f"{self._name}:{uuid4().hex}".encode()
        self.patiently(lambda: self.write(OWNER, self._owner))
        self.before_change = self.require_ours
        self.patiently(lambda: self._ended().unlink(missing_ok=True))
        self._log_base = self.patiently(self._log_size)

    def _ended(self) -> Path:
        return self.run / f"jobs/{self._name}.ended.json"

    def _log_size(self) -> int:
        self.require()
        log = self.run / LOG
        return log.stat().st_size if log.exists() else 0

    def _require_current(self) -> None:
        if self.read(CURRENT) != self._name.encode():
            self.taken_over.set()
            raise Stopped("the run is over, or another job has it")

    def require_ours(self) -> None:
        self._require_current()
        if self.read(OWNER) != self._owner:
            self.taken_over.set()
            raise Stopped("another start of this job has the run")

    def bring_back(self, scratch: Path) -> None:
        self.patiently(lambda: self._bring_back(scratch))

    def _bring_back(self, scratch: Path) -> None:
        self.require()
        for folder in whole_folders(self.run / CHECKPOINTS, INFO):
            _copy_folder(folder, scratch / CHECKPOINTS / folder.name)
        if (self.run / MODEL / MANIFEST).is_file() and (self.run / REPORT).is_file():
            _copy_folder(self.run / MODEL, scratch / MODEL)
            copy_here(self.run / REPORT, scratch / REPORT)
        if (self.run / METRICS).is_file():
            copy_here(self.run / METRICS, scratch / METRICS)

    def end(self, code: int, manifest_sha256: str | None) -> None:
        ended = json.dumps({"code": code, "manifest_sha256": manifest_sha256}).encode()
        self.patiently(lambda: self.write(f"jobs/{self._name}.ended.json", ended))

    def ended(self) -> int | None:
        said = self.read(f"jobs/{self._name}.ended.json")
        if said is None:
            self._require_current()
            return None
        return int(json.loads(said)["code"])

    # --- The run's folder -------------------------------------------------------------------------------------------

    def growing(self, source: Path, name: str) -> GrowingFile:
        return GrowingFile(source, self, name, base=self._log_base if name == LOG else 0)

    def is_same(self, path: Path, name: str) -> bool:
        return self.read(name) == path.read_bytes()

    def children(self, name: str) -> list[str]:
        self.require()
        return [path.name for path in (self.run / name).iterdir()] if (self.run / name).is_dir() else []

    def remove(self, name: str) -> None:
        self.before_change()
        shutil.rmtree(self.run / name, ignore_errors=True)

    def read(self, name: str) -> bytes | None:
        """Reads a small file; None where there is none. Raises OSError while the storage is away."""
        try:
            return (self.run / name).read_bytes()
        except FileNotFoundError:
            self.require()
            return None

    def require(self) -> None:
        """Raises OSError while the storage is away."""
        if not self.run.is_dir():
            raise OSError(f"{str(self.run)!r} is not there")

    def write(self, name: str, value: bytes) -> None:
        """Writes a file that a reader sees whole or not at all. Raises OSError."""
        part = self.part(name)
        with part.open("wb") as file:
            file.write(value)
            file.flush()
            os.fsync(file.fileno())
        self._make_visible(part, name)

    def put(self, path: Path, name: str) -> None:
        part = self.part(name)
        copy_file(path, part)
        self._make_visible(part, name)

    def put_folder(self, folder: Path, name: str, *, last: str) -> None:
        part = self.part(name)
        part.mkdir()
        try:
            for path in sorted(folder.iterdir(), key=lambda path: path.name == last):
                copy_file(path, part / path.name)
            self.before_change()
            shutil.rmtree(self.run / name, ignore_errors=True)
            os.rename(part, self.run / name)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _make_visible(self, part: Path, name: str) -> None:
        try:
            self.before_change()
            os.replace(part, self.run / name)
        finally:
            part.unlink(missing_ok=True)

    def part(self, name: str) -> Path:
        """Names what is being written, beside where it will be."""
        self.require()
        target = self.run / name
        for folder in reversed(target.relative_to(self.run).parents):
            (self.run / folder).mkdir(exist_ok=True)
        return target.with_name(f".part-{uuid4().hex}")


def copy_here(source: Path, to: Path) -> str:
    """Does what copy_file does. Raises DiskFullError where this node has no room: to wait makes none."""
    try:
        return copy_file(source, to)
    except OSError as error:
        if isinstance(known := from_exception(error), DiskFullError):
            raise known from error
        raise


def copy_file(source: Path, to: Path) -> str:
    """Copies it to the disk and gives its sha256. Raises OSError."""
    digest = hashlib.sha256()
    with source.open("rb") as read, to.open("wb") as written:
        while piece := read.read(PIECE):
            digest.update(piece)
            written.write(piece)
        written.flush()
        os.fsync(written.fileno())
    return digest.hexdigest()


def _copy_folder(source: Path, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        copy_here(path, to / path.name)
