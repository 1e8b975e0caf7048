"""Parquet and Arrow: what they take is known before they are read, and what isn't as it says is refused."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from formats.files import arrow_messages, arrow_rows, parquet_pages, table_sizes
from formats.files.opening import open_records
from formats.lines import Unreadable
from tests.labeling.data.importing.bad_uploads.damage import packed

N = 3_000
COLUMNS = {
    "few": pa.array(["a", "bb", None] * (N // 3)),
    "many": pa.array([f"text {n}" for n in range(N)]),
    "numbers": pa.array(range(N)),
    "lists": pa.array([["x"] * (n % 5) for n in range(N)]),
    "objects": pa.array([{"a": {"b": n}, "c": [n]} for n in range(N)]),
}
WRITTEN: list[dict[str, Any]] = [
    {}, {"compression": "zstd"}, {"use_dictionary": False}, {"data_page_version": "2.0"}, {"data_page_size": 100},
    {"row_group_size": 700}, {"write_statistics": False}, {"write_page_checksum": True}, {"compression": "none"},
]  # fmt: skip


class Stream:
    """A body that can't be read in any order."""

    def __init__(self, body: bytes) -> None:
        self._file = io.BytesIO(body)

    def read(self, size: int, /) -> bytes:
        return self._file.read(size)


def parquet(table: pa.Table, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file


def arrow(table: pa.Table, *, streamed: bool = False, packing: str | None = None, rows: int | None = None) -> bytes:
    file, options = io.BytesIO(), pa.ipc.IpcWriteOptions(compression=packing)
    with (pa.ipc.new_stream if streamed else pa.ipc.new_file)(file, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return file.getvalue()


def rows(body: bytes, *, in_any_order: bool = True) -> list[object]:
    return [record.value for record in open_records(io.BytesIO(body) if in_any_order else Stream(body))]


def before_the_end(body: bytes) -> tuple[list[object], str]:
    """Gives the rows, and the code of what ended their reading, if anything did."""
    seen: list[object] = []
    try:
        for record in open_records(io.BytesIO(body)):
            seen.append(record.value)
    except Unreadable as error:
        return seen, error.code
    return seen, ""


@pytest.mark.parametrize("options", WRITTEN, ids=str)
def test_the_pages_of_a_column_are_found_one_after_another(options: dict[str, Any]) -> None:
    file = parquet(pa.table(COLUMNS), **options)
    metadata = pq.ParquetFile(file).metadata
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            found = parquet_pages.pages_of(file, column)
            assert found.n_values == column.num_values
            assert 0 < found.largest <= column.total_uncompressed_size
            assert (found.dictionary > 0) == column.has_dictionary_page
    assert rows(file.getvalue()) == pa.table(COLUMNS).to_pylist()


def test_pages_that_are_none_are_a_broken_table() -> None:
    body = bytearray(parquet(pa.table(COLUMNS), use_dictionary=False).getvalue())
    for start in (b"\xff" * 40, b"\x1f" + b"\xff" * 40, b"\x19\xfc" + b"\xff" * 40, b"\x1c" * 40):
        body[4 : 4 + len(start)] = start
        with pytest.raises(Unreadable, match="the file is Parquet and can't be read after row 0"):
            rows(bytes(body))


def test_more_pages_than_anybody_writes_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_pages, "MOST_PAGES", 10)
    body = parquet(pa.table(COLUMNS), data_page_size=1, use_dictionary=False, write_batch_size=10).getvalue()
    with pytest.raises(Unreadable, match="more than 10 pages in one row group"):
        rows(body)


def test_rows_before_a_row_group_that_is_too_large_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_sizes, "MOST_OF_PAGES", 2**20)
    table = pa.table({"a": ["x", "y", "z" * 2**21]})
    seen, problem = before_the_end(parquet(table, row_group_size=1).getvalue())
    assert (seen, problem) == ([{"a": "x"}, {"a": "y"}], "pages_too_large")


@pytest.mark.parametrize("packing", [None, "zstd", "lz4"])
@pytest.mark.parametrize("streamed", [False, True], ids=["file", "stream"])
@pytest.mark.parametrize("in_any_order", [False, True], ids=["as it comes", "in any order"])
def test_arrow_is_read_however_it_is_packed(packing: str | None, streamed: bool, in_any_order: bool) -> None:
    table = pa.table({**COLUMNS, "dictionary": COLUMNS["few"].dictionary_encode()})
    body = arrow(table, streamed=streamed, packing=packing, rows=700)
    assert rows(body, in_any_order=in_any_order) == table.to_pylist()


@pytest.mark.parametrize("packing", [None, "zstd"])
@pytest.mark.parametrize("streamed", [False, True], ids=["file", "stream"])
def test_a_batch_that_is_too_large_ends_the_reading_behind_those_before(
    monkeypatch: pytest.MonkeyPatch, packing: str | None, streamed: bool
) -> None:
    monkeypatch.setattr(arrow_messages, "MOST_OF_A_BATCH", 2**20)
    body = arrow(pa.table({"a": ["x", "y", "z" * 2**21]}), streamed=streamed, packing=packing, rows=1)
    assert before_the_end(body) == ([{"a": "x"}, {"a": "y"}], "batch_too_large")


@pytest.mark.parametrize("streamed", [False, True], ids=["file", "stream"])
def test_arrow_that_points_outside_of_itself_is_a_broken_table(streamed: bool) -> None:
    """Nobody reads the memory that lies behind it."""
    body = arrow(pa.table({"a": ["first", "second"]}), streamed=streamed)
    ends = (0).to_bytes(4, "little") + (5).to_bytes(4, "little") + (11).to_bytes(4, "little")
    assert body.count(ends) == 1
    with pytest.raises(Unreadable, match="the file is Arrow and can't be read after row 0"):
        rows(body.replace(ends, ends[:8] + (2**30).to_bytes(4, "little")))


@pytest.mark.parametrize("streamed", [False, True], ids=["file", "stream"])
def test_arrow_with_any_byte_changed_is_read_or_one_problem(streamed: bool) -> None:
    body = arrow(pa.table({"a": ["first", "second"], "b": [[1], [2, 3]]}), streamed=streamed, packing="zstd")
    for place in range(8, len(body)):
        for value in (0, 0x7F, 0xFF):
            before_the_end(body[:place] + bytes([value]) + body[place + 1 :])


def test_columns_that_repeat_others_by_ways_of_their_own_are_named() -> None:
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([3], pa.int32()), pa.array(["x"]))
    views = pa.array([["x"]] * 3, pa.list_view(pa.string()))
    for strange in (runs, views):
        with pytest.raises(Unreadable, match="column 'a' is of the type"):
            rows(arrow(pa.table({"a": strange})))


def test_a_dictionary_of_anything_is_read() -> None:
    numbers = pa.array([7, 8, 7, None]).dictionary_encode()
    assert rows(arrow(pa.table({"a": numbers}))) == [{"a": 7}, {"a": 8}, {"a": 7}, {"a": None}]


def test_sizes_are_those_of_the_values_and_not_of_their_keeping() -> None:
    long = "x" * 1_000
    texts = [long, None, long]
    for array in (
        pa.array(texts).dictionary_encode(),
        pa.array(texts, pa.string_view()),
        pa.array([[text] for text in texts], pa.list_(pa.string())),
        pa.array([{"a": text} for text in texts]),
        pa.array([[("key", text)] for text in texts], pa.map_(pa.string(), pa.string())),
    ):
        assert 2_000 <= table_sizes.bytes_of(array) < 2_200
        assert 1_000 <= table_sizes.bytes_of(array.slice(1, 2)) < 1_200


def test_a_packed_table_is_copied_up_to_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"a": ["x"] * 1_000})
    for body in (parquet(table).getvalue(), arrow(table)):
        assert len(rows(packed(body))) == 1_000
    monkeypatch.setattr(arrow_rows, "MOST_ASIDE", 100)
    for body in (parquet(table).getvalue(), arrow(table)):
        with pytest.raises(Unreadable, match=r"what was packed is (Parquet|Arrow) of more than 0 MiB"):
            rows(packed(body))
        assert len(rows(body, in_any_order=False)) == 1_000  # what wasn't packed is no larger than what was sent
    assert len(rows(packed(arrow(table, streamed=True)))) == 1_000  # is read as it comes


FULL = f"""
import resource, io
from formats.files.opening import open_records
from tests.formats.files.test_tables import Stream, parquet, pa
body = parquet(pa.table({{"a": [str(n) * 9 for n in range(100_000)]}})).getvalue()
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, {resource.RLIM_INFINITY}))
try:
    list(open_records(Stream(body)))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_disk_that_is_full_is_one_problem() -> None:
    ended = subprocess.run([sys.executable, "-c", FULL], stdout=subprocess.PIPE, text=True, check=True)
    assert ended.stdout == (
        "Unreadable the disk has no room to unpack the file; make room, or send it in several files\n"
    )
