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

from rewardtrain.core.data.encoding import Encoded, Encoder
from rewardtrain.core.data.groups import Group, Message, of_row
from rewardtrain.core.errors import ConfigError

Floats32 = npt.NDArray[np.float32]

INDEX, ROWS, LOCK = "index.bin", "features.bin", "lock"
_NOTES = ("prompt_cut", "completion_cut", "rewritten")
_RECORD = np.dtype([("key", "V32"), ("input", "V32"), *((name, "?") for name in _NOTES)])  # 67 bytes


@dataclass(frozen=True)
class Features:
    """The features of N completions, one after the other, and what had to be done to read them."""

    values: Floats32  # (N, D)
    inputs: Sequence[bytes]  # N times the sha256 of what the network read: equal ones have the same features
    prompt_cut: npt.NDArray[np.bool_]  # (N,)
    completion_cut: npt.NDArray[np.bool_]  # (N,)
    rewritten: npt.NDArray[np.bool_]  # (N,)

    @staticmethod
    def of(values: Floats32, sequences: Sequence[Encoded]) -> "Features":
        """Gives the (N, D) values that a network made of N sequences."""
        notes = [(each.prompt_cut, each.completion_cut, each.rewritten) for each in sequences]
        return Features(
            values,
            [hashlib.sha256(sequence.key).digest() for sequence in sequences],
            *np.array(notes, dtype=bool).reshape(len(sequences), len(_NOTES)).T,
        )

    def inputs_of(self, groups: Sequence[Group]) -> list[list[bytes]]:
        """Lists those of each group's completions."""
        left = iter(self.inputs)
        return [[next(left) for _ in group.completions] for group in groups]

    def counts(self) -> dict[str, int]:
        return {
            "truncated": int((self.prompt_cut | self.completion_cut).sum()),
            "truncated_completions": int(self.completion_cut.sum()),
            "rewritten": int(self.rewritten.sum()),
        }


@dataclass(frozen=True)
class Missing:
    """A completion whose features aren't there yet."""

    key: bytes
    row: str  # the id of a row that has it
    prompt: tuple[Message, ...]
    completion: str

    def encoded(self, encoder: Encoder) -> Encoded:
        """Raises DataError naming the row."""
        with of_row(self.row):
            return encoder.encode(self.prompt, [self.completion])[0]


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
    readers need none. A completion is known by the sha256 of its dialogue and its text. Completions that were one input
    have one row's values, whichever run made them.
    """

    def __init__(self, folder: Path, *, size: int) -> None:
        """size: D, features of a completion. Raises ConfigError where the folder holds other sizes."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._size = folder, size
        self._known: dict[bytes, int] = {}
        self._records = np.zeros(0, dtype=_RECORD)
        self._inputs: dict[bytes, int] = {}
        self._refresh()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, groups: Sequence[Group], make: Make) -> Features:
        """Gives the features of every completion of the groups, in their order; `make` is asked once for those missing.

        What make yields is kept at once, so that a run stopped in the middle has lost little.
        """
        keys = [key for group in groups for key in completion_keys(group)]
        self._refresh()
        missing = self._missing(groups, keys)
        if missing:
            for made in make(missing):
                self._append([missing[place].key for place in made.places], made.features)
        rows = np.fromiter((self._known[key] for key in keys), dtype=np.int64, count=len(keys))
        records = self._records[rows]
        inputs = [each.tobytes() for each in records["input"]]
        return Features(self._map()[rows], inputs, *(records[name] for name in _NOTES))

    def _missing(self, groups: Sequence[Group], keys: list[bytes]) -> list[Missing]:
        if all(key in self._known for key in keys):
            return []
        whose = ((group, completion) for group in groups for completion in group.completions)
        computed = {
            key: Missing(key, group.id, group.prompt, completion)
            for key, (group, completion) in zip(keys, whose, strict=True)
            if key not in self._known
        }
        return list(computed.values())

    def _append(self, keys: list[bytes], features: Features) -> None:
        with self._locked():
            self._refresh()  # another process may have written the same meanwhile
            new = [place for place, key in enumerate(keys) if key not in self._known]
            records = np.zeros(len(new), dtype=_RECORD)
            records["key"] = np.array([keys[place] for place in new], dtype="V32")
            inputs = [features.inputs[place] for place in new]
            records["input"] = np.array(inputs, dtype="V32")
            for name in _NOTES:
                records[name] = getattr(features, name)[new]
            count = len(self._records)
            values = self._as_before(features.values[new].astype(np.float32), inputs)
            _write_at(self._folder / ROWS, count * self._size * 4, values.tobytes())
            _write_at(self._folder / INDEX, count * _RECORD.itemsize, records.tobytes())
            self._refresh()

    def _as_before(self, values: Floats32, inputs: Sequence[bytes]) -> Floats32:
        """Gives the values, with those of inputs that have a row already replaced by that row's."""
        known = [(place, self._inputs[each]) for place, each in enumerate(inputs) if each in self._inputs]
        if known:
            places, rows = zip(*known, strict=True)
            values[list(places)] = self._map()[list(rows)]
        return values

    def _refresh(self) -> None:
        """Read what was added to the index since the last time."""
        path, count = self._folder / INDEX, len(self._records)
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(count * _RECORD.itemsize)
            data = file.read()
        records = np.frombuffer(data[: len(data) // _RECORD.itemsize * _RECORD.itemsize], dtype=_RECORD)
        if not len(records):
            return
        for row, record in enumerate(records, start=count):
            self._known[record["key"].tobytes()] = row
            self._inputs.setdefault(record["input"].tobytes(), row)
        self._records = np.concatenate([self._records, records])

    def _map(self) -> Floats32:
        """Maps (n, D) of all rows, read from the disk only where they are used."""
        count = len(self._records)
        if not count:
            return np.zeros((0, self._size), dtype=np.float32)
        path = self._folder / ROWS
        if path.stat().st_size < count * self._size * 4:
            raise ConfigError(f"{str(path)!r} was cut to {path.stat().st_size} bytes; delete its folder, it is a cache")
        return np.memmap(path, dtype=np.float32, mode="r", shape=(count, self._size))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lets in one writer at a time; the kernel frees the lock of a killed one."""
        with (self._folder / LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def completion_keys(group: Group) -> list[bytes]:
    """Gives the 32 bytes by which each completion of a dialogue is known: sha256 of the dialogue's digest and the
    text."""
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
