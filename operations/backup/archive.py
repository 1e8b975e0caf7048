"""The file of a backup: a tar in zstd, written and read as a stream, a piece in memory at a time.

Names are never followed into the file system here, and of a tar only plain files are read: no links, and no headers
that say how long the next header is.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

import pyarrow as pa

from operations.backup.errors import BrokenBackup

BLOCK = 512
PIECE = 2**20
MOST_MEMBERS = 400_000
SUM = "sha256"  # the last file: the checksum of all before it, headers and what fills the blocks included
_GNU_FROM = 8 * 2**30  # bytes that the plain header's field can't say
_UNSAFE = re.compile(r"[\0-\x1f\x7f\\]")


Opened = tuple[str, int, Iterator[bytes]]  # name, size, what is in it


@dataclass(frozen=True)
class Member:
    """What is known of a file once it was read or written."""

    bytes: int
    sha256: str


class _StaysOpen:
    """Hands to pyarrow what is not pyarrow's to close."""

    closed = False

    def __init__(self, file: IO[bytes], moved: Callable[[int], None]) -> None:
        self.file, self.moved = file, moved

    def write(self, data: Any) -> int:
        return self.file.write(data)

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.moved(len(data))
        return data

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.closed = True


class Writer:
    def __init__(self, file: IO[bytes]) -> None:
        self._packed = pa.CompressedOutputStream(pa.PythonFile(_StaysOpen(file, lambda n: None), "w"), "zstd")
        self._sum = hashlib.sha256()
        self.members: dict[str, Member] = {}

    def add(self, name: str, data: bytes) -> Member:
        return self.add_pieces(name, len(data), iter((data,)))

    def add_pieces(self, name: str, size: int, pieces: Iterator[bytes]) -> Member:
        """Writes a file of this size. Raises ValueError for a name that is too long, and OSError."""
        self._write(header(name, size))
        digest, written = hashlib.sha256(), 0
        for piece in pieces:
            digest.update(piece)
            written += len(piece)
            self._write(piece)
        if written != size:
            raise OSError(f"{name} had {size} bytes, and {written} could be read")
        self._write(bytes(-size % BLOCK))
        self.members[name] = member = Member(size, digest.hexdigest())
        return member

    def close(self) -> None:
        said = self._sum.hexdigest().encode()
        self._write(header(SUM, len(said)) + said + bytes(-len(said) % BLOCK) + bytes(2 * BLOCK))
        self._packed.close()

    def _write(self, data: bytes) -> None:
        self._sum.update(data)
        self._packed.write(data)


class Reader:
    """Gives the files of an archive in their order, each to be read before the next."""

    def __init__(self, file: IO[bytes], moved: Callable[[int], None] = lambda n: None) -> None:
        self._packed = pa.CompressedInputStream(pa.PythonFile(_StaysOpen(file, moved), "r"), "zstd")
        self._sum = hashlib.sha256()
        self.members: dict[str, Member] = {}

    def __iter__(self) -> Iterator[Opened]:
        """Yields name, size, pieces. What of the pieces wasn't taken is read over. Raises BrokenBackup."""
        while True:
            before = self._sum.hexdigest().encode()
            block = self._exactly(BLOCK)
            if block == header(SUM, len(before)):
                break
            name, size = self._header(block)
            pieces = self._pieces(name, size)
            yield name, size, pieces
            for _ in pieces:
                pass
        if self._exactly(BLOCK) != before + bytes(BLOCK - len(before)):
            raise BrokenBackup("It was changed: its checksum is another.")
        if self._exactly(2 * BLOCK) != bytes(2 * BLOCK) or self._read(1):
            raise BrokenBackup("There is something behind its end.")

    def _header(self, block: bytes) -> tuple[str, int]:
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, ValueError):
            raise BrokenBackup("It holds no tar, or a damaged one.") from None
        if info.type != tarfile.REGTYPE or info.size < 0:
            raise BrokenBackup(f"{info.name!r} in it is no plain file.")
        if not is_safe(info.name):
            raise BrokenBackup(f"{info.name!r} in it is a name that leads elsewhere.")
        if info.name in self.members or len(self.members) >= MOST_MEMBERS:
            raise BrokenBackup(f"{info.name!r} is in it twice, or it holds more than {MOST_MEMBERS:,} files.")
        return info.name, info.size

    def _pieces(self, name: str, size: int) -> Iterator[bytes]:
        digest, left = hashlib.sha256(), size
        while left:
            piece = self._exactly(min(left, PIECE))
            digest.update(piece)
            left -= len(piece)
            yield piece
        if any(self._exactly(-size % BLOCK)):
            raise BrokenBackup(f"There is something behind the end of {name!r}.")
        self.members[name] = Member(size, digest.hexdigest())

    def _exactly(self, size: int) -> bytes:
        data = self._read(size)
        if len(data) < size:
            raise BrokenBackup("It ends too early: it is only a part.")
        self._sum.update(data)
        return data

    def _read(self, size: int) -> bytes:
        try:
            return cast(bytes, self._packed.read(size))
        except (OSError, pa.ArrowException) as error:
            raise BrokenBackup(f"It can't be unpacked ({str(error).splitlines()[0].rstrip('.')}).") from None


def header(name: str, size: int) -> bytes:
    """Makes a file's header. Raises ValueError where it can't say this name."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    if size >= _GNU_FROM:
        made = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")
    else:
        made = info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    if len(made) != BLOCK or not is_safe(name):
        raise ValueError(f"{name!r} is no name for a file in a tar")
    return made


def is_safe(name: str) -> bool:
    """Tells whether it stays below the folder that it is put in."""
    return not _UNSAFE.search(name) and not any(part in ("", ".", "..") for part in name.split("/"))
