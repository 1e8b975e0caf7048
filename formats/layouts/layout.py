"""A layout: one way in which records hold preferences, as functions of plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from formats.fields import check_repeated
from formats.refusals import Refused
from formats.values import Repeated

Record = Mapping[str, object]  # one object of a file, or one row of a table by its columns
Columns = Mapping[str, str]  # what a column is for, and its name in the file: {"prompt": "question"}
Row = dict[str, object]  # as formats.rows.parse_row takes it
Numbered = tuple[int, object]  # a record's number in its file, from 1, and the record, or the Refused of a bad one


@dataclass(frozen=True, kw_only=True)
class Layout:
    """name: as commands and the API take it. title: a proper name that people know, never translated.

    recognises: whether a record is laid out so; by keys and shapes, cheap, and of one layout only.
    rows: the rows that a record says. Raises Refused, and nothing else, whatever the record is.
    write: the records that say what a row does, for layouts that others read. Raises Refused where they can't.
    guess: the column map of a table, by the names of its columns; empty where none fits.
    check: a column map that somebody gave, by the names of the columns. Raises Refused.
    gather: one record of several that follow each other and belong to one prompt, before `rows` reads it.
    """

    name: str
    title: str
    recognises: Callable[[Record], bool]
    rows: Callable[[Record, Columns | None], Iterator[Row]]
    write: Callable[[Row], Iterator[dict[str, object]]] | None = None
    guess: Callable[[Sequence[str]], dict[str, str]] | None = None
    check: Callable[[Columns, Sequence[str]], object] | None = None
    gather: Callable[[Iterable[Numbered], Columns | None], Iterator[Numbered]] | None = None


def read(layout: Layout, records: Iterable[Numbered], columns: Columns | None = None) -> Iterator[Numbered]:
    """Yields each record's rows under its number, and a Refused for a record that says none."""
    for number, value in layout.gather(records, columns) if layout.gather else records:
        if isinstance(value, Refused):
            yield number, value
            continue
        try:
            if not isinstance(value, Mapping):
                raise Refused("line", value, "not_object")
            if isinstance(value, Repeated):
                check_repeated(value)
            for row in layout.rows(value, columns):
                yield number, row
        except Refused as error:
            yield number, error
