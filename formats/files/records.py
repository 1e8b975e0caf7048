"""Records: what a file holds, one at a time, and what the file is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from formats.lines import BYTES_AT_ONCE, Readable, Unreadable


class Record(NamedTuple):
    number: int  # the line, or the row where a file has no lines; from 1
    value: object  # a formats.refusals.Refused where this one is bad; the next may be good
    size: int = 0  # bytes or characters, about


@dataclass(frozen=True)
class Records:
    """An open file. Iterating raises formats.lines.Unreadable where it can't be read on."""

    format: str  # a name that people know: JSON Lines
    records: Iterator[Record]
    packing: str = ""  # gzip or zstd
    unit: str = "line"  # what a record's number counts: line or row
    layout: str = ""  # how the records are laid out, in a name that people know; empty where nobody looked
    has_prompts_in_parts: bool = False  # a prompt may be in several records, each with other rankings of it

    @property
    def container(self) -> str:
        """Says what the file is, in names that are the same in any language: JSON Lines (gzip)."""
        return f"{self.format} ({self.packing})" if self.packing else self.format

    def numbered(self) -> Iterator[tuple[int, object]]:
        """Yields what formats.layouts read: number and value."""
        return ((record.number, record.value) for record in self.records)

    def __iter__(self) -> Iterator[Record]:
        return self.records


@runtime_checkable
class Seekable(Protocol):
    """A file, which can be read in any order."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, whence: int = ..., /) -> int | None: ...

    def tell(self) -> int: ...

    def seekable(self) -> bool: ...


class Peeked:
    """A stream whose beginning was looked at and is still read."""

    def __init__(self, stream: Readable, *, most: int = BYTES_AT_ONCE) -> None:
        pieces, size = [], 0
        self._error: Unreadable | None = None  # raised where it stands in the stream, behind what was read before it
        try:
            while size < most and (piece := stream.read(most)):
                pieces.append(piece)
                size += len(piece)
        except Unreadable as error:
            if not pieces:
                raise
            self._error = error
        self.head = self._unread = b"".join(pieces)
        self.is_whole = size < most  # the head is all that there is
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        if self._unread:
            piece, self._unread = self._unread[:size], self._unread[size:]
            return piece
        if self._error is not None:
            raise self._error
        return self._stream.read(size)


@dataclass
class Tally:
    """Bytes that came out of one stream, or of several that are bounded together."""

    bytes: int = 0


class Bounded:
    """A stream that says when more comes out of it than anybody sends on purpose."""

    def __init__(
        self, stream: Readable, *, max_bytes: int | None, code: str = "file_too_large", tally: Tally | None = None
    ) -> None:
        self._stream, self._max_bytes, self._code = stream, max_bytes, code
        self._tally = tally or Tally()

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        self._tally.bytes += len(piece)
        if self._max_bytes is not None and self._tally.bytes > self._max_bytes:
            raise Unreadable(self._code, limit=gibibytes(self._max_bytes))
        return piece


def gibibytes(n: int) -> float:
    """Gives a size as a limit is said: whole where it is."""
    return n // 2**30 if n % 2**30 == 0 else n / 2**30


def at_most(records: Iterator[Record], most: int | None) -> Iterator[Record]:
    """Yields records up to a number of them. Raises Unreadable at the next."""
    for n, record in enumerate(records, start=1):
        if most is not None and n > most:
            raise Unreadable("too_many_rows", limit=most)
        yield record
