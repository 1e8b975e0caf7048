"""What a frozen backbone made of every completion it has read, kept on disk. No torch."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rewardtrain.core.data.groups import Group, Message
from rewardtrain.core.errors import ConfigError

Floats32 = npt.NDArray[np.float32]

INDEX, ROWS, LOCK = "index.bin", "features.bin", "lock"
_RECORD = np.dtype([("key", "V32"), ("prompt_cut", "?"), ("completion_cut", "?")])  # 34 bytes


@dataclass(frozen=True)
class Features:
    """The features of the completions of some groups, one after the other, and which had to be cut to be read."""

    values: Floats32  # (N, D)
    prompt_cut: npt.NDArray[np.bool_]  # (N,)
    completion_cut: npt.NDArray[np.bool_]  # (N,)


@dataclass(frozen=True)
class Missing:
    """A completion whose features aren't there yet."""

    key: bytes
    prompt: tuple[Message, ...]
    completion: str


@dataclass(frozen=True)
class Made:
    """The features of some missing completions: `places` says which."""

    places: list[int]  # (n,)
    features: Features


Make = Callable[[list[Missing]], Iterable[Made]]


class FeatureStore:
    """Features of one reading of one backbone: a file of float32 rows and an index of whose they are.

    Both files are only ever appended to, the index after the rows, so that a process killed while it writes leaves rows
    that nothing names, or a part of an index record, and the next writer goes over them. Writers take turns by a lock;
    readers need none. A completion is known by the sha256 of its dialogue and its text.
    """

    def __init__(self, folder: Path, *, size: int) -> None:
        """size: D, features of a completion. Raises ConfigError where the folder holds other sizes."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._size = folder, size
        self._known: dict[bytes, int] = {}
        self._cut = np.zeros((0, 2), dtype=bool)
        self._refresh()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, groups: Sequence[Group], make: Make) -> Features:
        """The features of every completion of the groups, in their order; `make` is asked once for those missing.

        What make yields is kept at once, so that a run stopped in the middle has lost little.
        """
        keys = [key for group in groups for key in completion_keys(group)]
        self._refresh()
        missing = self._missing(groups, keys)
        if missing:
            for made in make(missing):
                self._append([missing[place].key for place in made.places], made.features)
        rows = np.fromiter((self._known[key] for key in keys), dtype=np.int64, count=len(keys))
        return Features(self._map()[rows], self._cut[rows, 0], self._cut[rows, 1])

    def _missing(self, groups: Sequence[Group], keys: list[bytes]) -> list[Missing]:
        if all(key in self._known for key in keys):
            return []
        whose = ((group.prompt, completion) for group in groups for completion in group.completions)
        found = {
            key: Missing(key, prompt, completion)
            for key, (prompt, completion) in zip(keys, whose, strict=True)
            if key not in self._known
        }
        return list(found.values())

    def _append(self, keys: list[bytes], features: Features) -> None:
        with self._locked():
            self._refresh()  # another process may have written the same meanwhile
            new = [place for place, key in enumerate(keys) if key not in self._known]
            records = np.zeros(len(new), dtype=_RECORD)
            records["key"] = np.array([keys[place] for place in new], dtype="V32")
            records["prompt_cut"] = features.prompt_cut[new]
            records["completion_cut"] = features.completion_cut[new]
            count = len(self._cut)
            _write_at(self._folder / ROWS, count * self._size * 4, features.values[new].astype(np.float32).tobytes())
            _write_at(self._folder / INDEX, count * _RECORD.itemsize, records.tobytes())
            self._refresh()

    def _refresh(self) -> None:
        """Read what was added to the index since the last time."""
        path, count = self._folder / INDEX, len(self._cut)
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(count * _RECORD.itemsize)
            data = file.read()
        records = np.frombuffer(data[: len(data) // _RECORD.itemsize * _RECORD.itemsize], dtype=_RECORD)
        if not len(records):
            return
        keys = records["key"].tobytes()
        self._known.update((keys[32 * row : 32 * row + 32], count + row) for row in range(len(records)))
        self._cut = np.concatenate([self._cut, np.stack([records["prompt_cut"], records["completion_cut"]], axis=1)])

    def _map(self) -> Floats32:
        """(n, D) of all rows, read from the disk only where they are used."""
        count = len(self._cut)
        if not count:
            return np.zeros((0, self._size), dtype=np.float32)
        path = self._folder / ROWS
        if path.stat().st_size < count * self._size * 4:
            raise ConfigError(f"{str(path)!r} was cut to {path.stat().st_size} bytes; delete its folder, it is a cache")
        return np.memmap(path, dtype=np.float32, mode="r", shape=(count, self._size))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; the kernel frees the lock of a killed one."""
        with (self._folder / LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def completion_keys(group: Group) -> list[bytes]:
    """The 32 bytes by which each completion of a dialogue is known: sha256 of the dialogue's digest and the text."""
    head = hashlib.sha256(group.prompt_digest)
    keys = []
    for completion in group.completions:
        whole = head.copy()
        whole.update(completion.encode("utf-8", "surrogatepass"))
        keys.append(whole.digest())
    return keys


def _write_at(path: Path, place: int, data: bytes) -> None:
    """Write at a place, over what a killed process may have left there, and see it safely on the disk."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(place)
        file.seek(place)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
