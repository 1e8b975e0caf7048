"""Each kind of bad file by the page, the API and the command: the same problem in words by all of them, and no other;
what is good in it goes in."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from formats.lines import MAX_LINE
from labeling.models import Completion
from tests.labeling.data.importing.bad_uploads import damage
from tests.labeling.data.importing.bad_uploads.good_records import answers, podium, question, trl_explicit
from tests.labeling.data.importing.bad_uploads.test_bad_uploads import PYTHON
from tests.labeling.data.importing.bad_uploads.through_doors import ANY_DOOR, Door, new_project
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db


class Upload(NamedTuple):
    case: str
    name: str
    body: bytes
    problem: str  # what is said of it, as a pattern
    n_good: int


FIRST, SECOND, THIRD = (trl_explicit(n) for n in (1, 2, 3))
LINES = damage.lines([FIRST, SECOND, THIRD])
WIDE = ["prompt", "completion_a", "completion_b", "winner"]


def among(line: bytes) -> bytes:
    """Puts a line between two good ones."""
    return damage.lines([FIRST]) + line + b"\n" + damage.lines([THIRD])


def table(*rows: Sequence[object], header: Sequence[str] = WIDE, delimiter: str = ",") -> bytes:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return file.getvalue().encode()


def wide(n: int) -> list[str]:
    return [question(n), *answers(n), "a"]


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def gzip_bomb() -> bytes:
    """A few kilobytes that unpack to a line of 64 MiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    begun = packer.compress(damage.lines([FIRST]) + b'{"prompt": "')
    return begun + b"".join(packer.compress(b"x" * 2**20) for _ in range(64)) + packer.flush()


def parquet(**columns: object) -> bytes:
    good: dict[str, object] = dict(zip(WIDE, map(list, zip(*map(wide, (1, 2, 3)), strict=True)), strict=True))
    file = io.BytesIO()
    pq.write_table(pa.table({**good, **columns}), file)
    return file.getvalue()


OPEN_QUOTE = table(wide(1)) + b'"Why?,a,b,a\n' + table(wide(3)).split(b"\n", 1)[1]
TWICE = table(wide(1), header=["prompt", "chosen", "chosen", "x"])
SHORT = table(wide(1), wide(2)[:3], wide(3), delimiter="\t")
CUT_STREAM = damage.arrow([FIRST, SECOND, THIRD], streamed=True)[:-64]
UPLOADS: tuple[Upload, ...] = (
    # --- Packed, and what unpacks to more than anybody sends
    Upload("gzip cut off", "rows.jsonl.gz", damage.packed(LINES)[:-4], "breaks off in the middle of what gzip", 3),
    Upload("gzip of garbage", "rows.gz", b"\x1f\x8b\x08\x00" + LINES, "gzip packed can't be unpacked", 0),
    Upload("a gzip bomb", "rows.jsonl.gz", gzip_bomb(), "Line 2 is longer than 16 MiB", 1),
    Upload("a zip bomb", "rows.zip", zipped("rows.jsonl", bytes(2**24)), "is packed with zip: unpack it", 0),
    Upload("zstd cut off", "rows.zst", damage.zstd(LINES)[:-3], "breaks off in the middle of what zstd", 0),
    # --- JSON that is deep, large or none
    Upload("lists 100,000 deep", "r.jsonl", among(b"[" * 100_000 + b"]" * 100_000), "nested too deep", 2),
    Upload("a list 300,000 deep", "r.json", b"[" * 300_000, "is nested too deep to be read", 0),
    Upload("many values", "r.jsonl", among(b'{"prompt": [' + b"0," * 2**20 + b"0]}"), "more than 1,000,000 values", 2),
    Upload("a huge line", "r.jsonl", among(b'"' + b"x" * (MAX_LINE + 2**17)), "Line 2 is longer than 16 MiB", 1),
    Upload("1e999", "r.jsonl", among(damage.with_more(b"1e999")(SECOND)), "a number beyond all that can be stored", 2),
    Upload("a NUL", "r.jsonl", among(damage.with_text("Ap\x00ple")(SECOND)), "has a NUL character", 2),
    Upload("a NUL byte", "r.jsonl", among(damage.raw(SECOND).replace(b"Apple", b"\x00")), "not valid JSON", 2),
    Upload("half a pair", "r.jsonl", among(damage.with_text("A \ud83c.")(SECOND)), "has half a surrogate pair", 2),
    Upload("half a pair as bytes", "r.jsonl", among(b'{"prompt": "\xed\xa0\x80"}'), "not UTF-8 at byte 12", 2),
    Upload("a mark in the middle", "r.jsonl", among(codecs.BOM_UTF8 + damage.raw(SECOND)), "not valid JSON", 2),
    Upload("ids twice", "r.jsonl", damage.lines([podium(1), podium(2), podium(1)]), "line 1's too: ids are unique", 2),
    Upload("a list cut off", "r.json", damage.raw([FIRST, SECOND])[:-9], "breaks off after record 1: send all", 1),
    # --- Other encodings
    Upload("UTF-16", "r.jsonl", LINES.decode().encode("utf-16"), "The file is in UTF-16: save it as UTF-8", 0),
    Upload("Latin-1", "r.jsonl", among(damage.raw(SECOND).replace(b"Apple", b"\xc4")), "not UTF-8 at byte", 2),
    # --- Tables
    Upload("an open quote", "r.csv", OPEN_QUOTE, "quote that opens in this line is never closed", 2),
    Upload("columns twice", "r.csv", TWICE, "Column 3 is named “chosen” as one before", 0),
    Upload("a cell too few", "r.tsv", SHORT, "has 3 cells, and the header names 4", 2),
    Upload("Parquet: numbers for texts", "r.parquet", parquet(completion_a=[[1], [2], [3]]), "must be a text", 0),
    Upload("Parquet: bytes", "r.parquet", parquet(prompt=[b"\xff"] * 3), "is bytes or another value", 0),
    Upload("Parquet cut off", "r.parquet", parquet()[:-9], "The file is Parquet and can't be read after row 0", 0),
    Upload("an Arrow stream cut off", "r.arrow", CUT_STREAM, "is Arrow and can't be read after row 2", 2),
    # --- Of nothing, and nobody knows of what
    Upload("an empty file", "r.jsonl", b"", "There is no line in it|file is empty|There is no line in", 0),
    Upload("a file of blank lines", "r.jsonl", b"\n \n\n", "There is no line in", 0),
    Upload("a byte-order mark alone", "r.jsonl", codecs.BOM_UTF8, "There is no line in", 0),
    Upload("unknown bytes", "r.bin", bytes(range(128, 255)), "which is neither JSON, CSV, Parquet nor Arrow", 0),
    Upload("a workbook", "r.xlsx", zipped("xl/workbook.xml", b"<x/>"), "is an Excel workbook: save it as CSV", 0),
    Upload("HTML", "r.csv", b"<!doctype html><table><td>a,b</td></table>", "is HTML/XML, which holds no rows", 0),
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path


@ANY_DOOR
@pytest.mark.parametrize("upload", UPLOADS, ids=lambda upload: upload.case)
def test_a_bad_file_is_one_problem_in_words_by_every_door(upload: Upload, door: Door, folder: Path) -> None:
    project = new_project()
    for said in door(project, upload.name, upload.body, folder):
        assert re.search(upload.problem, said.words), said.words
        assert not any(each in said.words for each in PYTHON), said.words
    assert said.n_good == upload.n_good


@ANY_DOOR
@pytest.mark.parametrize("start", ["=HYPERLINK(1)", "@SUM(1)", "\t=1"])
def test_a_formula_goes_in_as_the_text_that_it_is(start: str, door: Door, folder: Path) -> None:
    row = wide(1)
    row[1] = f"{start} {row[1]}"
    *_, said = door(new_project(), "r.csv", table(row), folder)
    assert said.n_good == 1
    assert Completion.objects.filter(text=row[1]).exists()


@ANY_DOOR
def test_what_is_sent_again_after_it_was_mended_goes_in(door: Door, folder: Path) -> None:
    project = new_project()
    *_, said = door(project, "r.jsonl", among(b"{bad"), folder)
    assert said.n_good == 2
    *_, said = door(project, "r.jsonl", LINES, folder)
    assert said.n_good == 3
