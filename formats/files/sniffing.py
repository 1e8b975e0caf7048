"""What a file is, told by how it begins; its name is asked only where that leaves a doubt."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from formats import values
from formats.files import csv_rows
from formats.lines import OTHER_ENCODINGS, PACKED, UTF8_MARK, Unreadable

# How files begin that hold no rows, or none that can be read: the code of formats.lines.WORDS, and what they are.
STRANGERS = (
    *PACKED,
    (b"PK\x05\x06", "packed", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "packed", "7-Zip"),
    (b"Rar!", "packed", "RAR"),
    (b"\xd0\xcf\x11\xe0", "workbook", ""),
    (b"%PDF", "no_rows", "PDF"),
    (b"\x89PNG", "no_rows", "PNG"),
    (b"\xff\xd8\xff", "no_rows", "JPEG"),
    (b"GIF8", "no_rows", "GIF"),
    (b"RIFF", "no_rows", "WebP/WAV/AVI"),
    (b"SQLite format 3", "no_rows", "SQLite"),
    (b"\x93NUMPY", "no_rows", "NumPy"),
    (b"\x80\x04", "no_rows", "pickle (Python)"),
    (b"\x80\x05", "no_rows", "pickle (Python)"),
    (b"Obj\x01", "no_rows", "Avro"),
    (b"ORC", "no_rows", "ORC"),
    *OTHER_ENCODINGS,
    (b"\x00\x00\x00", "not_utf8", "UTF-32"),  # without a mark
    (b"\x00", "not_utf8", "UTF-16"),
)
TABLES = ((b"PAR1", "Parquet"), (b"ARROW1", "Arrow file"), (b"\xff\xff\xff\xff", "Arrow stream"))
# Under which key people wrap a list of records; under any other an object is a record itself.
WRAPPERS = frozenset(
    (
        *("conversations", "data", "dataset", "dialogues", "dialogs", "entries", "examples", "instances", "items"),
        *("preferences", "prompts", "records", "results", "rows", "samples"),
    )
)
_TURN = frozenset(("role", "from", "speaker", "content"))  # of a message: a list of them is a dialogue
_markup = re.compile(rb"\s*<(!doctype|html|\?xml|head|body|!--)", re.IGNORECASE)
_line_end = re.compile(r"\r\n|\n|\r")
LOOKED_AT = 6  # lines
CSV_ENDINGS = (".csv", ".tsv", ".tab", ".psv")


def table_of(head: bytes) -> str:
    """Names the kind of table in bytes; empty where it is a text."""
    return next((name for mark, name in TABLES if head.startswith(mark)), "")


def refuse_strangers(head: bytes) -> None:
    """Raises Unreadable for what holds no rows, or not as UTF-8, with its name and what to do."""
    if head.startswith(b"PK") and (b"xl/" in head or b"[Content_Types].xml" in head[:200]):
        raise Unreadable("workbook")
    for mark, code, name in STRANGERS:
        if head.startswith(mark):
            raise Unreadable(code, **({"name": name} if name else {}))
    if head[1:2] == b"\x00":
        raise Unreadable("not_utf8", name="UTF-32" if head[2:4] == b"\x00\x00" else "UTF-16")
    if head[257:262] == b"ustar":
        raise Unreadable("packed", name="tar")
    if _markup.match(head.removeprefix(UTF8_MARK)):
        raise Unreadable("no_rows", name="HTML/XML")


def text_format(head: bytes, name: str, *, is_whole: bool) -> tuple[str, str]:
    """Tells how a text's records are laid out: json lines, list, sequence, wrapped (and under which key) or csv (and
    its delimiter). Raises Unreadable where it is none of them."""
    text = head.removeprefix(UTF8_MARK).decode("utf-8", "replace")
    ended = _line_end.split(text)
    filled = [line for line in (ended if is_whole else ended[:-1]) if line.strip()]
    match text.lstrip()[:1]:
        case "":
            return "json lines", ""
        case "{":
            return _of_object(text, filled, is_whole=is_whole)
        case "[":
            return _of_list(filled), ""
    return _of_others(filled, name, text)


def _of_object(text: str, lines: Sequence[str], *, is_whole: bool) -> tuple[str, str]:
    alone = is_whole and len(lines) == 1
    if not lines or alone or not _is_object(lines[0]):
        if key := _wrapper(text):
            return "wrapped", key
        if lines and (_goes_on(lines) or _is_followed(lines[0])):
            return "sequence", ""
    return "json lines", ""


def _of_list(lines: Sequence[str]) -> str:
    if len(lines) > 1 and not _is_open(lines[0]):
        first, others = _parsed(lines[0]), lines[1:LOOKED_AT]
        if any(map(_is_object, others)):
            return "json lines"
        if first is not None and not _has_objects(first) and _parsed(others[0]) is not None:
            return "json lines"
    return "list"


def _has_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _of_others(lines: Sequence[str], name: str, text: str) -> tuple[str, str]:
    ending = PurePath(name.removesuffix(".gz").removesuffix(".zst")).suffix.lower()
    if not lines and ending in CSV_ENDINGS:
        lines = [text]  # a header that is longer than what is looked at
    if not lines or any(map(_is_object, lines[:LOOKED_AT])):
        return "json lines", ""
    delimiter = csv_rows.delimiter_of(lines[0])
    if ending in CSV_ENDINGS:
        return "csv", delimiter or ("\t" if ending in (".tsv", ".tab") else ",")
    if _parsed(lines[0]) is not None or (ending in (".jsonl", ".ndjson") and not delimiter):
        return "json lines", ""
    if not delimiter or not _is_table(lines, delimiter):
        raise Unreadable("unknown", seen=values.clipped(lines[0].strip()))
    return "csv", delimiter


def _is_table(lines: Sequence[str], delimiter: str) -> bool:
    """Tells whether any row has as many cells as the header: a letter has commas too."""
    try:
        rows = list(csv.reader([f"{line}\n" for line in lines[: LOOKED_AT * 4]], delimiter=delimiter))
    except csv.Error:
        return True
    alike = any(len(row) == len(rows[0]) for row in rows[1:])
    return alike or len(rows) == 1 or any(line.count(delimiter) == len(rows[0]) - 1 for line in lines[1:])


def _is_object(line: str) -> bool:
    return line.lstrip()[:1] == "{" and isinstance(_parsed(line), Mapping)


def _parsed(line: str) -> object:
    try:
        return values.parse(line)
    except ValueError:
        return None


def _is_open(line: str) -> bool:
    return line.rstrip()[-1] in "[{,:"


def _goes_on(lines: Sequence[str]) -> bool:
    """Tells whether an object is written over several lines, the second of which is no object of its own."""
    return _is_open(lines[0]) and not any(map(_is_object, lines[1:LOOKED_AT]))


def _is_followed(line: str) -> bool:
    """Tells whether another object begins in the line in which one ended."""
    try:
        _, end = values.decoder.raw_decode(line.lstrip())
    except (ValueError, RecursionError):
        return False
    return line.lstrip()[end:].lstrip()[:1] == "{"


def _wrapper(text: str) -> str:
    """Gives the key under which the object at the beginning wraps a list of records; empty where it is a record."""
    place = text.index("{") + 1
    while True:
        place = _over_white(text, place)
        try:
            key, place = values.decoder.raw_decode(text, place)
            place = _over_white(text, place)
            if not isinstance(key, str) or text[place : place + 1] != ":":
                return ""
            place = _over_white(text, place + 1)
            if key.lower() in WRAPPERS and text[place : place + 1] == "[":
                return key if _is_of_records(text, _over_white(text, place + 1)) else ""
            _, place = values.decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return ""
        place = _over_white(text, place)
        if text[place : place + 1] != ",":
            return ""
        place += 1


def _is_of_records(text: str, place: int) -> bool:
    if text[place : place + 1] != "{":
        return False
    try:
        first, _ = values.decoder.raw_decode(text, place)
    except (json.JSONDecodeError, RecursionError):
        return True  # longer than what was looked at: no message
    except ValueError:
        return True
    return not _TURN & first.keys()


def _over_white(text: str, place: int) -> int:
    while text[place : place + 1] in (" ", "\t", "\n", "\r"):
        place += 1
    return place
