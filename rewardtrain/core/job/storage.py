"""What a job asks of the storage, whatever keeps it: a folder that is shared, or a bucket behind the web's door."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from rewardtrain.core.errors import ConfigError, StorageAwayError
from rewardtrain.core.job.names import MANIFEST
from rewardtrain.core.job.spec import Input

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0  # seconds between two tries


class Copying(Protocol):
    """Something here that is copied there again and again."""

    def copy(self, *, last: bool = False) -> None:
        """Copies what is new; with `last` all of it, whatever that costs. Raises OSError, Stopped."""


class Storage(Protocol):
    """Where a job finds what it needs, and its run's folder. What isn't patient raises OSError while it is away.

    All that changes the run's folder raises Stopped, and sets `taken_over`, where the run is another's by now.
    """

    taken_over: threading.Event

    def patiently(self, do: Callable[[], T]) -> T:
        """Does it, and again while the storage is away. Raises what `do` raises else, and StorageAwayError."""

    def description(self) -> bytes:
        """Gives the text that says what the job is to do. Patient."""

    def begin(self) -> None:
        """Takes the run over from whoever worked on it before. Patient. Raises Stopped."""

    def require_ours(self) -> None:
        """Raises Stopped where the run is over, or another's."""

    def bring_back(self, scratch: Path) -> None:
        """Copies here what earlier starts have left, as far as it is whole. Patient."""

    def fetch(self, wanted: Input, to: Path) -> Path:
        """Brings a file here and compares it with its checksum. Patient. Raises ConfigError."""

    def growing(self, source: Path, name: str) -> Copying:
        """Copies a file of lines as they come."""

    def is_same(self, path: Path, name: str) -> bool:
        """Tells whether the file there is just this one."""

    def children(self, name: str) -> list[str]:
        """Lists what a folder of the run has."""

    def put(self, path: Path, name: str) -> None:
        """Copies a file there, which a reader sees whole or not at all."""

    def put_folder(self, folder: Path, name: str, *, last: str) -> None:
        """Copies a folder there in the same way. last: the file that says that all others are there."""

    def remove(self, name: str) -> None:
        """Deletes a folder there."""

    def end(self, code: int, manifest_sha256: str | None) -> None:
        """Says how the job ended. Patient."""

    def ended(self) -> int | None:
        """Gives the exit code that was said last, for who hasn't begun. Raises Stopped where the run is another's."""


def fetch_folder(storage: Storage, wanted: Input, to: Path) -> Path:
    """Brings a folder here by its manifest, and compares all of it. Raises ConfigError, StorageAwayError."""
    to.mkdir(parents=True, exist_ok=True)
    storage.fetch(Input(f"{wanted.name}/{MANIFEST}", wanted.sha256), to / MANIFEST)
    for name, about in json.loads((to / MANIFEST).read_bytes())["files"].items():
        if Path(name).name != name:
            raise ConfigError(f"{wanted.name} names {name!r}, which leads elsewhere")
        storage.fetch(Input(f"{wanted.name}/{name}", about["sha256"]), to / name)
    return to


def fetch_checked(storage: Storage, wanted: Input, copy: Callable[[], str]) -> None:
    """Has a file copied here, patiently, and compares the checksum that `copy` gives. Raises as fetch_folder does."""
    try:
        seen = storage.patiently(copy)
    except FileNotFoundError as error:
        raise ConfigError(f"{wanted.name} is not in the storage: restore it from a backup") from error
    if seen != wanted.sha256:
        raise ConfigError(
            f"{wanted.name} was changed: its sha256 is {seen[:16]}..., not {wanted.sha256[:16]}...; restore it"
        )


def again_and_again(
    do: Callable[[], T], *, patience: float, should_stop: Callable[[], bool], is_there: Callable[[], bool], where: str
) -> T:
    """Does it until it works. Raises StorageAwayError after `patience` seconds, and FileNotFoundError at once where the
    storage is there.

    where: names the storage and what to do, as in "the storage at X; mount it".
    """
    began, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            return do()
        except OSError as error:
            if isinstance(error, FileNotFoundError) and is_there():
                raise
            if should_stop() or time.monotonic() - began > patience:
                name, _, remedy = where.partition("; ")
                raise StorageAwayError(f"{name} is away ({error.strerror or error}); {remedy}") from error
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
