"""What somebody sends, as records or lines, in the words of their language. The readers are in formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from formats.files.opening import open_records
from formats.files.parts import Part, open_parts
from formats.files.records import Record, Records, Seekable
from formats.lines import Readable, Unreadable, read_lines
from labeling.errors import Invalid


def records_of(stream: Readable | None, name: str = "") -> Records:
    """Opens a file of any kind that Podium reads. The iterator raises Invalid where no more can be read."""
    if stream is None:
        return Records("JSON Lines", iter(()))
    try:
        opened = open_records(stream, name)
    except Unreadable as error:
        return Records("", _refusing(error))
    return replace(opened, records=_worded(opened))


def records_of_parts(stream: Seekable, parts: Sequence[Part]) -> Records:
    """Opens several files that lie in one, as records_of does one."""
    try:
        opened = open_parts(stream, parts)
    except Unreadable as error:
        return Records("", _refusing(error))
    return replace(opened, records=_worded(opened))


def _worded(records: Records) -> Iterator[Record]:
    try:
        yield from records
    except Unreadable as error:
        raise _invalid(error) from error


def _refusing(error: Unreadable) -> Iterator[Record]:
    yield from ()
    raise _invalid(error) from error


def lines_of(stream: Readable | None) -> Iterator[bytes]:
    """Yields lines without their ends, none read further than needed. Raises Invalid where no more can be read."""
    if stream is None:
        return
    try:
        yield from read_lines(stream)
    except Unreadable as error:
        raise _invalid(error) from error


def _invalid(error: Unreadable) -> Invalid:
    message = words_of(error.code) % error.values
    part = error.values.get("part")  # of several files in one
    return Invalid(error.code, f"{part}: {message}" if part else message, attr="file")


def words_of(code: str) -> str:
    return {
        "line_too_long": _(
            "Line %(line)d is longer than %(limit)d MiB, so this is hardly JSON Lines: write one object a line."
        ),
        "file_too_large": _("The file is larger than %(limit)d GiB: send it in several files."),
        "too_many_lines": _("The file has more than %(limit)d lines: send it in several files."),
        "not_utf8": _("The file is in %(name)s: save it as UTF-8."),
        "packed": _("The file is packed with %(name)s: unpack it first."),
        "other_format": _("The file is %(name)s: send JSON Lines, one object a line."),
        "unknown": _(
            "The file begins with “%(seen)s”, which is neither JSON, CSV, Parquet nor Arrow: send one of these."
        ),
        "no_rows": _("The file is %(name)s, which holds no rows: send JSON Lines, JSON, CSV, Parquet or Arrow."),
        "workbook": _("The file is an Excel workbook: save it as CSV (UTF-8)."),
        "too_many_rows": _("The file has more than %(limit)d rows: send it in several files."),
        "broken_packing": _("What %(name)s packed can't be unpacked from here on: pack it again."),
        "cut_off_packing": _("The file breaks off in the middle of what %(name)s packed: send all of it."),
        "unpacks_to_too_much": _("The file unpacks to more than %(limit)g GiB: send it in several files."),
        "cut_off": _("The file breaks off after record %(number)d: send all of it."),
        "no_comma": _(
            "After record %(number)d there is no comma and no end of the list: see that the file is whole JSON."
        ),
        "more_after_list": _("More follows after the end of the list, behind record %(number)d: keep one list a file."),
        "record_too_long": _("Record %(number)d is longer than %(limit)d MiB: see that the file is a list of objects."),
        "too_deep": _("Record %(number)d is nested too deep to be read: see that the file is a list of objects."),
        "several_lists": _("The file has several lists, “%(first)s” and “%(second)s”: send one of them a file."),
        "broken_header": _("The first line should name the columns and can't be read (%(seen)s): see to its quotes."),
        "unnamed_column": _("Column %(place)d has no name: name it or take it out."),
        "too_many_columns": _("The first line names more than %(limit)d columns: send a table of fewer."),
        "repeated_column": _("Column %(place)d is named “%(name)s” as one before it: give each its own name."),
        "open_quote": _("A quote that opens in line %(line)d is never closed: close it."),
        "row_group_too_large": _(
            "The table has a column of more than %(limit)d GiB in one row group: write smaller ones."
        ),
        "pages_too_large": _("The table has pages of more than %(limit)d MiB together: write it with smaller ones."),
        "too_many_pages": _(
            "The table has more than %(limit)d pages in one row group of a column: write it with larger ones."
        ),
        "batch_too_large": _(
            "The table has a batch of rows of more than %(limit)d MiB: write smaller ones, or Parquet."
        ),
        "packed_table": _(
            "What was packed is %(name)s of more than %(limit)d MiB: send it as it is, for it is packed inside."
        ),
        "strange_column": _("Column “%(name)s” is of the type %(type)s, which is not read: write texts or numbers."),
        "no_room": _("The disk has no room to unpack the file: make room, or send it in several files."),
        "broken_table": _("The file is %(name)s and can't be read after row %(n)d (%(reason)s): write it again."),
    }[code]
