"""Bombs, each made as it is read, and the process that reads them: python -m ...bad_uploads.bombs"""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from formats.lines import Readable
from tests.labeling.data.importing.bad_uploads.good_records import trl_explicit

GOOD = json.dumps(trl_explicit(1)).encode()
HEADER = b"prompt,completion_a,completion_b,winner\n"
MOST_OF_A_RECORD = 15  # MiB: a little less than is taken
MANY = 600  # MiB: three times what reading may take


class Bomb(NamedTuple):
    name: str
    code: str
    n_good: int
    stream: Callable[[], Readable]


class Pieces:
    """A file of pieces that are made when somebody reads on."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int, /) -> bytes:
        return next((piece for piece in self._pieces if piece), b"")


def plain(begin: bytes, filling: bytes, mebibytes: int = MANY) -> Iterator[bytes]:
    yield begin
    for _ in range(mebibytes * 16):
        yield filling * (2**16 // len(filling))


def gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def zstd(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield bytes(pa.compress(piece, "zstd", asbytes=True))


# What is sent, as any text: the first record, then what it is filled up with, and how reading ends.
TEXTS: tuple[tuple[str, bytes, bytes, str, int], ...] = (
    ("a line without an end", GOOD + b'\n{"prompt": "', b"x", "line_too_long", 1),
    ("blank lines", GOOD + b"\n", b"\n", "too_many_lines", 1),
    ("brackets in a line", GOOD + b'\n{"prompt": ', b"[", "line_too_long", 1),
    ("brackets in a list", b"[" + GOOD + b",", b"[", "too_deep", 1),
    ("objects in a list", b"[" + GOOD + b",", b'{"a":', "too_deep", 1),
    ("a text in a list", b"[" + GOOD + b',{"prompt": "', b"x", "record_too_long", 1),
    ("a list in a list", b"[" + GOOD + b',{"prompt": [', b"1,", "record_too_long", 1),
    ("a number in a list", b"[" + GOOD + b',{"prompt": ', b"9", "record_too_long", 1),
    ("white space in a list", b"[" + GOOD, b" ", "record_too_long", 1),
    ("a key of an object around", b'{"version": "', b"x", "line_too_long", 0),
    ("a cell without an end", HEADER + b'Why?,a,b,a\nWhy?,"', b"x", "line_too_long", 1),
    ("a quote over lines without an end", HEADER + b'Why?,a,b,a\nWhy?,"', b"x\n", "open_quote", 1),
    ("a header without an end", b"prompt,", b"x,", "line_too_long", 0),
)
# What is no longer than a record may be, and makes far more of it: its filling, and the end of the file.
RECORDS: tuple[tuple[str, bytes, bytes, bytes, str, int], ...] = (
    ("many objects in a line", GOOD + b'\n{"prompt": [', b"{},", b"{}]}\n" + GOOD, "not_json", 2),
    ("many numbers in a line", GOOD + b'\n{"prompt": [', b"1,", b"1]}\n" + GOOD, "not_json", 2),
    ("many objects in a list", b"[" + GOOD + b',{"prompt": [', b"{},", b"{}]}," + GOOD + b"]", "bad_json", 2),
    ("many lists in a list", b"[" + GOOD + b',{"prompt": [', b"[],", b"[]]}," + GOOD + b"]", "bad_json", 2),
)


def _bombs() -> Iterator[Bomb]:
    for name, content, code, n_good in TABLES:
        yield Bomb(name, code, n_good, lambda content=content: io.BytesIO(content()))
    for name, pack, begin in PACKED:
        packed = partial(pack, plain(begin, b"\0"))
        yield Bomb(name, "packed_table", 0, lambda packed=packed: Pieces(packed()))
    for name, begin, filling, end, code, n_good in RECORDS:
        pieces = partial(_ended, begin, filling, end)
        yield Bomb(name, code, n_good, lambda pieces=pieces: Pieces(pieces()))
    for name, begin, filling, code, n_good in TEXTS:
        for how, pack in (("plain", iter), ("gzip", gzipped), ("zstd", zstd)):
            yield Bomb(
                f"{name}, {how}", code, n_good,
                lambda pack=pack, begin=begin, filling=filling: Pieces(pack(plain(begin, filling))),
            )  # fmt: skip


def _repeated(n: int, size: int, *, in_lists_of: int = 0) -> bytes:
    """A table of some hundred bytes, whose one text comes again in each row, or so many times in a list of each."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * n * max(in_lists_of, 1), pa.int32()), pa.array(["x" * size]))
    if in_lists_of:
        text = pa.ListArray.from_arrays(pa.array(range(0, (n + 1) * in_lists_of, in_lists_of), pa.int32()), text)
    rest = {"prompt": ["Why?"] * n, "completion_b": ["So."] * n, "winner": ["b"] * n}
    file = io.BytesIO()
    most = 2**31 - 1
    pq.write_table(
        pa.table({"completion_a": text, **rest}), file, compression="zstd", dictionary_pagesize_limit=most,
        store_schema=False,
    )  # fmt: skip
    return file.getvalue()


def _large(mebibytes: int) -> bytes:
    """A table of few bytes with rows of so many."""
    file = io.BytesIO()
    texts = ["x" * mebibytes * 2**20] * 5
    rest = {"prompt": ["Why?"] * 5, "completion_b": ["So."] * 5, "winner": ["b"] * 5}
    pq.write_table(pa.table({"completion_a": texts, **rest}), file, compression="zstd", use_dictionary=False)
    return file.getvalue()


def _table(n: int, *, mebibytes: int = 1, as_dictionary: bool = False) -> pa.Table:
    """One batch of n rows, each of a text that is packed into a few bytes."""
    text: pa.Array = pa.array(["x" * mebibytes * 2**20] * n)
    rest = {"prompt": ["Why?"] * n, "completion_b": ["So."] * n, "winner": ["b"] * n}
    return pa.table({"completion_a": text.dictionary_encode() if as_dictionary else text, **rest})


def _one_page() -> bytes:
    """A column of 300 MiB in one page of some kilobytes."""
    file = io.BytesIO()
    pq.write_table(_table(300), file, compression="zstd", use_dictionary=False, data_page_size=2**30)
    return file.getvalue()


def _one_page_denied() -> bytes:
    """The same, where the end of the table says that there is next to nothing in it: only the page says more."""
    content = _one_page()
    column = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0)
    size = _varint(2 * column.total_uncompressed_size)
    assert content.count(size) == 1
    return content.replace(size, b"\x82" + b"\x80" * (len(size) - 2) + b"\x00")


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _arrow(table: pa.Table, *, packing: str | None = "zstd", streamed: bool = False) -> bytes:
    file = io.BytesIO()
    with (pa.ipc.new_stream if streamed else pa.ipc.new_file)(
        file, table.schema, options=pa.ipc.IpcWriteOptions(compression=packing)
    ) as writer:
        writer.write_table(table)
    return file.getvalue()


def _views() -> bytes:
    """Some bytes for each row, that say where the one text of 10 MB lies."""
    n, text = 1_000, b"x" * 10_000_000
    view = len(text).to_bytes(4, "little") + text[:4] + bytes(8)
    buffers = [None, pa.py_buffer(view * n), pa.py_buffer(text)]
    texts = pa.Array.from_buffers(pa.string_view(), n, buffers)
    return _arrow(pa.table({**dict.fromkeys(("prompt", "completion_b"), ["So."] * n), "completion_a": texts}))


# Tables that grow as they are read: it is the row that is refused, or the whole at 4 GiB.
TABLES: tuple[tuple[str, Callable[[], bytes], str, int], ...] = (
    ("10 MB in each of 1,000 rows", partial(_repeated, 1_000, 10_000_000), "unpacks_to_too_much", 429),
    ("10 MB 200 times in a row", partial(_repeated, 1, 10_000_000, in_lists_of=200), "large_row", 0),
    ("1 KB two million times in a row", partial(_repeated, 1, 1_000, in_lists_of=2_000_000), "large_row", 0),
    ("rows of 20 MB", partial(_large, 20), "large_row", 0),
    ("Parquet in one page", _one_page, "pages_too_large", 0),
    ("Parquet in one page that is denied", _one_page_denied, "pages_too_large", 0),
    ("an Arrow file in one batch", lambda: _arrow(_table(300)), "batch_too_large", 0),
    ("an Arrow file in lz4", lambda: _arrow(_table(300), packing="lz4"), "batch_too_large", 0),
    ("an Arrow stream in one batch", lambda: _arrow(_table(300), streamed=True), "batch_too_large", 0),
    ("an Arrow file's dictionary", lambda: _arrow(_table(1, mebibytes=300, as_dictionary=True)), "batch_too_large", 0),
    (
        *("an Arrow stream's dictionary", lambda: _arrow(_table(1, mebibytes=300, as_dictionary=True), streamed=True)),
        *("batch_too_large", 0),
    ),
    ("Arrow views of one text of 10 MB", _views, "unpacks_to_too_much", 384),
)


# Tables that have to be copied to be read: no more of them than a disk is asked for.
PACKED: tuple[tuple[str, Callable[[Iterator[bytes]], Iterator[bytes]], bytes], ...] = (
    ("Parquet in gzip", lambda pieces: gzipped(pieces), b"PAR1"),
    ("Parquet in zstd", lambda pieces: zstd(pieces), b"PAR1"),
    ("an Arrow file in gzip", lambda pieces: gzipped(pieces), b"ARROW1"),
)


def _ended(begin: bytes, filling: bytes, end: bytes) -> Iterator[bytes]:
    yield from plain(begin, filling, MOST_OF_A_RECORD)
    yield end


BOMBS = tuple(_bombs())


def read(bomb: Bomb) -> dict[str, object]:
    from formats.refusals import Refused
    from labeling.data.importing import upload_layouts
    from labeling.data.importing.imports import MOST_BAD
    from labeling.errors import Invalid

    stream, n_good, n_bad, code = bomb.stream(), 0, 0, ""
    pa.default_memory_pool().release_unused()
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    try:
        for record in upload_layouts.rows_of(stream):
            if isinstance(record.value, Refused):
                n_bad, code = n_bad + 1, code or record.value.code
            else:
                n_good += 1
            if n_bad > MOST_BAD:  # as an import does
                break
    except Invalid as error:
        code = code or error.code
    return {"name": bomb.name, "code": code, "good": n_good, "bytes": memory("VmHWM") - before}


def memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    read(Bomb("", "", 0, lambda: io.BytesIO(GOOD)))  # what all of them load
    for bomb in BOMBS:
        print(json.dumps(read(bomb)), flush=True)


if __name__ == "__main__":
    main()
