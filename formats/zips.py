"""A zip of files as they are, made while it is sent: memory stays flat, and its length is known before."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CONTENT_TYPE = "application/zip"
PIECE = 2**20  # bytes
_LARGE = 2**30  # from which on a member has sizes of eight bytes; zipfile itself would begin a little below 2 GiB
_DAY = (1980, 1, 1, 0, 0, 0)  # the first that a zip knows: the same files give the same bytes
_RIGHTS = 0o100644 << 16


@dataclass(frozen=True)
class Member:
    """A file of the zip. size: None where nobody knows it before it is read."""

    name: str
    size: int | None
    pieces: Callable[[], Iterable[bytes]]


class ChangedFile(Exception):
    """A file has another size than was said: the zip breaks off, so that nobody takes it for whole."""


def of_file(path: Path, name: str, size: int) -> Member:
    """Makes a member of a file on disk."""
    return Member(name, size, lambda: read_pieces(path))


def of_text(name: str, text: str) -> Member:
    """Makes a member of a short text."""
    data = text.encode()
    return Member(name, len(data), lambda: (data,))


def read_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def stream(members: Iterable[Member]) -> Iterator[bytes]:
    """Yields the zip in pieces, nothing compressed. Raises ChangedFile, or what reading a member raises."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for member in members:
            info = zipfile.ZipInfo(member.name, _DAY)
            info.external_attr = _RIGHTS
            sent = 0
            with archive.open(info, "w", force_zip64=_is_large(member)) as file:
                for piece in member.pieces():
                    sent += len(piece)
                    if member.size is not None and sent > member.size:
                        break
                    file.write(piece)
                    yield sink.drain()
                if member.size not in (None, sent):
                    raise ChangedFile(f"{member.name} has {sent} bytes or more, not {member.size}")
    yield sink.drain()


def length_of(members: Sequence[Member]) -> int | None:
    """Counts the bytes that stream() will yield; None where a member's size is not known."""
    limit = zipfile.ZIP64_LIMIT
    offset = directory = 0
    for member in members:
        if member.size is None:
            return None
        name = len(member.name.encode())
        in_directory = 16 * (member.size > limit) + 8 * (offset > limit)
        directory += 46 + name + (4 + in_directory if in_directory else 0)
        offset += 30 + name + member.size + (20 + 24 if _is_large(member) else 16)
    is_large = len(members) > zipfile.ZIP_FILECOUNT_LIMIT or max(offset, directory) > limit
    return offset + directory + (56 + 20 if is_large else 0) + 22


def _is_large(member: Member) -> bool:
    return member.size is None or member.size > _LARGE


class _Sink:
    """Takes what zipfile writes, which can't go back in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def drain(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
