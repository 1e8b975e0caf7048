"""A file of lines that grows here, and its copy in a shared folder, to which only what is new is added."""

from pathlib import Path
from typing import Protocol

_END = 64  # bytes by which a file that was cut and has grown again is told from one that only grew


class Folder(Protocol):
    """The run's folder. require: raises OSError while it is away."""

    @property
    def run(self) -> Path: ...

    def require(self) -> None: ...


class GrowingFile:
    """A file that grows here, and its copy in the storage behind the first `base` bytes that are there already."""

    def __init__(self, source: Path, storage: Folder, name: str, *, base: int) -> None:
        self._source, self._storage, self._name, self._base = source, storage, name, base
        self._copied, self._end = 0, b""

    def copy(self, *, last: bool = False) -> None:
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
