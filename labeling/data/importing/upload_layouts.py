"""What somebody sends, in whatever layout it is: told by its first records, and read as Podium's own rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from django.utils.translation import gettext as _

from formats import values
from formats.files.records import Record, Records
from formats.layouts import known, podium, tables
from formats.layouts.layout import Layout, Numbered, read
from formats.lines import MAX_LINE, Readable
from formats.refusals import Refused
from formats.values import clipped
from labeling.data.importing.row_words import words_of
from labeling.data.importing.upload_lines import records_of
from labeling.errors import Invalid

MOST_KEYS = 12  # named in a sentence
PEEKED_BYTES = 4 * 2**20  # of the first records; one more may be read, of any size


@dataclass(frozen=True)
class LaidOut:
    """A file that was looked into. `records` are Podium's rows, under the numbers of the records that say them."""

    layout: Layout | None  # None: none is known; iterating the records then raises Invalid, which says so
    records: Records
    names: Sequence[str]  # the keys or columns of its first records
    columns: Mapping[str, str]  # of a table, or what may be one: what they are for, as guessed and as somebody said


def laid_out(
    records: Records, *, layout: str = "", columns: Mapping[str, str] | None = None, split: str = ""
) -> LaidOut:
    """Tells the layout by the first records, or takes the named one, and reads all of them so.

    layout: one of formats.layouts.known.BY_NAME. columns: of a table, from a purpose to the name of its column; what it
    leaves out is guessed, what it names "" is left. split: of the file in its dataset, which the metadata of others'
    rows keeps; Podium's own rows say their split themselves. Raises Invalid where the name, a purpose or a column
    isn't known. What `records` raise comes when they are read, not here.
    """
    first: list[Record] = []
    every = _peek(records, first)
    objects = [record.value for record in first if isinstance(record.value, Mapping)]
    names = list(dict.fromkeys(str(key) for each in objects for key in each))
    chosen = _chosen(layout, columns or {}, objects, names)
    if chosen is None:
        likely = tables.meant(None, columns or {}, names)
        return LaidOut(None, replace(records, records=_refusing(_unknown(names))), names, likely)
    if columns and objects:
        _check(chosen, columns, names)
    if chosen is podium.LAYOUT:
        return LaidOut(chosen, replace(records, records=_own(every), layout=title_of(chosen)), names, {})
    rows = _of_split(split, _rows(chosen, every, columns or {}))
    found = replace(records, records=rows, layout=title_of(chosen), has_prompts_in_parts=True)
    return LaidOut(chosen, found, names, tables.meant(chosen, columns or {}, names))


def rows_of(
    stream: Readable | None,
    name: str = "",
    *,
    layout: str = "",
    columns: Mapping[str, str] | None = None,
    split: str = "",
) -> Records:
    """Opens a file of any kind and layout as Podium's own rows. Raises Invalid as laid_out does."""
    return laid_out(records_of(stream, name), layout=layout, columns=columns, split=split).records


def read_object(text: str) -> dict[str, str]:
    """Reads a column map as a JSON object, as addresses have it; empty of an empty text. Raises Invalid."""
    try:
        columns = values.parse(text) if text else {}
    except ValueError:
        columns = None
    if type(columns) is not dict or not all(isinstance(column, str) for column in columns.values()):
        message = _(
            "The columns are a JSON object such as %(example)s, each purpose once with the name of its column; "
            "got “%(value)s”."
        )
        said = {"example": '{"prompt": "question"}', "value": clipped(text)}
        raise Invalid("bad_map", message % said, attr="map")
    return columns


def read_map(words: Sequence[str]) -> dict[str, str]:
    """Reads purpose=column, as commands have it. Raises Invalid."""
    columns: dict[str, str] = {}
    for word in words:
        purpose, equals, column = (part.strip() for part in word.partition("="))
        if not (equals and purpose and column) or purpose in columns:
            message = _(
                "A column is named as purpose=column, such as prompt=question, and each purpose once; got “%(word)s”."
            )
            raise Invalid("bad_map", message % {"word": clipped(word)}, attr="map")
        columns[purpose] = column
    return columns


def title_of(chosen: Layout) -> str:
    """Names a layout: those of others have a name of their own, in every language."""
    return {"podium": _("Podium's own rows"), "wide-table": _("a wide table"), "long-table": _("a long table")}.get(
        chosen.name, chosen.title
    )


def _peek(records: Records, first: list[Record]) -> Iterator[Record]:
    """Reads the first records into the list, and gives all of them. What ends the reading ends it there again."""
    size = 0
    try:
        for record in records:
            first.append(record)
            size += record.size
            if len(first) >= known.LOOKED_AT or size >= PEEKED_BYTES:
                break
    except Invalid as error:
        return chain(list(first), _refusing(error))
    return chain(list(first), records)


def _refusing(error: Invalid) -> Iterator[Record]:
    yield from ()
    raise error


def _chosen(
    name: str, columns: Mapping[str, str], objects: Sequence[Mapping[str, object]], names: Sequence[str]
) -> Layout | None:
    if name:
        if name not in known.BY_NAME:
            message = _("%(field)s is one of %(known)s; got %(value)r.")
            said = {"field": "format", "known": ", ".join(known.BY_NAME), "value": clipped(name)}
            raise Invalid("unknown_format", message % said, attr="format")
        return known.BY_NAME[name]
    if columns:
        return tables.of_map(columns, names)
    nearly = podium.LAYOUT if _is_nearly_podium(objects) else tables.by_names(objects)
    return known.recognise(objects) or nearly


def _is_nearly_podium(objects: Sequence[Mapping[str, object]]) -> bool:
    """Tells whether somebody meant Podium's own row, so that each had better be told what is wrong with it."""
    return not objects or any("completions" in each or {"id", "prompt"} <= each.keys() for each in objects)


def _unknown(names: Sequence[str]) -> Invalid:
    message = _(
        "The records have the keys %(keys)s, which is no layout that Podium knows. Name the columns of a table, such "
        "as prompt=question, or the format, one of %(known)s."
    )
    said = {"keys": _some(names), "known": ", ".join(known.BY_NAME)}
    return Invalid("unknown_layout", message % said, attr="file")


def _some(names: Sequence[str]) -> str:
    return ", ".join([*map(clipped, names[:MOST_KEYS]), *(["..."] if len(names) > MOST_KEYS else [])])


def _check(chosen: Layout, columns: Mapping[str, str], names: Sequence[str]) -> None:
    if chosen.check is None:
        message = _("Only a table's columns are named by a map, and this is read as %(title)s.")
        raise Invalid("no_table", message % {"title": title_of(chosen)}, attr="map")
    try:
        chosen.check(columns, names)
    except Refused as error:
        known_ones = _some(names) if error.code == "no_column" else error.values["known"]
        refused = Refused("map", error.value, error.code, known=known_ones)
        raise Invalid(error.code, words_of(refused), attr="map") from error


def _own(records: Iterator[Record]) -> Iterator[Record]:
    """Gives Podium's rows, hardly changed; what is no row of any kind is left to the import to name."""
    for record in records:
        if type(record.value) is not dict:
            yield record
            continue
        try:
            [row] = podium.rows(record.value)
        except Refused as error:
            yield record._replace(value=error)
        else:
            yield record if row is record.value else record._replace(value=row)


def _rows(chosen: Layout, records: Iterator[Record], columns: Mapping[str, str]) -> Iterator[Record]:
    """Reads the records so. What several say together has the size of all of them, which a line's limit bounds."""
    pending = 0

    def numbered() -> Iterator[Numbered]:
        nonlocal pending
        for number, value, size in records:
            pending += size
            if pending > size and pending > MAX_LINE:
                yield number, Refused("line", "...", "too_much_together", limit=MAX_LINE // 2**20)
            else:
                yield number, value

    for number, value in read(chosen, numbered(), columns or None):
        yield Record(number, value, pending)
        if not (isinstance(value, Refused) and value.code == "too_much_together"):
            pending = 0


def _of_split(split: str, records: Iterator[Record]) -> Iterator[Record]:
    return (record._replace(value=_in_split(record.value, split)) for record in records) if split else records


def _in_split(row: object, split: str) -> object:
    if not isinstance(row, dict) or row.get("split"):
        return row
    metadata = row.get("metadata") or {}
    return row if "split" in metadata else {**row, "metadata": {**metadata, "split": split}}
