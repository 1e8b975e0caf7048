"""Several files that lie in one, one behind the other: read as one file, their records numbered through."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from formats.files.opening import open_records
from formats.files.records import Record, Records, Seekable, Tally, at_most
from formats.lines import MAX_FILE, MAX_LINES, Unreadable


@dataclass(frozen=True)
class Part:
    """size: bytes."""

    name: str
    size: int


def open_parts(
    stream: Seekable, parts: Sequence[Part], *, max_bytes: int = MAX_FILE, max_records: int = MAX_LINES
) -> Records:
    """Gives the records of all parts. The limits are of them together, as if they were one file.

    Raises Unreadable, now or then, with the name of the part among its values.
    """
    unpacked, at = Tally(), 0
    places = []
    for part in parts:
        places.append((part, at))
        at += part.size
    first = _open(stream, *places[0], max_bytes, Tally())  # says what it is, and is opened again to be read
    every = _records(stream, places, max_bytes, unpacked)
    return Records(f"{len(parts)} × {_kind(first, parts)}", at_most(every, max_records), unit="row")


def _records(stream: Seekable, places: Sequence[tuple[Part, int]], max_bytes: int, unpacked: Tally) -> Iterator[Record]:
    before = 0
    for part, at in places:
        number = 0
        try:
            for number, value, size in _open(stream, part, at, max_bytes, unpacked):
                yield Record(before + number, value, size)
        except Unreadable as error:
            error.values["part"] = part.name
            raise
        before += number


def _open(stream: Seekable, part: Part, at: int, max_bytes: int, unpacked: Tally) -> Records:
    try:
        return open_records(Window(stream, at, part.size), part.name, max_bytes=max_bytes, unpacked=unpacked)
    except Unreadable as error:
        error.values["part"] = part.name
        raise


def _kind(first: Records, parts: Sequence[Part]) -> str:
    """Names what they are as in any language: as the first, or by the ends of their names where these differ."""
    ends = sorted({re.sub(r"^.*?((\.[A-Za-z]+){1,2})$", r"\1", part.name).lower() for part in parts})
    return first.container if len(ends) == 1 else ", ".join(ends)


class Window:
    """A part of a file, as a file of its own that can be read in any order."""

    def __init__(self, stream: Seekable, start: int, size: int) -> None:
        self._stream, self._start, self._size, self._at = stream, start, size, 0

    def read(self, size: int = -1, /) -> bytes:
        left = max(self._size - self._at, 0)
        self._stream.seek(self._start + self._at)
        piece = self._stream.read(left if size < 0 else min(size, left))
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._at = max({os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence] + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    @property
    def closed(self) -> bool:
        return False
