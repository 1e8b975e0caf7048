"""Copies of artifacts on this machine, for what is kept elsewhere: made once, by one process at a time, found by all.

    kept/NAME       whole copies: they come by a rename and go by one
    content/SHA256  the files of folders, which the folders hold by links: heads share their backbone's file
    locks/NAME      who uses it holds it shared, who makes or drops it alone; its time is that of the last use
    parts/ trash/   what is being made or dropped, of no use after a kill

The last used longest ago go where all are larger than they may be; never one that is held or was asked for just now.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

GRACE_SECONDS = 600.0  # who was given a path opens it, or holds it, long before
_FETCHES = ".fetches"  # a lock that is held shared while anything is made, and alone while anything is dropped

_holds: ContextVar[dict[str, int] | None] = ContextVar("holds", default=None)


@contextmanager
def held() -> Iterator[None]:
    """Keeps each copy that is asked for in the block until its end. What another thread is to ask for belongs into it
    by contextvars.copy_context()."""
    if _holds.get() is not None:
        yield
        return
    holds: dict[str, int] = {}
    token = _holds.set(holds)
    try:
        yield
    finally:
        _holds.reset(token)
        for number in holds.values():
            os.close(number)


class Copies:
    """The copies in a folder."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, most_bytes

    def place(self, name: str) -> Path:
        """Gives the path that a copy has, whether it is there or not."""
        return self.folder / "kept" / name

    def get(self, name: str, make: Callable[[Path], None]) -> Path:
        """Gives the copy, made by `make` at the path that it is given where there is none."""
        while not self._use(name):
            self._make(name, make)
        return self.place(name)

    def content(self, sha256: str, make: Callable[[Path], None]) -> Path:
        """Gives the file of this checksum, for a folder in the making to link to."""
        path = self.folder / "content" / sha256
        with self._locked(f"content={sha256}", fcntl.LOCK_EX):
            if not path.exists():
                part = self._part(sha256)
                make(part)
                _rename(part, path)
        return path

    def remove_below(self, folder: str) -> None:
        """Drops the copies whose names begin so, but for one that is held: that goes when room is made."""
        if not self.folder.is_dir():
            return
        for _used, name in self._by_use():
            if name.startswith(f"{folder}/"):
                self._drop(name)

    def remove(self, name: str) -> None:
        """Drops a copy, but for one that is held: that goes when room is made."""
        if self.place(name).exists():
            self._drop(name)

    def make_room(self) -> None:
        """Drops copies where all are too large. While one is being made it is left to that one's end."""
        with contextlib.suppress(BlockingIOError), self._locked(_FETCHES, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for left in ("parts", "trash"):
                shutil.rmtree(self.folder / left, ignore_errors=True)
            total = sum(_sizes(self.folder).values())
            for used, name in self._by_use():
                if total <= self.most_bytes or used > time.time() - GRACE_SECONDS:
                    break
                if self._drop(name, used):
                    total = sum(_sizes(self.folder).values())

    # --- One copy ---------------------------------------------------------------------------------------------------

    def _use(self, name: str) -> bool:
        """Notes the use, and holds it where the caller does. False where it isn't there."""
        lock = self._open(name)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            is_there = self.place(name).exists()
            holds = _holds.get()
            before = holds.pop(name, None) if holds is not None else None
            if before is not None:
                os.close(before)
            if is_there:
                os.utime(lock)
                if holds is not None:
                    holds[name], lock = lock, -1
            return is_there
        finally:
            if lock >= 0:
                os.close(lock)

    def _make(self, name: str, make: Callable[[Path], None]) -> None:
        with self._locked(name, fcntl.LOCK_EX):
            if self.place(name).exists():
                return
            with self._locked(_FETCHES, fcntl.LOCK_SH):
                part = self._part(name.replace("/", "="))
                make(part)
                _rename(part, self.place(name))
                os.utime(self._lock(name))
        self.make_room()

    def _drop(self, name: str, used: float | None = None) -> bool:
        """Drops it, unless it is held, or was used since then."""
        try:
            with self._locked(name, fcntl.LOCK_EX | fcntl.LOCK_NB):
                if used not in (None, self._lock(name).stat().st_mtime) or not self.place(name).exists():
                    return False
                trash = self.folder / "trash" / name.replace("/", "=")
                _rename(self.place(name), trash)
        except BlockingIOError:
            return False
        shutil.rmtree(trash.parent)
        for file in (self.folder / "content").glob("*"):
            if file.stat().st_nlink == 1:  # no folder has it any more
                file.unlink()
        return True

    def _by_use(self) -> list[tuple[float, str]]:
        found = [(path.stat().st_mtime, path.name.replace("=", "/")) for path in (self.folder / "locks").iterdir()]
        return sorted(each for each in found if self.place(each[1]).exists())

    def _part(self, name: str) -> Path:
        part = self.folder / "parts" / name
        part.parent.mkdir(parents=True, exist_ok=True)
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)
        return part

    # --- Locks ------------------------------------------------------------------------------------------------------

    def _lock(self, name: str) -> Path:
        return self.folder / "locks" / name.replace("/", "=")

    def _open(self, name: str) -> int:
        path = self._lock(name)
        if not path.parent.is_dir():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        """Raises BlockingIOError, where it doesn't wait."""
        lock = self._open(name)
        try:
            fcntl.flock(lock, how)
            yield
        finally:
            os.close(lock)


def _rename(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, to)


def _sizes(folder: Path) -> dict[tuple[int, int], int]:
    """Gives the bytes of all files by device and inode: several links to one file take its room once."""
    sizes = {}
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                about = os.stat(os.path.join(path, name))
                sizes[about.st_dev, about.st_ino] = about.st_size
    return sizes
