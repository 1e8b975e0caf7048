"""Bad files: each ends in just the problems that it has, named, and what is good in it comes out."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from formats import rows
from formats.files.opening import open_records
from formats.lines import MAX_LINE, WORDS, Unreadable
from formats.refusals import Refused
from labeling.data.importing import row_words, upload_lines

COMPLETIONS = [{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}]


def row(name: str, **changes: object) -> dict[str, object]:
    return {"id": name, "prompt": "Why?", "completions": COMPLETIONS, **changes}


def lines(*values: object) -> bytes:
    return b"".join((value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n" for value in values)


def listed(*values: object, end: bytes = b"]") -> bytes:
    written = (value if isinstance(value, bytes) else json.dumps(value).encode() for value in values)
    return b"[" + b",\n".join(written) + end


def table(*cells: bytes, header: bytes = b"id,prompt,completions") -> bytes:
    return b"\n".join((header, *cells, b""))


def cells(name: str, text: str = "Why?") -> bytes:
    quoted = json.dumps(COMPLETIONS).replace('"', '""')
    return f'{name},{text},"{quoted}"'.encode()


def parquet(values: pa.Table | list[dict[str, object]], **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(values if isinstance(values, pa.Table) else pa.Table.from_pylist(values), file, **options)
    return file.getvalue()


def arrow(values: list[dict[str, object]], *, streamed: bool) -> bytes:
    file, content = io.BytesIO(), pa.Table.from_pylist(values)
    with (pa.ipc.new_stream if streamed else pa.ipc.new_file)(file, content.schema) as writer:
        for batch in content.to_batches(max_chunksize=1):
            writer.write_batch(batch)
    return file.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


A, B, C = row("a"), row("b"), row("c")
THREE = [A, B, C]
SPREAD = b"\n".join(json.dumps(value, indent=1).encode() for value in THREE[:2])
LONG = [row(str(n), metadata={"n": n * 7919 % 10007}) for n in range(2_000)]
TWO_ALIKE = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["id", "id"])
HUGE = json.dumps(row("b", metadata={"x": 0})).replace(": 0", ": 1e999").encode()
NAN = b'{"id": "n", "metadata": {"a": NaN}}'


def gzip_of(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


# name, bytes, the good rows' ids (or how many), the one problem's code.
CASES: list[tuple[str, bytes, str | int, str]] = [
    # packed
    ("gzip without its end", gzip_of(lines(*LONG))[:-1], 2000, "cut_off_packing"),
    ("gzip cut in its trailer", gzip_of(lines(A, B))[:-6], "ab", "cut_off_packing"),
    ("gzip cut in its header", gzip_of(lines(A))[:6], "", "cut_off_packing"),
    ("gzip with a wrong checksum", gzip_of(lines(A))[:-8] + bytes(4) + gzip_of(lines(A))[-4:], "", "broken_packing"),
    ("gzip of garbage", b"\x1f\x8b\x08\x00" + b"garbage" * 9, "", "broken_packing"),
    ("gzip followed by garbage", gzip_of(lines(A)) + b"garbage garbage", "a", "broken_packing"),
    ("gzip in gzip", gzip_of(gzip_of(lines(A))), "", "packed"),
    ("zstd in gzip", gzip_of(zstd(lines(A))), "", "packed"),
    ("zip in gzip", gzip_of(b"PK\x03\x04rest"), "", "packed"),
    ("zstd without its end", zstd(lines(A))[:-3], "", "cut_off_packing"),
    ("zstd cut in its header", zstd(lines(A))[:5], "", "cut_off_packing"),
    ("zstd of garbage", zstd(lines(A))[:4] + b"\xff" * 60, "", "broken_packing"),
    ("zip", b"PK\x03\x04rest", "", "packed"),
    ("empty zip", b"PK\x05\x06" + bytes(18), "", "packed"),
    ("bzip2", b"BZh91AY&SY", "", "packed"),
    ("xz", b"\xfd7zXZ\x00", "", "packed"),
    ("7-Zip", b"7z\xbc\xaf\x27\x1c", "", "packed"),
    ("RAR", b"Rar!\x1a\x07", "", "packed"),
    ("tar", b"data.jsonl".ljust(257, b"\x01") + b"ustar\x0000", "", "packed"),
    # other files
    ("xlsx", b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "", "workbook"),
    ("xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "", "workbook"),
    ("PDF", b"%PDF-1.7\n", "", "no_rows"),
    ("PNG", b"\x89PNG\r\n\x1a\n", "", "no_rows"),
    ("JPEG", b"\xff\xd8\xff\xe0", "", "no_rows"),
    ("GIF", b"GIF89a", "", "no_rows"),
    ("HTML", b"<!DOCTYPE html><html>", "", "no_rows"),
    ("HTML with a mark and blanks", codecs.BOM_UTF8 + b"\n <html>", "", "no_rows"),
    ("XML", b"<?xml version='1.0'?>", "", "no_rows"),
    ("SQLite", b"SQLite format 3\x00", "", "no_rows"),
    ("pickle", b"\x80\x04\x95", "", "no_rows"),
    ("NumPy", b"\x93NUMPY\x01", "", "no_rows"),
    ("a letter", b"Dear all, please see\nthe file\nthat is attached\n", "", "unknown"),
    ("words", b"hello\nworld\n", "", "unknown"),
    # encodings
    *((f"lines in {name}", lines(A).decode().encode(name), "", "not_utf8") for name in ("utf-16", "utf-16-le")),
    *((f"list in {name}", listed(A).decode().encode(name), "", "not_utf8") for name in ("utf-16-be", "utf-32")),
    *((f"CSV in {name}", table(cells("a")).decode().encode(name), "", "not_utf8") for name in ("utf-16", "utf-32-be")),
    ("UTF-32 without a mark", lines(A).decode().encode("utf-32-le"), "", "not_utf8"),
    ("a line in Latin-1", lines(A, b'{"id": "\xe4"}', C), "ac", "not_utf8"),
    ("an item in Latin-1", listed(A, b'{"id": "\xe4"}', C), "ac", "not_utf8"),
    ("a cell in Latin-1", table(cells("a"), b"b,\xe4,x", cells("c")), "ac", "not_utf8"),
    ("a header in Latin-1", table(b"1,2", header=b"id,\xe4"), "", "not_utf8"),
    ("a mark in the middle of lines", lines(A, codecs.BOM_UTF8 + lines(B).strip(), C), "ac", "not_json"),
    ("a mark in the middle of a list", listed(A, codecs.BOM_UTF8 + lines(B).strip(), C), "ac", "bad_json"),
    ("half a character at the end", lines(A) + b'{"id": "\xe2\x82', "a", "not_utf8"),
    ("half a surrogate pair", lines(A, row("\ud800"), C), "ac", "surrogate"),
    ("half a pair in a list", listed(A, row("b", metadata={"x": "\udfff"}), C), "ac", "surrogate"),
    # JSON
    ("NaN in a line", lines(A, NAN, C), "ac", "not_json"),
    ("NaN in a list", listed(A, NAN, C), "ac", "bad_json"),
    ("-Infinity in a list", listed(A, NAN.replace(b"NaN", b"-Infinity"), C), "ac", "bad_json"),
    ("1e999 in a line", lines(A, HUGE, C), "ac", "number"),
    ("1e999 in a list", listed(A, lines(row("b", metadata={"x": 0})).replace(b": 0", b": -1e999"), C), "ac", "number"),
    ("a number of 5,000 digits in a line", lines(A, b'{"id": ' + b"9" * 5000 + b"}", C), "ac", "not_json"),
    ("a number of 5,000 digits in a list", listed(A, b'{"id": ' + b"9" * 5000 + b"}", C), "ac", "bad_json"),
    ("NUL as an escape", lines(A, row("b\x00"), C), "ac", "nul"),
    ("NUL as an escape in a list", listed(A, row("b", prompt="\x00"), C), "ac", "nul"),
    ("NUL as a byte", lines(A, b'{"id": "\x00"}', C), "ac", "not_json"),
    ("NUL as a byte in a list", listed(A, b'{"id": "\x00"}', C), "ac", "bad_json"),
    ("deep lists in a line", lines(A, b"[" * 100_000 + b"]" * 100_000, C), "ac", "not_json"),
    ("deep lists in a list", listed(A, b"[" * 100_000 + b"]" * 100_000, C), "ac", "bad_json"),
    ("deep objects in a list", listed(A, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, C), "ac", "bad_json"),
    ("deep metadata", lines(A, row("b", metadata={"a": json.loads("[" * 70 + "]" * 70)}), C), "ac", "depth"),
    ("nothing but brackets", b"[" * 200_000, "", "cut_off"),
    ("a key twice in a line", lines(A, lines(B).strip()[:-1] + b', "id": "c"}', C), "ac", "repeated_key"),
    ("a key twice in a list", listed(A, lines(B).strip()[:-1] + b', "id": "c"}', C), "ac", "repeated_key"),
    ("a number among the items", listed(A, 7, C), "ac", "not_object"),
    ("a list among the lines", lines(A, [], C), "ac", "not_object"),
    ("null among the items", listed(A, None, C), "ac", "not_object"),
    ("single quotes in a line", lines(A, b"{'id': 'b'}", C), "ac", "not_json"),
    ("single quotes in a list", listed(A, b"{'id': 'b'}", C), "ac", "bad_json"),
    ("a comma behind the last key in a line", lines(A, b'{"id": "b",}', C), "ac", "not_json"),
    ("a comma behind the last key in a list", listed(A, b'{"id": "b",}', C), "ac", "bad_json"),
    ("a comma behind the last item", listed(A, B, end=b",]"), "ab", "trailing_comma"),
    ("a comma behind a line", lines(A, lines(B).strip() + b",", C), "ac", "not_json"),
    ("a comma and no item", listed(A, B).replace(b",\n", b",,\n"), "a", "no_comma"),
    ("no comma between items", listed(A, B).replace(b",\n", b"\n"), "a", "no_comma"),
    ("a colon missing", listed(A, b'{"id" "b"}', C), "ac", "bad_json"),
    ("a comment", listed(A, b'{"id": "b" /* why */}', C), "ac", "bad_json"),
    ("a list cut off in an item", listed(A, B, C)[:-20], "ab", "cut_off"),
    ("a list cut off in a text", listed(A, B, b'{"id": "c', end=b""), "ab", "cut_off"),
    ("a list cut off behind an item", listed(A, B, end=b""), "ab", "cut_off"),
    ("a list cut off behind a comma", listed(A, B, end=b","), "ab", "cut_off"),
    ("a long list cut off", listed(*LONG)[:-1], 2000, "cut_off"),
    ("a list cut off at once", b"[", "", "cut_off"),
    ("more behind the list", listed(A, B) + b"\n{}", "ab", "more_after_list"),
    ("two lists", listed(A, B) + listed(C), "ab", "more_after_list"),
    ("a wrapped list cut off", json.dumps({"data": THREE}, indent=1).encode()[:-30], "ab", "cut_off"),
    ("a wrapped list without its end", json.dumps({"data": THREE}).encode()[:-1], "abc", "cut_off"),
    ("two wrapped lists", json.dumps({"data": [A], "test": [B]}).encode(), "a", "several_lists"),
    ("more behind the object", json.dumps({"data": [A]}).encode() + b" x", "a", "more_after_list"),
    ("no colon in the object around", b'{"data": [' + lines(A).strip() + b'], "x" 1}', "a", "no_comma"),
    ("a line cut off at the end", lines(A, B)[:-20], "a", "not_json"),
    ("a line cut off in the middle", lines(A, lines(B)[:30], C), "ac", "not_json"),
    ("objects in one line, the second broken", lines(A).strip() + b'{"id": }' + lines(C).strip(), "ac", "bad_json"),
    ("objects over many lines, cut off", SPREAD[:-9], "a", "cut_off"),
    ("a line that is too long", lines(A, b"x" * (MAX_LINE + 2**17)), "a", "line_too_long"),
    ("a first line that is too long", b"x" * (MAX_LINE + 2**17), "", "line_too_long"),
    ("an item that is too long", listed(A, b'"' + b"x" * 3 * MAX_LINE + b'"', C), "a", "record_too_long"),
    ("too much white space in a list", b"[" + b" " * 3 * MAX_LINE + b"]", "", "record_too_long"),
    # CSV
    ("one cell too few", table(cells("a"), b"b,Why?", cells("c")), "ac", "ragged"),
    ("one cell too many", table(cells("a"), cells("b") + b",x", cells("c")), "ac", "ragged"),
    ("a column twice", table(b"1,2,3", header=b"id,prompt,id"), "", "repeated_column"),
    ("a column twice but for blanks", table(b"1,2,3", header=b"id,prompt, id"), "", "repeated_column"),
    ("a column without a name", table(b"1,2,3", header=b"id,,prompt"), "", "unnamed_column"),
    ("a quote without an end in the last row", table(cells("a"), b'b,"Why?,x'), "a", "open_quote"),
    ("a quote without an end, blank lines behind", table(cells("a"), b'b,"Why?,x', b"", b""), "a", "open_quote"),
    ("a quote without an end among rows", table(cells("a"), b'b,"Why?,x', cells("c")), "ac", "open_quote"),
    ("text behind a quote", table(cells("a"), b'b,"Why"?,x', cells("c")), "ac", "bad_quote"),
    ("a header with a broken quote", b'"id"x,prompt\n1,2\n', "", "broken_header"),
    ("a NUL in a cell", table(cells("a"), cells("b", "W\x00?"), cells("c")), "ac", "nul"),
    ("a cell that is no JSON", table(cells("a"), b"b,Why?,[1", cells("c")), "ac", "some_completions"),
    # tables
    ("Parquet of four bytes", b"PAR1", "", "broken_table"),
    ("Parquet without its end", parquet(THREE)[:-9], "", "broken_table"),
    ("Parquet with a broken end", parquet(THREE)[:-60] + bytes(52) + parquet(THREE)[-8:], "", "broken_table"),
    ("Parquet with a broken middle", parquet(THREE)[:4] + bytes(200) + parquet(THREE)[204:], "", "broken_table"),
    ("Parquet that is cut off, in gzip", gzip_of(parquet(THREE)[:-9]), "", "broken_table"),
    ("Parquet in gzip that is cut off", gzip_of(parquet(THREE))[:-9], "", "cut_off_packing"),
    ("Parquet with a column twice", parquet(TWO_ALIKE), "", "repeated_column"),
    ("Parquet of numbers for ids", parquet([row("a") | {"id": 7}]), "", "no_text"),
    ("Parquet of texts for completions", parquet([row("a") | {"completions": "x"}]), "", "some_completions"),
    ("Parquet of bytes", parquet([row("a") | {"id": b"\xff"}]), "", "binary"),
    ("Parquet of decimals", parquet([row("a") | {"split": Decimal("1.5")}]), "", "split"),
    (
        "Parquet with NaN",
        parquet([row("a", metadata={"x": float("nan")}), row("b", metadata={"x": 1.0})]),
        "b",
        "number",
    ),
    ("Arrow of eight bytes", b"ARROW1\x00\x00", "", "broken_table"),
    ("an Arrow file without its end", arrow(THREE, streamed=False)[:-9], "", "broken_table"),
    ("an Arrow stream that is cut off", arrow(THREE, streamed=True)[:-100], "ab", "broken_table"),
    ("an Arrow stream of four bytes", b"\xff\xff\xff\xff", "", "broken_table"),
]


def read(content: bytes) -> tuple[list[str], list[Unreadable | Refused]]:
    """Gives the good rows' ids and the problems."""
    good: list[str] = []
    problems: list[Unreadable | Refused] = []
    try:
        for record in open_records(io.BytesIO(content)):
            try:
                if isinstance(record.value, Refused):
                    raise record.value
                good.append(rows.parse_row(record.value).id)
            except Refused as error:
                problems.append(error)
    except Unreadable as error:
        problems.append(error)
    return good, problems


@pytest.mark.parametrize(("content", "good", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_bad_file_ends_in_one_named_problem_and_its_good_rows_come_out(
    content: bytes, good: str | int, code: str
) -> None:
    found, problems = read(content)
    assert [problem.code for problem in problems] == [code]
    assert (len(found) if isinstance(good, int) else "".join(found)) == good
    words = str(problems[0])
    assert 10 < len(words) < 600
    words.encode()
    if isinstance(problems[0], Unreadable):
        assert upload_lines.words_of(code) % problems[0].values
    else:
        assert row_words.words_of(problems[0])


def test_every_problem_has_words_for_people() -> None:
    assert all(upload_lines.words_of(code) for code in WORDS)


@pytest.mark.parametrize("content", [b"", b"\n \r\n", codecs.BOM_UTF8, b"[]", b"[\n]\n", b"id,prompt\n", gzip_of(b"")])
def test_a_file_of_nothing_has_no_rows_and_no_problem(content: bytes) -> None:
    assert read(content) == ([], [])


class Zeros:
    """A gzip or zstd file that unpacks to any number of bytes, made as it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces

    def read(self, size: int) -> bytes:
        return next((piece for piece in self.pieces if piece), b"")


def bomb(begin: bytes, filling: bytes, mebibytes: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(begin) + packer.flush(zlib.Z_SYNC_FLUSH)
    for _ in range(mebibytes):
        yield packer.compress(filling * (2**20 // len(filling)))
    yield packer.flush()


def zstd_bomb(begin: bytes, filling: bytes, mebibytes: int) -> Iterator[bytes]:
    yield zstd(begin)
    piece = zstd(filling * (2**20 // len(filling)))
    for _ in range(mebibytes):
        yield piece


@pytest.mark.parametrize("pack", [bomb, zstd_bomb], ids=["gzip", "zstd"])
@pytest.mark.parametrize(
    ("begin", "filling", "code"),
    [
        (b'{"id": "a"}\n', b"\n", "too_many_lines"),
        (b'{"id": "a"}\n{"x": "', b"x", "line_too_long"),
        (b'[{"id": "a"}', b" ", "record_too_long"),
        (b'[{"id": "a"},', b"[", "too_deep"),
        (b'[{"id": "a"}', b',{"id": "a"} ', "unpacks_to_too_much"),
        (b"id,x\na,b\n", b"a,b\n", "unpacks_to_too_much"),
    ],
    ids=["blank lines", "a long line", "white space", "brackets", "a list", "rows"],
)
def test_a_bomb_is_stopped_in_words_and_in_the_memory_of_a_line(
    pack: Callable[[bytes, bytes, int], Iterator[bytes]], begin: bytes, filling: bytes, code: str
) -> None:
    limit = 2**18 if code == "unpacks_to_too_much" else 2**30
    tracemalloc.start()
    found, found_code = 0, ""
    try:
        for _ in open_records(Zeros(pack(begin, filling, 40)), max_bytes=limit):
            found += 1
    except Unreadable as stopped:
        found_code = stopped.code
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found_code == code
    assert found >= 1
    assert most < 5 * MAX_LINE
