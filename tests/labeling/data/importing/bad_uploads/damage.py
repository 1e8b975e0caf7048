"""Ways in which a file of three records is bad: of the record in the middle, and of the file around all of them."""

from __future__ import annotations

import codecs
import gzip
import io
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from formats.lines import MAX_LINE
from labeling.judgements.row_limits import MAX_METADATA, MAX_TEXT
from tests.labeling.data.importing.bad_uploads.good_records import Record, answers

THE_TEXT = answers(2)[0]  # the better text of the record in the middle, which stands in it once, alone or at an end


class Bad(NamedTuple):
    name: str
    codes: str  # the one that the problem has, or those of which it has one; any where it is empty
    break_it: Callable[[Record], bytes]


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def instead(value: object, new: object) -> object:
    """Puts another value where the text stands; what a text has before it stays."""
    if isinstance(value, str) and value.endswith(THE_TEXT):
        return value.removesuffix(THE_TEXT) + new if isinstance(new, str) else new
    if isinstance(value, dict):
        return {key: instead(each, new) for key, each in value.items()}
    return [instead(each, new) for each in value] if isinstance(value, list) else value


def with_text(new: object) -> Callable[[Record], bytes]:
    return lambda record: raw(instead(record, new))


def with_more(written: bytes) -> Callable[[Record], bytes]:
    """Adds a key, in the metadata of what has no room for others."""

    def break_it(record: Record) -> bytes:
        more = b'"weight": ' + written
        if "metadata" in record:
            return raw(record).replace(b'"metadata": {}', b'"metadata": {' + more + b"}")
        return raw(record)[:-1] + b", " + more + b"}"

    return break_it


def written(line: bytes) -> Callable[[Record], bytes]:
    return lambda record: line


def repeated(record: Record) -> bytes:
    return raw(record)[:-1] + b", " + raw(next(iter(record))) + b": 1}"


# Of one record: named by its line, and the two others go in.
RECORDS: tuple[Bad, ...] = (
    Bad("1e999", "number", with_more(b"1e999")),
    Bad("-1e999 deep inside", "number", with_more(b'[{"a": [-1e999]}]')),
    Bad("NaN", "not_json", with_more(b"NaN")),
    Bad("Infinity", "not_json", with_more(b"-Infinity")),
    Bad("a number of 5,000 digits", "not_json", with_more(b"9" * 5000)),
    Bad("lists 100,000 deep", "not_json", with_more(b"[" * 100_000 + b"]" * 100_000)),
    Bad("lists 70 deep", "depth", with_more(b"[" * 70 + b"]" * 70)),
    Bad("much metadata", "large_metadata", with_more(b'"' + b"x" * MAX_METADATA + b'"')),
    Bad("half a surrogate pair in metadata", "surrogate", with_more(rb'"\udfff"')),
    Bad("NUL in metadata", "nul", with_more(rb'{"a": "\u0000"}')),
    Bad("NUL as an escape", "nul", with_text("Ap\x00ple.")),
    Bad("NUL as a byte", "not_json", lambda record: raw(record).replace(b"Apple", b"Ap\x00ple")),
    Bad("half a surrogate pair", "surrogate", with_text("Apple \ud83c.")),
    Bad("the other half first", "surrogate", with_text("Apple \udf4e\ud83c.")),
    Bad("a text that is too long", "too_long", with_text("x" * (MAX_TEXT + 1))),
    Bad("a text of blanks", "", with_text(" \t\u00a0")),
    Bad("null for a text", "", with_text(None)),
    Bad("a number for a text", "", with_text(7)),
    Bad("true for a text", "", with_text(True)),
    Bad("an object for a text", "", with_text({"a": 1})),
    Bad("two texts alike", "same_texts repeated_text", with_text(answers(2)[1])),
    Bad("a key twice", "repeated_key", repeated),
    Bad("a byte-order mark in the middle", "not_json", lambda record: codecs.BOM_UTF8 + raw(record)),
    Bad("Latin-1", "not_utf8", lambda record: raw(record).replace(b"Apple", b"\xc4pple")),
    Bad("half a character", "not_utf8", lambda record: raw(record).replace(b"Apple", b"\xe2\x82pple")),
    Bad("a surrogate as bytes", "not_utf8", lambda record: raw(record).replace(b"Apple", b"\xed\xa0\x80pple")),
    Bad("cut off", "not_json", lambda record: raw(record)[:-9]),
    Bad("two in a line", "not_json", lambda record: raw(record) * 2),
    Bad("a comma behind", "not_json", lambda record: raw(record) + b","),
    Bad("single quotes", "not_json", lambda record: str(record).encode()),
    Bad("no object: a list", "not_object", lambda record: raw([record])),
    Bad("no object: a number", "not_object", written(b"7")),
    Bad("no object: null", "not_object", written(b"null")),
    Bad("no object: a text", "not_object", written(b'"' + b"x" * 500_000 + b'"')),
    Bad("an object of nothing", "", written(b"{}")),
)
# What is nothing bad where a number stands for itself, an object is shown as JSON, or a text begins as the other does.
TAKEN = {
    *((layout, "a number for a text") for layout in ("wide_table", "instruction_table")),
    ("label_studio", "an object for a text"),
    ("trl_implicit", "a text of blanks"),
}


class BadFile(NamedTuple):
    name: str
    code: str
    n_good: int
    content: Callable[[Sequence[Record]], bytes]


def lines(records: Sequence[Record]) -> bytes:
    return b"".join(raw(each) + b"\n" for each in records)


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


def parquet(records: Sequence[Record]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([_for_columns(each) for each in records]), file)
    return file.getvalue()


def arrow(records: Sequence[Record], *, streamed: bool = False) -> bytes:
    file, content = io.BytesIO(), pa.Table.from_pylist([_for_columns(each) for each in records])
    with (pa.ipc.new_stream if streamed else pa.ipc.new_file)(file, content.schema) as writer:
        for batch in content.to_batches(max_chunksize=1):
            writer.write_batch(batch)
    return file.getvalue()


def _for_columns(record: Record) -> Record:
    """Leaves out what is empty: a column can't be an object without keys."""
    return {key: value for key, value in record.items() if value != {} and value != []}


def _long_line(records: Sequence[Record]) -> bytes:
    first, second, third = records
    return lines([first]) + with_more(b'"' + b"x" * (MAX_LINE + 2**17) + b'"')(second) + b"\n" + lines([third])


def _zeros(content: bytes, start: int, n: int) -> bytes:
    return content[:start] + bytes(n) + content[start + n :]


def _broken_footer(records: Sequence[Record]) -> bytes:
    content = parquet(records)
    size = int.from_bytes(content[-8:-4], "little")
    return _zeros(content, len(content) - 8 - size, 40)


# Of the whole file: reading ends there, and what stood before it goes in.
FILES: tuple[BadFile, ...] = (
    BadFile("gzip without its end", "cut_off_packing", 3, lambda records: packed(lines(records))[:-1]),
    BadFile("gzip cut in its header", "cut_off_packing", 0, lambda records: packed(lines(records))[:7]),
    BadFile("gzip followed by garbage", "broken_packing", 3, lambda records: packed(lines(records)) + b"garbage"),
    BadFile("gzip of garbage", "broken_packing", 0, lambda records: b"\x1f\x8b\x08\x00" + lines(records)),
    BadFile("zstd without its end", "cut_off_packing", 0, lambda records: zstd(lines(records))[:-3]),
    BadFile("zstd of garbage", "broken_packing", 0, lambda records: zstd(lines(records))[:4] + b"\xff" * 90),
    BadFile("gzip in gzip", "packed", 0, lambda records: packed(packed(lines(records)))),
    BadFile("zip", "packed", 0, lambda records: b"PK\x03\x04" + lines(records)),
    BadFile("a workbook", "workbook", 0, lambda records: b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml"),
    BadFile("UTF-16", "not_utf8", 0, lambda records: lines(records).decode().encode("utf-16")),
    BadFile("UTF-16 without a mark", "not_utf8", 0, lambda records: lines(records).decode().encode("utf-16-le")),
    BadFile("UTF-32", "not_utf8", 0, lambda records: lines(records).decode().encode("utf-32")),
    BadFile("a line that is too long", "line_too_long", 1, _long_line),
    BadFile("a list cut off", "cut_off", 2, lambda records: raw(records)[:-20]),
    BadFile("a list without its end", "cut_off", 3, lambda records: raw(records)[:-1]),
    BadFile("a list with more behind", "more_after_list", 3, lambda records: raw(records) + b"\n[]"),
    BadFile("a list without commas", "no_comma", 1, lambda records: b"[" + b" ".join(map(raw, records)) + b"]"),
    BadFile("a list in gzip, cut off", "cut_off", 2, lambda records: packed(raw(records)[:-20])),
    BadFile(
        "two lists under keys", "several_lists", 2, lambda records: raw({"data": records[:2], "more": records[2:]})
    ),
    BadFile("Parquet cut off", "broken_table", 0, lambda records: parquet(records)[:-9]),
    BadFile("Parquet with a broken footer", "broken_table", 0, _broken_footer),
    BadFile("Parquet with broken pages", "broken_table", 0, lambda records: _zeros(parquet(records), 4, 300)),
    BadFile("Parquet in gzip, cut off", "cut_off_packing", 0, lambda records: packed(parquet(records))[:-9]),
    BadFile("an Arrow file cut off", "broken_table", 0, lambda records: arrow(records)[:-9]),
    BadFile("an Arrow stream cut off", "broken_table", 2, lambda records: arrow(records, streamed=True)[:-64]),
)
# Nothing is wrong with these: how people's programs write the same records.
SOUND: tuple[tuple[str, Callable[[Sequence[Record]], bytes], str], ...] = (
    ("as they are", lines, "x.jsonl"),
    ("under a wrong ending: .csv", lines, "x.csv"),
    ("under a wrong ending: .parquet", raw, "x.parquet"),
    ("Parquet under .jsonl", parquet, "x.jsonl"),
    ("Arrow under .json.gz", arrow, "x.json.gz"),
    ("gzip without an ending", lambda records: packed(lines(records)), "x"),
    ("zstd under .gz", lambda records: zstd(raw(records)), "x.gz"),
    ("gzip in two members", lambda records: packed(lines(records[:2])) + packed(lines(records[2:])), "x.gz"),
    ("with a byte-order mark", lambda records: codecs.BOM_UTF8 + lines(records), "x.jsonl"),
    ("a list with a byte-order mark", lambda records: codecs.BOM_UTF8 + raw(records), "x.json"),
    ("with other line ends", lambda records: lines(records).replace(b"\n", b"\r\n"), "x.jsonl"),
    ("with blank lines", lambda records: b"\n\n" + lines(records).replace(b"\n", b"\n \n"), "x.jsonl"),
    ("printed over many lines", lambda records: json.dumps(list(records), indent=2).encode(), "x.json"),
    ("an Arrow stream", lambda records: arrow(records, streamed=True), "x.arrow"),
)
