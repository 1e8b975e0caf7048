"""Files of every kind at every door: the same rows go in, and what the file is, is said once."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labeling.models import Project, Prompt
from tests.labeling.api.client import row
from tests.labeling.data.importing.test_import_refusals import Door, api, command, doors, page, project

pytestmark = pytest.mark.django_db
__all__ = ["project"]  # the fixture

ROWS: list[dict[str, Any]] = [row("q1"), row("q2", prompt="Why\nnot?"), row("q3")]
COMPLETIONS = json.dumps(row("q")["completions"]).replace('"', '""')
CSV = "\r\n".join(["id,prompt,completions", *(f'{r["id"]},"{r["prompt"]}","{COMPLETIONS}"' for r in ROWS)]).encode()


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), file)
    return file.getvalue()


def arrow(opened: Callable[..., Any]) -> bytes:
    file, table = io.BytesIO(), pa.Table.from_pylist(ROWS)
    with opened(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


LINES = b"".join(json.dumps(each).encode() + b"\n" for each in ROWS)
KINDS = {
    "JSON Lines": LINES,
    "JSON Lines (gzip)": gzip.compress(LINES),
    "JSON Lines (zstd)": bytes(pa.compress(LINES, "zstd", asbytes=True)),
    "JSON": json.dumps(ROWS, indent=2).encode(),
    "JSON (gzip)": gzip.compress(json.dumps({"version": 1, "data": ROWS}).encode()),
    "CSV": CSV,
    "Parquet": parquet(),
    "Parquet (gzip)": gzip.compress(parquet()),
    "Arrow": arrow(pa.ipc.new_file),
    "Arrow (gzip)": gzip.compress(arrow(pa.ipc.new_stream)),
}


@doors
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_any_kind_goes_in_and_once_more_changes_nothing(
    project: Project, door: Door, tmp_path: Path, kind: str
) -> None:
    said = door(project, KINDS[kind], tmp_path)
    assert sorted(Prompt.objects.values_list("external_id", flat=True)) == ["q1", "q2", "q3"]
    assert Prompt.objects.get(external_id="q2").messages[0]["content"] == "Why\nnot?"
    assert door is api or f"own rows in {kind}, 3 rows." in said
    door(project, KINDS[kind], tmp_path)
    assert Prompt.objects.count() == 3


@doors
def test_a_csv_without_our_columns_is_a_csv_and_its_rows_are_named(
    project: Project, door: Door, tmp_path: Path
) -> None:
    said = door(project, b"question,good,bad\n" + b"a,b,c\n" * 10, tmp_path)
    assert not Prompt.objects.exists()
    assert "Expecting value" not in said
    assert door is api or "The file is CSV." in said


@doors
def test_a_table_that_breaks_off_is_one_problem(project: Project, door: Door, tmp_path: Path) -> None:
    said = door(project, parquet()[:-9], tmp_path)
    assert "The file is Parquet and can" in said
    assert "Nothing went in." in said


def test_a_bad_row_of_a_table_is_named_by_its_row(project: Project, tmp_path: Path) -> None:
    content = json.dumps([ROWS[0], ROWS[0], ROWS[1]]).encode()
    assert "row 2: id: is row 1's too" in command(project, content, tmp_path)
    said = page(project, content, tmp_path)
    assert "1 row could not be used" in said
    assert "1 row: 2 It has" in said
    assert sorted(Prompt.objects.values_list("external_id", flat=True)) == ["q1", "q2"]
