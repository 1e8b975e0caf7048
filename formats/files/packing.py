"""Packed files: gzip and zstd, unpacked piece by piece, so that a small file of a terabyte of zeros costs one piece."""

from __future__ import annotations

import zlib

from formats.lines import BYTES_AT_ONCE, Readable, Unreadable

PACKINGS = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_GZIP = 16 + zlib.MAX_WBITS


def packing_of(head: bytes) -> str:
    """Names how a file is packed by its beginning; empty where it isn't."""
    return next((name for mark, name in PACKINGS if head.startswith(mark)), "")


def unpacked(stream: Readable, packing: str) -> Readable:
    return Gunzipped(stream) if packing == "gzip" else Unzstd(stream)


class Gunzipped:
    """What gzip's members hold, one after another. Raises Unreadable for a broken one and for one that is cut off."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._member = zlib.decompressobj(_GZIP)
        self._waiting = b""

    def read(self, size: int, /) -> bytes:
        while True:
            if self._member.eof:
                if not self._next_member():
                    return b""
            elif not self._waiting:
                self._waiting = self._stream.read(BYTES_AT_ONCE)
                if not self._waiting:
                    raise Unreadable("cut_off_packing", name="gzip")
            try:
                piece = self._member.decompress(self._waiting, size)
            except zlib.error as error:
                raise Unreadable("broken_packing", name="gzip") from error
            self._waiting = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                return piece

    def _next_member(self) -> bool:
        """Begins the next member; zeros after the last one are padding."""
        while not self._waiting.strip(b"\x00"):
            self._waiting = self._stream.read(BYTES_AT_ONCE)
            if not self._waiting:
                return False
        self._waiting = self._waiting.lstrip(b"\x00")
        self._member = zlib.decompressobj(_GZIP)
        return True


class Unzstd:
    """What a zstd file holds. Raises Unreadable for a broken one and for one that is cut off."""

    def __init__(self, stream: Readable) -> None:
        import pyarrow as pa  # whoever reads JSON Lines needs none of it

        self._error = pa.ArrowException, OSError
        self._unpacked = pa.CompressedInputStream(pa.PythonFile(_File(stream), "r"), "zstd")

    def read(self, size: int, /) -> bytes:
        try:
            piece: bytes = self._unpacked.read(size)
        except self._error as error:
            code = "cut_off_packing" if "Truncated" in str(error) else "broken_packing"
            raise Unreadable(code, name="zstd") from error
        return piece


class _File:
    """As much of a file as pyarrow asks for."""

    closed = False

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def read(self, size: int = BYTES_AT_ONCE) -> bytes:
        return self._stream.read(size)

    def close(self) -> None:
        """Leaves the stream open: whoever opened it closes it."""
