"""Packs a file as it is streamed: the same pieces give the same bytes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Generator, Iterable

import pyarrow as pa

PACKINGS = {"none": "", "gzip": ".gz", "zstd": ".zst"}  # and what a file's name ends with


def packed(pieces: Iterable[bytes], packing: str) -> Generator[bytes, None, None]:
    """Yields the pieces packed; what the first one holds at once, so that a download begins."""
    if packing == "gzip":
        yield from _gzip(pieces)
    elif packing == "zstd":
        yield from _zstd(pieces)
    else:
        yield from pieces


def _gzip(pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)  # its header has no time and no name
    for number, piece in enumerate(pieces):
        done = packer.compress(piece) + (b"" if number else packer.flush(zlib.Z_SYNC_FLUSH))
        if done:
            yield done
    yield packer.flush()


def _zstd(pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
    sink = _Sink()
    with pa.CompressedOutputStream(pa.PythonFile(sink, "w"), "zstd") as packer:
        for number, piece in enumerate(pieces):
            packer.write(piece)
            if not number:
                packer.flush()
            if done := sink.taken():
                yield done
    yield sink.taken()


class _Sink(io.BytesIO):
    """What was written and not yet taken. pyarrow closes what it ends, and the end is yet to be taken."""

    def taken(self) -> bytes:
        piece = self.getvalue()
        self.seek(0)
        self.truncate()
        return piece

    def close(self) -> None:
        """Stays open."""
