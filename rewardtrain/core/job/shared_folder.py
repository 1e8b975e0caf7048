"""The storage as a job sees it: a folder that the web's machines and the cluster's nodes share.

A run's folder is made before its job is submitted and never by the job: where it isn't, the storage is away (an
unmounted place is an empty folder), and what would be written there would be lost.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from rewardtrain.core.errors import ConfigError, DiskFullError, StorageAwayError, from_exception
from rewardtrain.core.job.spec import Input

T = TypeVar("T")

MANIFEST = "manifest.json"
PIECE = 2**20  # bytes
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0  # seconds between two tries


class SharedFolder:
    """Reads what a job needs, and writes into its run's folder. patience: seconds it may be away for."""

    def __init__(self, root: Path, run: str, *, patience: float, should_stop: Callable[[], bool]) -> None:
        self.root, self.run = root, root / run
        self.before_change: Callable[[], None] = lambda: None  # raises where the run's folder is not ours any more
        self._patience, self._should_stop = patience, should_stop

    def patiently(self, do: Callable[[], T]) -> T:
        """Does it, and again where the storage is away. Raises what `do` raises while the storage is there, and
        StorageAwayError."""
        began, pause = time.monotonic(), FIRST_PAUSE
        while True:
            try:
                return do()
            except OSError as error:
                there = self.run.is_dir()
                if there and isinstance(error, FileNotFoundError):
                    raise
                if self._should_stop() or time.monotonic() - began > self._patience:
                    raise StorageAwayError(
                        f"the storage at {str(self.root)!r} is away ({error.strerror}); mount it on this node"
                    ) from error
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def fetch(self, wanted: Input, to: Path) -> Path:
        """Brings a file here and compares it with its checksum. Raises ConfigError, StorageAwayError."""
        try:
            seen = self.patiently(lambda: copy_here(self.root / wanted.name, to))
        except FileNotFoundError as error:
            raise ConfigError(f"{wanted.name} is not in the storage: restore it from a backup") from error
        if seen != wanted.sha256:
            raise ConfigError(
                f"{wanted.name} was changed: its sha256 is {seen[:16]}..., not {wanted.sha256[:16]}...; restore it"
            )
        return to

    def fetch_folder(self, wanted: Input, to: Path) -> Path:
        """Does the same with a folder, by its manifest."""
        to.mkdir(parents=True, exist_ok=True)
        self.fetch(Input(f"{wanted.name}/{MANIFEST}", wanted.sha256), to / MANIFEST)
        for name, about in json.loads((to / MANIFEST).read_bytes())["files"].items():
            if Path(name).name != name:
                raise ConfigError(f"{wanted.name} names {name!r}, which leads elsewhere")
            self.fetch(Input(f"{wanted.name}/{name}", about["sha256"]), to / name)
        return to

    # --- The run's folder -------------------------------------------------------------------------------------------

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
        """Copies a file there in the same way."""
        part = self.part(name)
        copy_file(path, part)
        self._make_visible(part, name)

    def put_folder(self, folder: Path, name: str, *, last: str) -> None:
        """Copies a folder there, which is then there whole; the file `last` is copied last. Raises OSError."""
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
