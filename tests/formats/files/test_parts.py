"""Several files in one: their rows numbered through, and limits that are of all of them together."""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from formats.files.opening import open_records
from formats.files.parts import Part, Window, open_parts
from formats.files.records import Records
from formats.lines import Unreadable


def parquet(*values: int) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.table({"n": list(values)}), written)
    return written.getvalue()


def opened(files: Mapping[str, bytes], **limits: int) -> Records:
    parts = [Part(name, len(data)) for name, data in files.items()]
    return open_parts(io.BytesIO(b"".join(files.values())), parts, **limits)


@pytest.mark.parametrize(
    ("files", "container"),
    [
        ({"a.parquet": parquet(1, 2), "b.parquet": parquet(3)}, "2 × Parquet"),
        ({"a.jsonl": b'{"n": 1}\n\n{"n": 2}', "b.jsonl": b'\xef\xbb\xbf{"n": 3}\n'}, "2 × JSON Lines"),
        ({"a.csv.gz": gzip.compress(b"n\n1\n2\n"), "b.csv.gz": gzip.compress(b"n\n3\n")}, "2 × CSV (gzip)"),
        ({"x/a.json": b'[{"n": 1}, {"n": 2}]', "x/b.parquet": parquet(3)}, "2 × .json, .parquet"),
        ({"a.jsonl": b"", "b.parquet": parquet(1, 2, 3)}, "2 × .jsonl, .parquet"),
    ],
)
def test_they_are_one_file(files: dict[str, bytes], container: str) -> None:
    records = opened(files)
    read = list(records)
    assert (records.container, records.unit) == (container, "row")
    assert [int(record.value["n"]) for record in read if isinstance(record.value, dict)] == [1, 2, 3]
    numbers = [record.number for record in read]
    assert numbers == sorted(set(numbers))


def test_limits_are_of_all_together() -> None:
    packed = gzip.compress(b'{"n": "' + b"a" * 900 + b'"}\n')
    files = {"a.jsonl.gz": packed, "b.jsonl.gz": packed}
    assert len(list(opened(files, max_bytes=2000))) == 2
    with pytest.raises(Unreadable) as caught:
        list(opened(files, max_bytes=1000))
    assert (caught.value.code, caught.value.values["part"]) == ("unpacks_to_too_much", "b.jsonl.gz")
    with pytest.raises(Unreadable) as caught:
        list(opened({"a.parquet": parquet(1, 2), "b.parquet": parquet(3)}, max_records=2))
    assert caught.value.code == "too_many_rows"


def test_one_that_can_not_be_read_is_named() -> None:
    for files in ({"a.jsonl": b"%PDF-1.7", "b.jsonl": b"{}"}, {"a.jsonl": b"{}", "b.jsonl": b"%PDF-1.7"}):
        with pytest.raises(Unreadable) as caught:
            list(opened(files))
        assert files[str(caught.value.values["part"])] == b"%PDF-1.7"


def test_a_window_shows_no_more_than_its_part() -> None:
    window = Window(io.BytesIO(b"abcdefgh"), 2, 3)
    assert (window.read(), window.read(), window.tell()) == (b"cde", b"", 3)
    assert (window.seek(-2, 2), window.read(9), window.seek(9), window.read(1)) == (1, b"de", 9, b"")
    table = parquet(1, 2)
    assert len(list(open_records(Window(io.BytesIO(b"PAR1" + table + b"PAR1"), 4, len(table))))) == 2
