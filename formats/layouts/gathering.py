"""Rows of one prompt that follow each other in a file, as one record that a layout reads at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from formats.layouts.layout import Numbered, Record
from formats.layouts.reading import json_of
from formats.refusals import Refused

MOST_ROWS = 10_000  # of one prompt
_GATHERED = "rows of one prompt"  # the only key of what gathered() makes

Key = tuple[str, object]  # a column, and what it says


def gathered(records: Iterable[Numbered], key_of: Callable[[Record], Key | None]) -> Iterator[Numbered]:
    """Yields the rows of a prompt under the number of the first. What comes of a prompt later, apart, is refused.

    key_of: by what rows are of one prompt; None where nothing tells, so that the row is one of its own.
    """
    rows: list[Record] = []
    first, key = 0, None
    earlier: set[int] = set()  # hashes: a file may have a million prompts
    for number, record in records:
        if not isinstance(record, Mapping):
            yield number, record
            continue
        said = key_of(record)
        if rows and (said is None or said != key):
            yield first, {_GATHERED: rows}
            rows = []
        if not rows:
            if said is not None and hash(said) in earlier:
                yield number, Refused(said[0], said[1], "comes_again")
                continue
            first, key = number, said
            if said is not None:
                earlier.add(hash(said))
        if len(rows) <= MOST_ROWS:  # one more than can be used, which tells
            rows.append(record)
    if rows:
        yield first, {_GATHERED: rows}


def key_by(column: str, value: object) -> Key | None:
    """Makes a key of a cell; None of one that says nothing or can't be compared."""
    if value is None:
        return None
    if isinstance(value, str | int | float):
        return column, value
    try:
        return column, json_of(value)  # a prompt of messages
    except Refused:
        return None


def lines_of(record: Record) -> Sequence[Record]:
    """Gives the rows that were gathered; a record that wasn't is one."""
    rows = record.get(_GATHERED)
    return rows if isinstance(rows, list) else [record]


def check_number(lines: Sequence[Record], column: str) -> None:
    """Raises Refused for more rows of a prompt than can be used."""
    if len(lines) > MOST_ROWS:
        raise Refused(column, lines[0].get(column), "too_many", n=len(lines), most=MOST_ROWS)
