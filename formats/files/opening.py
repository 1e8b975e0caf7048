"""Opens any file of records: JSON Lines, JSON, CSV, Parquet or Arrow, as it is or packed with gzip or zstd."""

from __future__ import annotations

import os

from formats.files import arrow_rows, csv_rows, json_lines, json_values, sniffing
from formats.files.packing import packing_of
from formats.files.packing import unpacked as unpack
from formats.files.records import Bounded, Peeked, Records, Seekable, Tally, at_most, gibibytes
from formats.lines import MAX_FILE, MAX_LINES, Readable, Unreadable, read_lines


def open_records(
    stream: Readable,
    name: str = "",
    *,
    max_bytes: int | None = MAX_FILE,
    max_records: int | None = MAX_LINES,
    unpacked: Tally | None = None,
) -> Records:
    """Tells what a file is and gives its records, read as they are asked for. Raises Unreadable, now or then.

    name: the file's, where it has one. max_bytes: of the file, and of what a packed one unpacks to.
    unpacked: counts that, for several that are bounded together.
    """
    in_any_order = _in_any_order(stream, max_bytes)
    peeked = Peeked(Bounded(stream, max_bytes=max_bytes))
    packing = packing_of(peeked.head)
    if packing:
        plain = Bounded(unpack(peeked, packing), max_bytes=max_bytes, code="unpacks_to_too_much", tally=unpacked)
        peeked = Peeked(plain)
        if twice := packing_of(peeked.head):
            raise Unreadable("packed", name=f"{packing}, {twice}")
    sniffing.refuse_strangers(peeked.head)
    kind = sniffing.table_of(peeked.head)
    if kind and in_any_order and not packing:
        in_any_order.seek(0)
        opened = _table(in_any_order, kind, max_records)
    else:
        most_aside = arrow_rows.MOST_ASIDE if packing else None
        opened = _table(peeked, kind, max_records, most_aside) if kind else _text(peeked, name, max_records)
    return Records(opened.format, opened.records, packing, opened.unit)


def _in_any_order(stream: Readable, most: int | None) -> Seekable | None:
    """Gives a stream that is a file and stands at its beginning: of a table no more is read than is asked for."""
    if not (isinstance(stream, Seekable) and stream.seekable() and stream.tell() == 0):
        return None
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if most is not None and size is not None and size > most:
        raise Unreadable("file_too_large", limit=gibibytes(most))
    return stream


def _table(stream: Readable, kind: str, most: int | None, most_aside: int | None = None) -> Records:
    if kind == "Parquet":
        return Records(kind, arrow_rows.parquet_records(stream, max_rows=most, most_aside=most_aside), unit="row")
    if kind == "Arrow file":
        found = arrow_rows.arrow_file_records(stream, most_aside=most_aside)
    else:
        found = arrow_rows.arrow_stream_records(stream)
    return Records("Arrow", at_most(found, most), unit="row")


def _text(peeked: Peeked, name: str, most: int | None) -> Records:
    layout, detail = sniffing.text_format(peeked.head, name, is_whole=peeked.is_whole)
    if layout == "csv":
        lines = read_lines(peeked, max_bytes=None, max_lines=None)
        return Records(csv_rows.DELIMITERS[detail], at_most(csv_rows.records(lines, detail), most))
    if layout == "json lines":
        return Records("JSON Lines", json_lines.records(read_lines(peeked, max_bytes=None, max_lines=most)))
    if layout == "wrapped":
        found = json_values.wrapped_records(peeked, detail)
    else:
        found = (json_values.list_records if layout == "list" else json_values.sequence_records)(peeked)
    return Records("JSON", at_most(found, most), unit="row")
