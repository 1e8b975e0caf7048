"""Parquet and Arrow: tables by batches, so that no more is held than some rows."""

from __future__ import annotations

import errno
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, TYPE_CHECKING, cast

from formats import values
from formats.files import table_sizes
from formats.files.arrow_messages import CheckedFile, CheckedStream
from formats.files.records import Record, Seekable, gibibytes
from formats.lines import BYTES_AT_ONCE, MAX_FILE, MAX_LINE, Readable, Unreadable
from formats.refusals import Refused

if TYPE_CHECKING:
    import pyarrow as pa

BUFFER = 2**18  # bytes of each column that are read at once
MOST_ASIDE = 2**28  # bytes of a packed table that is copied to the disk to be read in any order
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_class_name = re.compile(r"\b\w*(?:Exception|Error): ")  # of C++, in what its libraries say


def parquet_records(stream: Readable, *, max_rows: int | None, most_aside: int | None = None) -> Iterator[Record]:
    """most_aside: bytes that a stream which can't be read in any order may have; None: as many as it has."""
    import pyarrow.parquet as pq

    def batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        table = pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER)
        _check_schema(table.schema_arrow)
        if max_rows is not None and table.metadata.num_rows > max_rows:
            raise Unreadable("too_many_rows", limit=max_rows)
        as_dictionaries: tuple[str, ...] = ()
        for n in range(table.metadata.num_row_groups):
            group = table_sizes.group_of(file, table, table.metadata.row_group(n))
            if not set(group.repeating) <= set(as_dictionaries):
                as_dictionaries += group.repeating
                table = pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER, read_dictionary=as_dictionaries)
            yield from table.iter_batches(batch_size=group.rows_at_once, row_groups=[n], use_threads=False)

    with _in_any_order(stream, "Parquet", most_aside) as file:
        yield from _records("Parquet", lambda: batches(file))


def arrow_file_records(stream: Readable, *, most_aside: int | None = None) -> Iterator[Record]:
    import pyarrow as pa

    def batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        table = pa.ipc.open_file(file)
        _check_schema(table.schema)
        messages = CheckedFile(file)
        messages.check_dictionaries()
        for n in range(table.num_record_batches):
            messages.check_batch(n)
            yield table.get_batch(n)

    with _in_any_order(stream, "Arrow", most_aside) as file:
        yield from _records("Arrow", lambda: map(_checked, batches(file)))


def arrow_stream_records(stream: Readable) -> Iterator[Record]:
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        table = pa.ipc.open_stream(CheckedStream(stream))
        _check_schema(table.schema)
        yield from table

    yield from _records("Arrow", lambda: map(_checked, batches()))


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Sees that nothing in it points outside of it: it is taken from the file as it lies there."""
    batch.validate(full=True)
    return batch


def _records(name: str, batches: Callable[[], Iterator[pa.RecordBatch]]) -> Iterator[Record]:
    import pyarrow as pa

    number = total = 0
    try:
        for batch in batches():
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
def _in_any_order(stream: Readable, name: str, most: int | None) -> Iterator[IO[bytes]]:
    """Gives a file that can be read in any order, for a table's end says what is in it: a copy of what can't be.

    Raises Unreadable where the copy would be larger than `most`, or than the disk has room for.
    """
    if isinstance(stream, Seekable):
        yield cast(IO[bytes], stream)
        return
    with tempfile.TemporaryFile() as file:
        size = 0
        while piece := stream.read(BYTES_AT_ONCE):
            size += len(piece)
            if most is not None and size > most:
                raise Unreadable("packed_table", name=name, limit=most // 2**20)
            _write(file, piece)
        file.seek(0)
        yield file


def _write(file: IO[bytes], piece: bytes) -> None:
    try:
        file.write(piece)
    except OSError as error:
        if error.errno in _FULL:
            raise Unreadable("no_room") from error
        raise


def _check_schema(schema: pa.Schema) -> None:
    seen: set[str] = set()
    for place, column in enumerate(schema, start=1):
        name = values.clipped(column.name)
        if column.name in seen:
            raise Unreadable("repeated_column", name=name, place=place)
        if not table_sizes.is_known(column.type):
            raise Unreadable("strange_column", name=name, type=values.clipped(str(column.type)))
        seen.add(column.name)


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
