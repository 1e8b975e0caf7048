"""How much memory each message of an Arrow file or stream takes once it is unpacked, known before it is: a buffer of a
gigabyte of zeros is packed into some kilobytes.

Read are the few fields of its FlatBuffers that say so: https://arrow.apache.org/docs/format/Columnar.html and
https://flatbuffers.dev/internals. Whatever is not as it should be is a ValueError.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import IO, NamedTuple

from formats.lines import Readable, Unreadable

MOST_OF_A_BATCH = 2**28  # bytes of a batch, and of all dictionaries together
MOST_OF_METADATA = 2**24
_DICTIONARY, _BATCH = 2, 3  # kinds of messages
_CONTINUED = b"\xff\xff\xff\xff"
_MAGIC = b"ARROW1"
_BLOCK = 24  # bytes: offset, length of the metadata, length of the body


class _Table(NamedTuple):
    """A table of a FlatBuffer, whose fields are found by their numbers; one that was left out is None."""

    data: bytes
    place: int

    def number(self, kind: str, place: int) -> int:
        if place < 0:
            raise ValueError("it points outside of itself")
        try:
            return int(struct.unpack_from(f"<{kind}", self.data, place)[0])
        except struct.error as error:
            raise ValueError("it points outside of itself") from error

    def field(self, n: int) -> int | None:
        known = self.place - self.number("i", self.place)
        if 4 + 2 * n >= self.number("H", known):
            return None
        offset = self.number("H", known + 4 + 2 * n)
        return self.place + offset if offset else None

    def value(self, n: int, kind: str) -> int:
        place = self.field(n)
        return 0 if place is None else self.number(kind, place)

    def table(self, n: int) -> _Table | None:
        place = self.field(n)
        return None if place is None else _Table(self.data, place + self.number("I", place))

    def items(self, n: int) -> tuple[int, int]:
        """Gives where a list's items begin, and how many there are."""
        if (place := self.field(n)) is None:
            return 0, 0
        start = place + self.number("I", place)
        return start + 4, self.number("I", start)


def _root(data: bytes) -> _Table:
    return _Table(data, _Table(data, 0).number("I", 0))


class Sizes:
    """Looks at one message after another. Raises Unreadable where one takes too much, dictionaries together."""

    def __init__(self) -> None:
        self._dictionaries: dict[int, int] = {}

    def check(self, metadata: bytes, read_body: Callable[[int, int], bytes]) -> None:
        """read_body: gives so many bytes of the message's body from a place on."""
        message = _root(metadata)
        kind, header = message.value(1, "B"), message.table(2)
        if header is None or kind not in (_DICTIONARY, _BATCH):
            return
        batch = header if kind == _BATCH else header.table(1)
        size = 0 if batch is None else _unpacked(batch, message.value(3, "q"), read_body)
        if kind == _DICTIONARY:
            name, is_more = header.value(0, "q"), bool(header.value(2, "B"))
            self._dictionaries[name] = size + (self._dictionaries.get(name, 0) if is_more else 0)
            size = sum(self._dictionaries.values())
        _check(size)


def _unpacked(batch: _Table, body: int, read_body: Callable[[int, int], bytes]) -> int:
    _check(body)
    if batch.field(3) is None:  # nothing of it is packed
        return body
    total = 0
    start, n = batch.items(2)
    for place in range(start, start + 16 * n, 16):
        offset, length = batch.number("q", place), batch.number("q", place + 8)
        if length:
            size = struct.unpack("<q", read_body(offset, 8).ljust(8, b"\0"))[0]  # -1: it is as it is
            total += length if size < 0 else size
    return total


def _check(size: int) -> None:
    if size < 0:
        raise ValueError("a length is below 0")
    if size > MOST_OF_A_BATCH:
        raise Unreadable("batch_too_large", limit=MOST_OF_A_BATCH // 2**20)


def _framed(prefix: bytes) -> tuple[int, int]:
    """Gives how long a message's prefix is, and its metadata. Before Arrow 0.15 the former was 4 bytes."""
    at = 4 if prefix[:4] == _CONTINUED else 0
    length = int.from_bytes(prefix[at : at + 4], "little", signed=True)
    if not 0 <= length <= MOST_OF_METADATA:
        raise ValueError("a message's metadata has no possible length")
    return at + 4, length


class CheckedStream:
    """A stream of messages, each looked at before anybody gets it: it is held meanwhile, as it was packed."""

    closed = False

    def __init__(self, stream: Readable) -> None:
        self._stream, self._sizes = stream, Sizes()
        self._held, self._place = b"", 0

    def read(self, size: int = -1, /) -> bytes:
        if self._place >= len(self._held):
            self._held, self._place = self._next(), 0
        piece = self._held[self._place :] if size < 0 else self._held[self._place : self._place + size]
        self._place += len(piece)
        return piece

    def _next(self) -> bytes:
        prefix = self._exactly(4)
        if prefix == _CONTINUED:
            prefix += self._exactly(4)
        _, length = _framed(prefix)
        metadata = self._exactly(length)
        if not length or len(metadata) < length:
            return prefix + metadata
        size = _root(metadata).value(3, "q")
        _check(size)
        body = self._exactly(size)
        self._sizes.check(metadata, lambda offset, n: body[max(offset, 0) : max(offset, 0) + n])
        return b"".join((prefix, metadata, body))

    def _exactly(self, size: int) -> bytes:
        """Reads so much, or what there is."""
        pieces = []
        while size > 0 and (piece := self._stream.read(min(size, 2**20))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


class CheckedFile:
    """The messages of an Arrow file, found as its readers find them: by the list at its end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._sizes = file, Sizes()
        end = file.seek(0, os.SEEK_END) - len(_MAGIC) - 4
        length = int.from_bytes(self._at(max(end, 0), 4), "little", signed=True)
        if not 0 < length <= end:
            raise ValueError("it has no end")
        self._footer = _root(self._at(end - length, length))
        self._dictionaries, self._batches = self._footer.items(2), self._footer.items(3)

    def check_dictionaries(self) -> None:
        """Looks at all that a first batch is read with."""
        for n in range(self._dictionaries[1]):
            self._check(self._dictionaries[0] + _BLOCK * n)

    def check_batch(self, n: int) -> None:
        self._check(self._batches[0] + _BLOCK * n)

    def _check(self, block: int) -> None:
        start, length = self._footer.number("q", block), self._footer.number("i", block + 8)
        if start < 0 or not 0 < length <= MOST_OF_METADATA:
            raise ValueError("a message has no possible place")
        framed = self._at(start, length)
        prefix, size = _framed(framed)
        self._sizes.check(framed[prefix : prefix + size], lambda offset, n: self._at(start + length + offset, n))

    def _at(self, place: int, size: int) -> bytes:
        self._file.seek(max(place, 0))
        pieces = []
        while size > 0 and (piece := self._file.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)
