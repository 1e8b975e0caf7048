"""What a job says while it works, copied into the storage: lines as they come, checkpoints as they are whole.

Each in a thread of its own. While the storage is away they try again, and the training goes on.
"""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from rewardtrain.core.errors import CoreError
from rewardtrain.core.job.shared_folder import SharedFolder

TICK_SECONDS = 1.0
_END = 64  # bytes by which a file that was cut and has grown again is told from one that only grew


class GrowingFile:
    """A file that grows here, and its copy in the storage behind the first `base` bytes that are there already."""

    def __init__(self, source: Path, storage: SharedFolder, name: str, *, base: int) -> None:
        self._source, self._storage, self._name, self._base = source, storage, name, base
        self._copied, self._end = 0, b""

    def copy(self) -> None:
        """Copies what is new. Raises OSError."""
        try:
            file = self._source.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._copied - len(self._end))
            if file.read(len(self._end)) != self._end:  # a training that goes on cuts what followed its checkpoint
                self._copied, self._end = file.seek(0), b""
            added = file.read()
        if added:
            self._write(added)
            self._copied += len(added)
            self._end = (self._end + added)[-_END:]

    def _write(self, added: bytes) -> None:
        self._storage.require()
        path = self._storage.run / self._name
        path.parent.mkdir(exist_ok=True)
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(self._base + self._copied)  # what a try that broke off has left
            file.seek(self._base + self._copied)
            file.write(added)


class Checkpoints:
    """The whole checkpoints here, and their copies. Oldest first: the newest may name an older one as the best."""

    def __init__(self, here: Path, storage: SharedFolder, name: str, *, info: str) -> None:
        self._here, self._storage, self._name, self._info = here, storage, name, info

    def copy(self) -> None:
        """Copies what is new, then deletes there what is gone here. Raises OSError."""
        whole = whole_folders(self._here, self._info)
        there = self._storage.run / self._name
        for folder in whole:
            if not _is_same(folder / self._info, there / folder.name / self._info):
                try:
                    self._storage.put_folder(folder, f"{self._name}/{folder.name}", last=self._info)
                except FileNotFoundError:
                    if folder.is_dir():
                        raise
                    return  # it made room for a newer one while it was copied
        names = {folder.name for folder in whole}
        if whole:
            for old in there.iterdir():
                if old.name not in names:
                    shutil.rmtree(old, ignore_errors=True)


def _is_same(here: Path, there: Path) -> bool:
    """Tells whether the copy is of just this checkpoint: a step may be saved again when it was validated."""
    try:
        return here.read_bytes() == there.read_bytes()
    except FileNotFoundError:
        return False


def whole_folders(root: Path, info: str) -> list[Path]:
    """Lists the whole checkpoints in the order of their steps."""
    found = [path for path in root.glob("step-*") if path.name[5:].isdecimal() and (path / info).is_file()]
    return sorted(found, key=lambda path: int(path.name[5:]))


class Publisher:
    """Calls each of these again and again in a thread of its own, until close()."""

    def __init__(self, copies: list[Callable[[], None]], *, tell: Callable[[str], None]) -> None:
        self._copies, self._tell = copies, tell
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(copy,), daemon=True) for copy in copies]
        for thread in self._threads:
            thread.start()

    def _repeat(self, copy: Callable[[], None]) -> None:
        is_away = False
        while not self._over.wait(TICK_SECONDS):
            try:
                copy()
                is_away = False
            except CoreError:  # the run is not ours any more: the job has been told by the same that told us
                return
            except OSError as error:
                if not is_away:
                    self._tell(f"the storage can't be written ({error}); the training goes on")
                is_away = True

    def close(self, patiently: Callable[[Callable[[], None]], None]) -> None:
        """Copies the rest. Raises what `patiently` raises."""
        self.stop()
        for copy in self._copies:
            patiently(copy)

    def stop(self) -> None:
        """Copies no more."""
        self._over.set()
        for thread in self._threads:
            thread.join()
