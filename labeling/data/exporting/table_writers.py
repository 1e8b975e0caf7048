"""A table as the bytes of a file, in pieces: JSON Lines, CSV, Parquet or an Arrow stream."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from operator import getitem
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from formats.files import csv_formulas
from labeling.data.exporting.tables import Table

ROWS_AT_ONCE = 1_000
BYTES_AT_ONCE = 2**16

T = TypeVar("T")
Cells = tuple[Any, ...]
Pieces = Generator[bytes, None, None]
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _write_jsonl(table: Table) -> Pieces:
    before = [f"{',' if place else '{'}{_json(name)}:" for place, name in enumerate(table.columns)]
    return _lines(table, _json, before, "}\n")


def _write_csv(table: Table) -> Pieces:
    """Writes as RFC 4180 says. Cells are written as they are: a text that begins with = or + is training data, not a
    formula."""
    yield _csv_line(table.columns)
    before = ["," if place else "" for place in range(len(table.columns))]
    yield from _lines(table, _csv_cell, before, "\r\n")


def _write_spreadsheet(table: Table) -> Pieces:
    """Writes CSV in which no cell is a formula, and the names of the columns that were changed for it."""
    names = list(table.columns)
    yield _csv_line([*names, csv_formulas.COLUMN])
    for rows in batches(table.rows(), ROWS_AT_ONCE):
        yield b"".join(_csv_line(csv_formulas.protected(names, [_flat(cell) for cell in row])) for row in rows)


def _lines(table: Table, cell: Callable[[Any], str], before: list[str], end: str) -> Pieces:
    """Joins lines of cells that are encoded once for each block. `before`: what stands before each column's cell."""
    of_shared, of_own = before[: len(table.shared)], before[len(table.shared) :]

    def ending(own: Cells) -> bytes:
        return ("".join(f"{sign}{cell(value)}" for sign, value in zip(of_own, own, strict=True)) + end).encode()

    # Few values are said again and again, such as margins; what is said of a single row would only fill the memory.
    if len(table.own) <= 2 and all(pa.types.is_primitive(kind) for kind in table.own.values()):
        ending = lru_cache(maxsize=1024)(ending)
    parts: list[bytes] = []
    size = 0
    for block in table.blocks:
        pools = [
            [f"{sign}{cell(value)}".encode() for value in pool]
            for sign, pool in zip(of_shared, block.pools, strict=True)
        ]
        begin = len(parts)
        for row in block.rows:
            parts.extend(map(getitem, pools, row.cells))
            parts.append(ending(row.own))
        size += sum(map(len, islice(parts, begin, None)))
        if size >= BYTES_AT_ONCE:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _csv_cell(value: Any) -> str:
    """Writes a cell as it stands in a row of several."""
    return _csv_line((_flat(value), "")).decode().removesuffix(",\r\n")


def _csv_line(cells: Iterable[Any]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _flat(value: Any) -> Any:
    """Gives what csv writes: lists and truth values as their JSON."""
    return _json(value) if isinstance(value, list | tuple | dict | bool) else value


def _write_parquet(table: Table) -> Pieces:
    schema = pa.schema(list(table.columns.items()))
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        yield _drain(sink)  # the download has begun: the first rows wait for pandas, which pyarrow loads where it is
        for part in _tables(table, schema):
            writer.write_table(part, row_group_size=ROWS_AT_ONCE)
            yield _drain(sink)
    yield _drain(sink)


def _write_arrow(table: Table) -> Pieces:
    """Writes the streaming format, which is read while it comes."""
    schema = pa.schema(list(table.columns.items()))
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        yield _drain(sink)
        for part in _tables(table, schema):
            writer.write_table(part)
            yield _drain(sink)
    yield _drain(sink)


WRITERS: dict[str, Callable[[Table], Pieces]] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "spreadsheet": _write_spreadsheet,
    "parquet": _write_parquet,
    "arrow": _write_arrow,
}


def _tables(table: Table, schema: pa.Schema) -> Iterator[pa.Table]:
    for rows in batches(table.rows(), ROWS_AT_ONCE):
        cells = [
            pa.array(column, type=field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)
        ]
        yield pa.Table.from_arrays(cells, schema=schema)


def _drain(sink: io.BytesIO) -> bytes:
    """Takes what was written; the writers of Parquet and Arrow count for themselves how far they are."""
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
