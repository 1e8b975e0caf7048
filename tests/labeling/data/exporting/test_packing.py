"""How a file is packed, and CSV that a spreadsheet may open."""

from __future__ import annotations

import csv
import gzip
import io
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.files import csv_formulas, csv_rows
from formats.refusals import Refused
from labeling.data.exporting import exports
from labeling.data.exporting.packing import packed
from labeling.data.exporting.wanted import Wanted
from labeling.data.versions import datasets
from labeling.models import Project
from tests.factories import join, make_project, make_prompt, rank
from tests.labeling.data.exporting.asked import export, rows

FORMULAS = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "plain", "＝1", "\r=2", "a\n=b"]


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(slug="helpful")
    make_prompt(project, split="train", question="=1+1", texts=FORMULAS)
    rank(project, join(project))
    return project


def unpacked(data: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return gzip.decompress(data)
    read: bytes = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    return read


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_packed_it_is_the_same_file(project: Project, file_format: str, compression: str) -> None:
    asked: dict[str, Any] = {"file_format": file_format, "compression": compression}
    data = export(project, **asked)
    assert unpacked(data, compression) == export(project, file_format=file_format)
    assert data == export(project, **asked) == export(project, **asked, version=datasets.freeze(project))


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_packed_download_begins_with_its_first_piece(compression: str) -> None:
    pieces = packed(iter([b"first line\n", b"x" * 1000]), compression)
    begun = next(pieces)
    assert begun
    assert unpacked(begun + b"".join(pieces), compression) == b"first line\n" + b"x" * 1000


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_nothing_packed_is_a_whole_file(compression: str) -> None:
    assert unpacked(b"".join(packed(iter([]), compression)), compression) == b""


@given(pieces=st.lists(st.binary(max_size=50)), compression=st.sampled_from(["gzip", "zstd"]))
def test_any_pieces_are_read_again(pieces: list[bytes], compression: str) -> None:
    assert unpacked(b"".join(packed(iter(pieces), compression)), compression) == b"".join(pieces)


def test_the_file_s_name_and_type_say_how_it_is_packed(project: Project) -> None:
    wanted = Wanted(what="kto", file_format="csv", compression="gzip")
    assert exports.filename(project, wanted) == "helpful-live-train-validation-kto.csv.gz"
    assert exports.content_type(wanted) == "application/gzip"


def test_no_cell_for_a_spreadsheet_is_a_formula_and_reading_undoes_it(project: Project) -> None:
    data = export(project, file_format="csv", cells="spreadsheet", columns="provenance")
    header, *cells = csv.reader(io.StringIO(data.decode(), newline=""))
    assert header[-1] == csv_formulas.COLUMN
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝")) for row in cells for cell in row)
    read = [csv_formulas.restored(header, row) for row in cells]
    raw = list(csv.reader(io.StringIO(export(project, file_format="csv", columns="provenance").decode(), newline="")))
    assert [header[:-1], *read] == raw
    assert {row["prompt"] for row in rows(project)} == {"=1+1"}


def test_an_import_reads_it_as_it_was(project: Project) -> None:
    lines = export(project, file_format="csv", cells="spreadsheet").split(b"\n")
    raw = export(project, file_format="csv").split(b"\n")
    assert [record.value for record in csv_rows.records(lines[:-1], ",")] == [
        record.value for record in csv_rows.records(raw[:-1], ",")
    ]


def test_raw_cells_are_left_alone(project: Project) -> None:
    assert csv_formulas.COLUMN.encode() not in export(project, file_format="csv")
    assert export(project, file_format="csv").count(b"\r\n=1+1,") == len(rows(project))


texts = st.lists(st.text(max_size=5), min_size=3, max_size=3)


@given(texts)
def test_any_texts_are_restored(cells: list[str]) -> None:
    names = ["a", "b", "c"]
    row = csv_formulas.protected(names, cells)
    assert csv_formulas.restored([*names, csv_formulas.COLUMN], [str(cell) for cell in row]) == cells


def test_a_column_that_only_is_called_so_is_read_as_it_is() -> None:
    lines = [b"text,formulas_prefixed", b"'=1,text", b"'=1,no such column", b"'=1,"]
    found = [record.value for record in csv_rows.records(lines, ",")]
    assert not any(isinstance(value, Refused) for value in found)
    assert found == [{"text": "=1"}, {"text": "'=1", "formulas_prefixed": "no such column"}, {"text": "'=1"}]
