"""Parquet and Arrow: tables by batches, so that no more is held than some rows."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, cast

from formats import values
from formats.files.records import Record, Seekable, gibibytes
from formats.lines import MAX_FILE, Readable, Unreadable
from formats.refusals import Refused

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 64
_class_name = re.compile(r"\b\w*(?:Exception|Error): ")  # of C++, in what its libraries say
MOST_OF_A_COLUMN = 2**30  # bytes of one column in one row group: its dictionary has to be held


def parquet_records(stream: Readable, *, max_rows: int | None) -> Iterator[Record]:
    import pyarrow.parquet as pq

    def batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        table = pq.ParquetFile(file, pre_buffer=False)
        _check_columns(table.schema_arrow.names)
        if max_rows is not None and table.metadata.num_rows > max_rows:
            raise Unreadable("too_many_rows", limit=max_rows)
        for group in map(table.metadata.row_group, range(table.metadata.num_row_groups)):
            if any(group.column(n).total_uncompressed_size > MOST_OF_A_COLUMN for n in range(group.num_columns)):
                raise Unreadable("row_group_too_large", limit=MOST_OF_A_COLUMN // 2**30)
        yield from table.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False)

    return _records(stream, "Parquet", batches)


def arrow_file_records(stream: Readable) -> Iterator[Record]:
    import pyarrow as pa

    def batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        table = pa.ipc.open_file(file)
        _check_columns(table.schema.names)
        yield from (table.get_batch(n) for n in range(table.num_record_batches))

    return _records(stream, "Arrow", batches)


def arrow_stream_records(stream: Readable) -> Iterator[Record]:
    import pyarrow as pa

    def batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        table = pa.ipc.open_stream(file)
        _check_columns(table.schema.names)
        yield from table

    return _records(stream, "Arrow", batches)


def _records(stream: Readable, name: str, batches: Callable[[IO[bytes]], Iterator[pa.RecordBatch]]) -> Iterator[Record]:
    import pyarrow as pa

    number = total = 0
    with _spooled(stream) as file:
        try:
            for batch in batches(file):
                for start in range(0, batch.num_rows, ROWS_AT_ONCE):
                    some = batch.slice(start, ROWS_AT_ONCE)
                    total += some.nbytes
                    if total > MAX_FILE:
                        raise Unreadable("unpacks_to_too_much", limit=gibibytes(MAX_FILE))
                    size = some.nbytes // some.num_rows
                    for value in some.to_pylist():
                        number += 1
                        yield Record(number, _plain_row(value), size)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            reason = values.clipped(" ".join(_class_name.sub("", str(error)).split()))
            raise Unreadable("broken_table", name=name, n=number, reason=reason) from error


@contextmanager
def _spooled(stream: Readable) -> Iterator[IO[bytes]]:
    """Gives a file that can be read in any order, for a table's end says what is in it: a copy of what can't be."""
    if isinstance(stream, Seekable):
        yield cast(IO[bytes], stream)
        return
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(cast(Any, stream), file)
        file.seek(0)
        yield file


def _check_columns(names: list[str]) -> None:
    seen: set[str] = set()
    for place, name in enumerate(names, start=1):
        if name in seen:
            raise Unreadable("repeated_column", name=values.clipped(name), place=place)
        seen.add(name)


def _plain_row(row: dict[str, object]) -> object:
    try:
        return {name: _plain(value, name) for name, value in row.items()}
    except Refused as error:
        return error


def _plain(value: object, path: str) -> object:
    """Makes what JSON has of what a column may hold. Raises Refused for bytes."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {key: _plain(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, f"{path}[{n}]") for n, item in enumerate(value)]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    raise Refused(path, repr(value), "binary")
