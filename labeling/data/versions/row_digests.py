"""A digest of each row of an Arrow array, from its buffers: as Python objects they take ten times as long."""

from __future__ import annotations

from array import array as numbers
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import pyarrow as pa

SIZE = 16  # bytes
Leaf = tuple[memoryview, Sequence[int]]  # bytes of all rows, and where each row's begin, with the end of the last


def digests(arrays: Sequence[Any], n: int) -> Iterator[bytes]:
    """Yields one for each of n rows: of the row's values in all of these arrays: texts, lists, structs of such."""
    leaves = [leaf for array in arrays for leaf in _leaves(array, range(n + 1))]
    for row in range(n):
        digest = blake2b(digest_size=SIZE)
        for data, starts in leaves:
            piece = data[starts[row] : starts[row + 1]]
            digest.update(len(piece).to_bytes(8, "little"))
            digest.update(piece)
        yield digest.digest()


def _leaves(array: Any, starts: Sequence[int]) -> Iterator[Leaf]:
    """Yields the bytes of an array's values; those of row i are from starts[i] to starts[i + 1]."""
    if pa.types.is_struct(array.type):
        for place in range(array.type.num_fields):
            yield from _leaves(array.field(place), starts)
    elif pa.types.is_list(array.type):
        offsets = _offsets(array)
        yield _lengths(offsets, starts)
        yield from _leaves(array.values, [offsets[start] for start in starts])
    elif pa.types.is_string(array.type):
        offsets = _offsets(array)
        yield _lengths(offsets, starts)
        data = array.buffers()[2]
        yield memoryview(data) if data else memoryview(b""), [offsets[start] for start in starts]
    else:
        raise TypeError(f"no digest of {array.type} here: give texts, and lists and structs of them")


def _offsets(array: Any) -> memoryview:
    """Gives where the values of each element begin, and the last one ends."""
    offsets = memoryview(array.buffers()[1]).cast("B").cast("i")
    return offsets[array.offset : array.offset + len(array) + 1]


def _lengths(offsets: memoryview, starts: Sequence[int]) -> Leaf:
    """Without them "ab", "c" would be "a", "bc"."""
    lengths = numbers("i", (offsets[i + 1] - offsets[i] for i in range(len(offsets) - 1)))
    return memoryview(lengths.tobytes()), [start * lengths.itemsize for start in starts]
