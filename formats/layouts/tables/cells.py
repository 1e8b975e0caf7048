"""Cells of a table: a blank one says nothing, a number may be a text, and a table is flat."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from formats.layouts.conversation import conversation_of
from formats.layouts.layout import Record
from formats.layouts.reading import id_of, number_of
from formats.layouts.tables.columns import NAMES, plain
from formats.messages import Message
from formats.refusals import Refused


def is_flat(record: Record) -> bool:
    """Tells whether no cell holds others, but for a list of tags, as Parquet may have it."""
    return all(value is None or isinstance(value, str | int | float) or is_tags(name) for name, value in record.items())


def is_tags(name: object) -> bool:
    return isinstance(name, str) and plain(name) in NAMES["tags"]


def tags_of(record: Record, columns: Mapping[str, str]) -> list[object]:
    """Reads the cell of tags, a list or a text of words between commas; what is no tag in it is its parser's to
    refuse."""
    value = cell(record, columns, "tags")
    if isinstance(value, list):
        return value
    return [] if value is None else [tag for tag in words(value, columns["tags"]).split(",") if tag.strip()]


def is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value != value  # NaN, as pandas has it


def cell(record: Record, columns: Mapping[str, str], purpose: str) -> object:
    """Gives what the column of a purpose says; None where there is none or it is blank."""
    value = record.get(columns.get(purpose, ""))
    return None if is_blank(value) else value


def words(value: object, field: str) -> str:
    """Reads a text, or a number that stands for itself."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not isinstance(value, bool):
        number_of(value, field)
        return str(value)
    if type(value) is int:
        return id_of(value, field)
    raise Refused(field, value, "text")


def name(value: object, field: str) -> str:
    """Reads an id or a person's name. Whole numbers of a column that has blanks come as 17.0."""
    if isinstance(value, float) and number_of(value, field).is_integer():
        return id_of(int(value), field)
    return words(value, field)


def prompt_of(record: Record, columns: Mapping[str, str]) -> str | list[Message]:
    """Reads the prompt: a text, with the input that it is about under it, or messages, and before it the system's."""
    field = columns.get("prompt", "prompt")
    value = record.get(field)
    if isinstance(value, list):
        messages = conversation_of(value, field).messages
    else:
        text = "" if value is None else words(value, field)
        about = cell(record, columns, "input")
        text = text if about is None else f"{text}\n{words(about, columns['input'])}"
        messages = [{"role": "user", "content": text}]
    system = cell(record, columns, "system")
    if system is not None:
        return [{"role": "system", "content": words(system, columns["system"])}, *messages]
    return messages if isinstance(value, list) else messages[0]["content"]


def left(record: Record, used: Collection[str]) -> dict[str, object]:
    """Gives what no purpose takes, for the metadata."""
    return {key: value for key, value in record.items() if key not in used and not is_blank(value)}
