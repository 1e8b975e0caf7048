"""What a file holds before it is written: columns, and rows that share their long cells.

A text stands in up to K - 1 rows of each ranking and is encoded once for its prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

Columns = Mapping[str, pa.DataType]

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


class TableRow(NamedTuple):
    """cells: of each shared column, the place of its cell in the block's pool. own: the cells of the columns after."""

    cells: tuple[int, ...]
    own: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Block:
    """The rows of a prompt. pools: for each shared column the cells that its rows choose from."""

    pools: Sequence[Sequence[Any]]
    rows: Sequence[TableRow]


@dataclass(frozen=True)
class Table:
    """shared: columns of which many rows have the same cell. own: the columns after them. blocks: read once."""

    shared: Columns
    own: Columns
    blocks: Iterable[Block]

    @property
    def columns(self) -> dict[str, pa.DataType]:
        return {**self.shared, **self.own}

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """Yields each row's cells by the columns."""
        for block in self.blocks:
            for row in block.rows:
                shared = (pool[place] for pool, place in zip(block.pools, row.cells, strict=True))
                yield (*shared, *row.own)
