"""A file looked into: what it is, its first rows, what its columns are for. Nothing is stored, and little is read."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.data.importing import column_choices, import_preview
from labeling.data.importing.import_preview import MOST_ROWS, preview
from labeling.data.importing.imports import import_records
from labeling.data.importing.upload_layouts import laid_out, rows_of
from labeling.data.importing.upload_lines import records_of
from labeling.errors import Invalid
from labeling.models import Project, Prompt, Ranking
from tests.factories import make_project
from tests.formats.layouts.samples_of import files

pytestmark = pytest.mark.django_db
TRL = [
    {"prompt": "What is 2 + 2?", "chosen": "4", "rejected": "5"},
    {"prompt": "Name a colour.", "chosen": "Blue", "rejected": "Seven"},
]
TABLE = b"Frage,erste,zweite,besser\nWarum?,Darum.,Weil.,erste\n"


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful")


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


class Counted:
    """A file that knows how much was read of it."""

    def __init__(self, body: bytes) -> None:
        self._file = io.BytesIO(body)
        self.taken = 0
        self.closed = False

    def read(self, size: int = -1, /) -> bytes:
        piece = self._file.read(size)
        self.taken += len(piece)
        return piece

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def test_it_says_what_the_file_is_and_shows_the_first_rows(project: Project) -> None:
    found = preview(io.BytesIO(lines(*TRL, {"prompt": "x", "chosen": 1, "rejected": "y"})), project=project)
    assert found.in_a_sentence == "This is TRL preference data in JSON Lines, 3 rows. 1 of them can't be used."
    assert found.found.names == ["prompt", "chosen", "rejected"]
    assert [first.number for first in found.rows] == [1, 2, 3]
    assert found.rows[0].row is not None
    assert [completion.text for completion in found.rows[0].row.completions] == ["4", "5"]
    assert found.rows[2].row is None
    assert "must be a text" in found.rows[2].problem or "must be a list" in found.rows[2].problem
    assert (found.report.created, found.report.rankings, found.report.n_errors) == (2, 2, 1)
    assert not Prompt.objects.exists()
    assert not Ranking.objects.exists()


def test_it_tells_what_is_new_from_what_is_here(project: Project) -> None:
    import_records(project, rows_of(io.BytesIO(lines(TRL[0]))))
    report = preview(io.BytesIO(lines(*TRL)), project=project).report
    assert (report.created, report.updated, report.skipped) == (1, 0, 1)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_it_foretells_is_what_the_import_does(project: Project, path: Path) -> None:
    foretold = preview(io.BytesIO(path.read_bytes()), path.name, project=project)
    done = import_records(project, rows_of(io.BytesIO(path.read_bytes()), path.name))
    assert foretold.is_whole
    for name in ("created", "updated", "skipped", "rankings", "n_errors", "layout", "container"):
        assert getattr(foretold.report, name) == getattr(done, name), name


def test_it_gives_the_guessed_columns_and_those_that_were_said(project: Project) -> None:
    table = b"question,response_a,response_b,besser\nWhy?,Because,So,b\n"
    found = preview(io.BytesIO(table), project=project, columns={"winner": "besser"})
    assert found.found.columns == {
        **{"prompt": "question", "completion_a": "response_a", "completion_b": "response_b", "winner": "besser"}
    }


def test_it_offers_the_columns_of_what_it_does_not_know(project: Project) -> None:
    found = preview(io.BytesIO(TABLE), project=project)
    assert (found.found.layout, found.rows, found.found.names) == (None, [], ["Frage", "erste", "zweite", "besser"])
    assert "no layout that Podium knows" in found.problem
    columns = column_choices.columns_of(found.found, found.example)
    assert [(column.name, column.example) for column in columns][:2] == [("Frage", "Warum?"), ("erste", "Darum.")]


@pytest.mark.parametrize("packed", [False, True])
def test_it_reads_no_more_than_the_beginning(project: Project, packed: bool) -> None:
    body = lines(*({"prompt": f"{n}?", "chosen": "a" * 100, "rejected": "b"} for n in range(60_000)))
    body = gzip.compress(body, 0) if packed else body
    stream = Counted(body)
    found = preview(stream, project=project)
    assert stream.taken < len(body) / 4
    assert found.report.n_read == MOST_ROWS
    assert found.in_a_sentence == (
        f"This is TRL preference data in JSON Lines{' (gzip)' * packed}. Its first 500 rows can be used."
    )


def test_it_reads_no_more_of_parquet_than_its_first_rows(project: Project) -> None:
    n = 20_000
    columns = {"prompt": [f"{at}? {'x' * 500}" for at in range(n)], "chosen": ["a"] * n, "rejected": ["b"] * n}
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, row_group_size=1_000, compression="none", use_dictionary=False)
    stream = Counted(out.getvalue())
    found = preview(stream, "big.parquet", project=project)
    assert found.report.created == MOST_ROWS
    assert stream.taken < len(out.getvalue()) / 4
    assert not stream.closed


def test_a_prompt_that_is_cut_off_where_the_beginning_ends_is_no_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_preview, "MOST_ROWS", 3)
    table = b"prompt,answer,rank\n" + b"".join(b"%d?,a%d,%d\n" % (n // 2, n % 2, 1 + n % 2) for n in range(10))
    report = preview(io.BytesIO(table), project=project).report
    assert (report.created, report.n_errors) == (1, 0)


def test_it_costs_the_same_statements_for_few_rows_and_for_many(project: Project) -> None:
    def cost(n: int) -> int:
        body = lines(*({"prompt": f"{at}?", "chosen": "a", "rejected": "b"} for at in range(n)))
        with CaptureQueriesContext(connection) as queries:
            preview(io.BytesIO(body), project=project)
        return len(queries)

    assert cost(400) == cost(4)


class TestColumns:
    def map_of(self, body: bytes, **chosen: str) -> dict[str, str]:
        found = laid_out(records_of(io.BytesIO(body)))
        return column_choices.map_of(found, {name.replace("_", "-", 1): value for name, value in chosen.items()})

    def test_choices_make_a_map(self) -> None:
        made = self.map_of(TABLE, column_0="prompt", column_1="completion_a", column_2="completion_b")
        assert made == {"prompt": "Frage", "completion_a": "erste", "completion_b": "zweite"}

    def test_what_was_guessed_and_is_taken_back_is_nothing(self, project: Project) -> None:
        body = b"prompt,response_a,response_b,label\nWhy?,Because,So,nonsense\n"
        asked = {"column_0": "prompt", "column_1": "completion_a", "column_2": "completion_b", "column_3": ""}
        made = self.map_of(body, **asked)
        assert made["winner"] == ""
        assert preview(io.BytesIO(body), project=project).report.n_errors == 1
        report = preview(io.BytesIO(body), project=project, columns=made).report
        assert (report.created, report.rankings, report.n_errors) == (1, 0, 0)

    def test_two_columns_of_one_purpose_are_refused_by_name(self) -> None:
        with pytest.raises(Invalid, match="“Frage” and “erste” are both said to be “Prompt”"):
            self.map_of(TABLE, column_0="prompt", column_1="prompt")

    def test_no_more_columns_are_offered_than_a_page_can_hold(self) -> None:
        found = laid_out(records_of(io.BytesIO(lines({f"c{n}": "x" for n in range(1_000)}))))
        assert len(column_choices.columns_of(found, {})) == column_choices.MOST_COLUMNS
        assert len([name for _, options in column_choices.purposes_of(found) for name in options]) < 60
