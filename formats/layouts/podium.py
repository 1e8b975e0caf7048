"""Podium's own row, of docs/import.md and of frozen versions.

Whole numbers are taken as ids. Of a prompt that a program with tools wrote, the messages as they were go to metadata.
"""

from __future__ import annotations

from collections.abc import Iterator

from formats.layouts.conversation import conversation_of, uses_tools
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import id_of


def recognises(record: Record) -> bool:
    completions = record.get("completions")
    return (
        {"id", "prompt", "completions"} <= record.keys()
        and isinstance(completions, list)
        and all(isinstance(each, dict) and "text" in each for each in completions)
    )


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    """Gives the row as it is: the parser says what is wrong with it."""
    row = record if isinstance(record, dict) else dict(record)
    number = row.get("id")
    if type(number) is int:
        row = {**row, "id": id_of(number, "id")}
    yield {**row, **_with_tools(row)} if uses_tools(row.get("prompt")) else row


def _with_tools(row: Row) -> Row:
    said, metadata = conversation_of(row["prompt"], "prompt"), row.get("metadata", {})
    kept = {"metadata": {**metadata, "prompt": row["prompt"]}} if isinstance(metadata, dict) else {}
    return {"prompt": said.messages, **kept}


def write(row: Row) -> Iterator[dict[str, object]]:
    yield row


LAYOUT = Layout(name="podium", title="Podium", recognises=recognises, rows=rows, write=write)
