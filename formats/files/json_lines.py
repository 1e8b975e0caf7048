"""JSON Lines: one object a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from formats import rows
from formats.files.records import Record
from formats.refusals import Refused


def records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Yields what each line says; a blank one says nothing."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                value = rows.read_json(line)
            except Refused as error:
                value = error
            yield Record(number, value, len(line))
