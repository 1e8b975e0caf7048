"""What a job says while it works, copied into the storage: lines as they come, checkpoints as they are whole.

Each in a thread of its own. While the storage is away they try again, and the training goes on.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from rewardtrain.core.errors import CoreError
from rewardtrain.core.job.names import whole_folders
from rewardtrain.core.job.storage import Copying, Storage

TICK_SECONDS = 1.0


class Lines:
    """The run's files of lines: copied while the run is ours."""

    def __init__(self, storage: Storage, files: Sequence[Copying]) -> None:
        self._storage, self._files = storage, files
        self._copying = threading.Lock()

    def copy(self, *, last: bool = False) -> None:
        with self._copying:
            self._storage.require_ours()
            for file in self._files:
                file.copy(last=last)


class Checkpoints:
    """The whole checkpoints here, and their copies. Oldest first: the newest may name an older one as the best."""

    def __init__(self, here: Path, storage: Storage, name: str, *, info: str, lines: Copying) -> None:
        self._here, self._storage, self._name, self._info = here, storage, name, info
        self._lines = lines  # who goes on from a checkpoint keeps the lines before it, so they are there first

    def copy(self, *, last: bool = False) -> None:
        """Copies what is new, then deletes there what is gone here. Raises OSError."""
        whole = whole_folders(self._here, self._info)
        for folder in whole:
            try:  # a step may be saved again when it was validated
                if not self._storage.is_same(folder / self._info, f"{self._name}/{folder.name}/{self._info}"):
                    self._lines.copy(last=True)
                    self._storage.put_folder(folder, f"{self._name}/{folder.name}", last=self._info)
            except FileNotFoundError:
                if folder.is_dir():
                    raise
                return  # it made room for a newer one while it was copied
        names = {folder.name for folder in whole}
        for old in self._storage.children(self._name) if whole else ():
            if old not in names:
                self._storage.remove(f"{self._name}/{old}")


class Publisher:
    """Has each of these copied again and again in a thread of its own, until close()."""

    def __init__(self, copies: Sequence[Copying], *, tell: Callable[[str], None]) -> None:
        self._copies, self._tell = copies, tell
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(copy,), daemon=True) for copy in copies]
        for thread in self._threads:
            thread.start()

    def _repeat(self, copying: Copying) -> None:
        is_away = False
        while not self._over.wait(TICK_SECONDS):
            try:
                copying.copy()
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
        for copying in self._copies:
            patiently(lambda copying=copying: copying.copy(last=True))  # type: ignore[misc]

    def stop(self) -> None:
        """Copies no more."""
        self._over.set()
        for thread in self._threads:
            thread.join()
