"""CSV and its kin: a header, then a row of cells for each record, quoted where they hold line ends or delimiters."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from formats import values
from formats.files import csv_formulas
from formats.files.records import Record
from formats.lines import MAX_LINE, Unreadable
from formats.refusals import Refused

MOST_COLUMNS = 10_000
MOST_LINES = 100_000  # of one row: a text of the longest that anybody stores has fewer
LATIN = "Latin-1/Windows-1252"
DELIMITERS = {",": "CSV", "\t": "TSV", ";": "CSV (;)"}
_quoted = re.compile(r'"[^"]*"?')
_escaped = re.compile("[\udc80-\udcff]")  # a byte that is no UTF-8, as it is decoded here


def delimiter_of(line: str) -> str:
    """Gives what stands between a header's names most often; empty where nothing does."""
    bare = _quoted.sub("", line)
    best = max(DELIMITERS, key=bare.count)
    return best if best in bare else ""


class _Lines:
    """The lines of one row at a time, which csv asks for, held until the row is whole: they may be read once more."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = enumerate(lines, start=1)
        self._again: deque[tuple[int, str]] = deque()
        self.row: list[tuple[int, str]] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > MAX_LINE or len(self.row) > MOST_LINES:
            raise csv.Error
        if self._again:
            number, line = self._again.popleft()
        else:
            number, read = next(self._lines)
            line = read.decode("utf-8", "surrogateescape")
        self.row.append((number, line))
        self._size += len(line)
        return line + "\n"

    def begin_row(self) -> None:
        self.row, self._size = [], 0

    def begin_again(self) -> None:
        """Takes the first line of the row away and reads the others as rows of their own."""
        self._again.extendleft(reversed(self.row[1:]))
        self.begin_row()


def records(lines: Iterable[bytes], delimiter: str) -> Iterator[Record]:
    """Yields each row as an object by the header's names. Raises Unreadable for a header that names two columns alike.

    An empty cell says nothing (None); one that begins with [ or { and is JSON says what the JSON does.
    """
    rows = _rows(lines, delimiter)
    header = next((cells for _, cells, _ in rows), None)
    if header is None:
        return
    if isinstance(header, Refused):
        if header.code == "not_utf8":
            raise Unreadable("not_utf8", name=LATIN)
        raise Unreadable("broken_header", seen=values.clipped(str(header.value)))
    skipped, names = _names(header)
    for number, cells, size in rows:
        if isinstance(cells, Refused):
            yield Record(number, cells, size)
        elif len(cells) != len(header):
            bad = Refused("row", delimiter.join(cells), "ragged", n=len(cells), columns=len(header))
            yield Record(number, bad, size)
        else:
            yield Record(number, _record(names, cells[skipped:]), size)


def _record(names: Sequence[str], cells: list[str]) -> dict[str, object]:
    """Gives a row by its names, without what was put before formulas for a spreadsheet's sake."""
    if csv_formulas.is_protected(names) and (plain := csv_formulas.restored(names, cells)) is not None:
        names, cells = names[:-1], plain
    return dict(zip(names, map(_cell, cells), strict=True))


def _names(header: Sequence[str]) -> tuple[int, list[str]]:
    """Gives how many columns are left out, and the others' names: pandas writes its index first, without a name."""
    names = [name.strip() for name in header]
    skipped = 1 if len(names) > 1 and not names[0] else 0
    if len(names) > MOST_COLUMNS:
        raise Unreadable("too_many_columns", limit=MOST_COLUMNS)
    seen: set[str] = set()
    for place, name in enumerate(names[skipped:], start=skipped + 1):
        if not name:
            raise Unreadable("unnamed_column", place=place)
        if _escaped.search(name):
            raise Unreadable("not_utf8", name=LATIN)
        if name in seen:
            raise Unreadable("repeated_column", name=values.clipped(name), place=place)
        seen.add(name)
    return skipped, names[skipped:]


def _cell(text: str) -> object:
    if not text:
        return None
    if text[0] in "[{":
        try:
            return values.parse(text)
        except ValueError:  # a text that begins with a bracket
            return text
    return text


def _rows(lines: Iterable[bytes], delimiter: str) -> Iterator[tuple[int, list[str] | Refused, int]]:
    """Yields line, cells and size. A quote that is never closed costs its own line; reading goes on behind it."""
    csv.field_size_limit(2 * MAX_LINE)  # of the whole process; a row's size is looked at here
    held = _Lines(lines)
    reader = csv.reader(held, delimiter=delimiter, strict=True)
    retried = False
    while True:
        held.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number, first = held.row[0]
            if len(held.row) > 1 and retried:
                raise Unreadable("open_quote", line=number) from error
            is_open = len(held.row) > 1 or "unexpected end" in str(error)
            bad = Refused("row", first, "open_quote" if is_open else "bad_quote")
            retried = len(held.row) > 1
            held.begin_again()
            reader = csv.reader(held, delimiter=delimiter, strict=True)
            yield number, bad, len(first)
            continue
        if cells and any(cells):
            text = "\n".join(line for _, line in held.row)
            yield held.row[0][0], _checked(text, cells), len(text)


def _checked(text: str, cells: list[str]) -> list[str] | Refused:
    if not text.isascii() and (bad := _escaped.search(text)):
        seen = text[max(bad.start() - 10, 0) : bad.start() + 10]
        as_latin = seen.encode("utf-8", "surrogateescape").decode("latin-1")
        return Refused("row", as_latin, "not_utf8", n=bad.start())
    return cells
