"""Lines of a file or of a request's body: one reader for pages, API, commands and core, in memory of one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

BYTES_AT_ONCE = 2**16
MAX_LINE = 16 * 2**20  # bytes
MAX_FILE = 4 * 2**30  # bytes
MAX_LINES = 1_000_000

UTF8_MARK = b"\xef\xbb\xbf"  # a byte-order mark, which some editors write
# How files begin, and the code of WORDS that says so: texts that are not UTF-8 (the longer mark first), and what nobody
# here unpacks.
OTHER_ENCODINGS = (
    (b"\xff\xfe\x00\x00", "not_utf8", "UTF-32"),
    (b"\x00\x00\xfe\xff", "not_utf8", "UTF-32"),
    (b"\xff\xfe", "not_utf8", "UTF-16"),
    (b"\xfe\xff", "not_utf8", "UTF-16"),
)
PACKED = (
    (b"PK\x03\x04", "packed", "zip"),
    (b"BZh", "packed", "bzip2"),
    (b"\xfd7zX", "packed", "xz"),
)
BEGINNINGS = (  # of files that are read as lines alone
    *OTHER_ENCODINGS,
    *PACKED,
    (b"\x1f\x8b", "packed", "gzip"),
    (b"\x28\xb5\x2f\xfd", "packed", "zstd"),
    (b"PAR1", "other_format", "Parquet"),
)
MOST_OF_BEGINNING = max(len(beginning) for beginning, _, _ in BEGINNINGS)

WORDS = {
    "line_too_long": "line {line} is longer than {limit} MiB, so this is hardly JSON Lines; write one object a line",
    "file_too_large": "the file is larger than {limit} GiB; send it in several files",
    "too_many_lines": "the file has more than {limit} lines; send it in several files",
    "not_utf8": "the file is in {name}; save it as UTF-8",
    "packed": "the file is packed with {name}; unpack it first",
    "other_format": "the file is {name}; give JSON Lines, one object a line",
    # of files that are more than lines: formats.files
    "unknown": "the file begins with {seen!r}, which is neither JSON, CSV, Parquet nor Arrow; give one of these",
    "no_rows": "the file is {name}, which holds no rows; give JSON Lines, JSON, CSV, Parquet or Arrow",
    "workbook": "the file is an Excel workbook; save it as CSV (UTF-8)",
    "too_many_rows": "the file has more than {limit} rows; send it in several files",
    "broken_packing": "what {name} packed can't be unpacked from here on; pack it again",
    "cut_off_packing": "the file breaks off in the middle of what {name} packed; send all of it",
    "unpacks_to_too_much": "the file unpacks to more than {limit} GiB; send it in several files",
    "cut_off": "the file breaks off after record {number}; send all of it",
    "no_comma": "after record {number} there is no comma and no end of the list; see that the file is whole JSON",
    "more_after_list": "more follows after the end of the list, behind record {number}; keep one list a file",
    "record_too_long": "record {number} is longer than {limit} MiB; see that the file is a list of objects",
    "too_deep": "record {number} is nested too deep to be read; see that the file is a list of objects",
    "several_lists": "the file has several lists, {first!r} and {second!r}; send one of them a file",
    "broken_header": "the first line should name the columns and can't be read: {seen!r}; see to its quotes",
    "unnamed_column": "column {place} has no name; name it or take it out",
    "too_many_columns": "the first line names more than {limit} columns; send a table of fewer",
    "repeated_column": "column {place} is named {name!r} as one before it; give each its own name",
    "open_quote": "a quote that opens in line {line} is never closed; close it",
    "row_group_too_large": "the table has a column of more than {limit} GiB in one row group; write smaller ones",
    "pages_too_large": "the table has pages of more than {limit} MiB together; write it with smaller ones",
    "too_many_pages": "the table has more than {limit} pages in one row group of a column; write it with larger ones",
    "batch_too_large": "the table has a batch of rows of more than {limit} MiB; write smaller ones, or Parquet",
    "packed_table": "what was packed is {name} of more than {limit} MiB; send it as it is, for it is packed inside",
    "strange_column": "column {name!r} is of the type {type}, which is not read; write texts or numbers",
    "no_room": "the disk has no room to unpack the file; make room, or send it in several files",
    "broken_table": "the file is {name} and can't be read after row {n} ({reason}); write it again",
}


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Unreadable(Exception):
    """Reading ended here. `code` is one of WORDS and `values` what its words need, for whoever words it anew."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(WORDS[code].format(**values))
        self.code, self.values = code, values


def read_lines(
    stream: Readable, *, max_bytes: int | None = MAX_FILE, max_lines: int | None = MAX_LINES
) -> Iterator[bytes]:
    r"""Yields lines without their ends, which are \n, \r\n or \r, and without a byte-order mark. Raises Unreadable.

    Reads by read() alone: Granian's readline() on a body drops line ends and what follows. Holds one line and a piece.
    """
    number = size = total = 0
    parts: list[bytes] = []  # of the line that has not ended yet, joined once
    after_return = False
    for piece in _pieces(stream):
        total += len(piece)
        if max_bytes is not None and total > max_bytes:
            raise Unreadable("file_too_large", limit=max_bytes // 2**30)
        if after_return:
            piece = piece.removeprefix(b"\n")
        after_return = piece.endswith(b"\r")
        *ended, rest = _split(piece)
        for line in ended:
            number += 1
            if max_lines is not None and number > max_lines:
                raise Unreadable("too_many_lines", limit=max_lines)
            yield b"".join((*parts, line)) if parts else line
            parts, size = [], 0
        if rest:
            parts.append(rest)
            size += len(rest)
        if size > MAX_LINE:
            raise Unreadable("line_too_long", line=number + 1, limit=MAX_LINE // 2**20)
    if parts:
        yield b"".join(parts)


def _pieces(stream: Readable) -> Iterator[bytes]:
    """Yields the stream in pieces, the first of them long enough to tell what it is."""
    beginning = b""
    while len(beginning) < MOST_OF_BEGINNING and (piece := stream.read(BYTES_AT_ONCE)):
        beginning += piece
    check_beginning(beginning)
    if beginning := beginning.removeprefix(UTF8_MARK):
        yield beginning
    while piece := stream.read(BYTES_AT_ONCE):
        yield piece


def check_beginning(beginning: bytes) -> None:
    """Raises Unreadable for what no line of it could be read of: other encodings, packed files, tables."""
    for mark, code, name in BEGINNINGS:
        if beginning.startswith(mark):
            raise Unreadable(code, name=name)
    if b"\x00" in beginning[:2]:  # a bracket in two bytes, without a mark
        raise Unreadable("not_utf8", name="UTF-16")


def _split(piece: bytes) -> list[bytes]:
    if b"\r" in piece:
        piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return piece.split(b"\n")
