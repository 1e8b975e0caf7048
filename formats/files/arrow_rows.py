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
from formats.files import table_sizes
from formats.files.records import Record, Seekable, gibibytes
from formats.lines import MAX_FILE, MAX_LINE, Readable, Unreadable
from formats.refusals import Refused

if TYPE_CHECKING:
    import pyarrow as pa

BUFFER = 2**18  # bytes of each column that are read at once
_class_name = re.compile(r"\b\w*(?:Exception|Error): ")  # of C++, in what its libraries say


def parquet_records(stream: Readable, *, max_rows: int | None) -> Iterator[Record]:
    import pyarrow.parquet as pq

    def batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        table = pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER)
        _check_columns(table.schema_arrow.names)
        if max_rows is not None and table.metadata.num_rows > max_rows:
            raise Unreadable("too_many_rows", limit=max_rows)
        groups = [table.metadata.row_group(n) for n in range(table.metadata.num_row_groups)]
        for group in groups:
            table_sizes.check_group(group)
        if columns := table_sizes.repeating(file, table):
            table = pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER, read_dictionary=columns)
        for n, group in enumerate(groups):
            most = table_sizes.rows_at_once(file, table, group)
            yield from table.iter_batches(batch_size=most, row_groups=[n], use_threads=False)

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
                for start in range(0, batch.num_rows, table_sizes.ROWS_AT_ONCE):
                    some = batch.slice(start, table_sizes.ROWS_AT_ONCE)
                    size = table_sizes.batch_bytes(some)
                    total += size
                    if total > MAX_FILE:
                        raise Unreadable("unpacks_to_too_much", limit=gibibytes(MAX_FILE))
                    for value in _values(some, size):
                        number += 1
                        yield Record(number, value, size // some.num_rows)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            reason = values.clipped(" ".join(_class_name.sub("", str(error)).split()))
            raise Unreadable("broken_table", name=name, n=number, reason=reason) from error


def _values(some: pa.RecordBatch, size: int) -> Iterator[object]:
    """Makes the rows, one at a time where they are large together. One that is larger than a line may be is refused."""
    if size <= MAX_LINE:
        yield from map(_plain_row, some.to_pylist())
        return
    for place in range(some.num_rows):
        row = some.slice(place, 1)
        if table_sizes.batch_bytes(row) > MAX_LINE:
            yield Refused("row", "...", "large_row", limit=MAX_LINE // 2**20)
        else:
            yield _plain_row(row.to_pylist()[0])


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
