"""Bad tables, wide and long, as CSV, TSV and Parquet: each is one problem in words, and the other prompts go in."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labeling.models import Completion, Project, Prompt
from tests.labeling.data.importing.bad_uploads.good_records import answers, question
from tests.labeling.data.importing.bad_uploads.test_bad_uploads import check_words, imported, problem_of, project

pytestmark = pytest.mark.django_db
__all__ = ["project"]  # the fixture

WIDE = ["id", "prompt", "completion_a", "completion_b", "score_a", "score_b"]
LONG = ["id", "prompt", "completion", "model", "rank"]


def wide(n: int) -> list[list[str]]:
    first, second = answers(n)
    return [[str(n), question(n), first, second, "0.9", "0.1"]]


def long(n: int) -> list[list[str]]:
    """Three completions, so that two are left where a row is bad."""
    texts = [*answers(n), f"Nothing is number {n}."]
    return [[str(n), question(n), text, f"m{rank}", str(rank)] for rank, text in enumerate(texts, start=1)]


def written(header: list[str], rows: list[list[str]], delimiter: str = ",") -> bytes:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return file.getvalue().encode()


def body(header: list[str], rows: list[list[str]], delimiter: str = ",") -> bytes:
    return written(header, rows, delimiter).split(b"\n", 1)[1]


Table = Callable[[int], list[list[str]]]
TABLES = pytest.mark.parametrize(("header", "of"), [(WIDE, wide), (LONG, long)], ids=["wide", "long"])
DELIMITERS = pytest.mark.parametrize("delimiter", [",", "\t", ";"], ids=["comma", "tab", "semicolon"])
# Where the middle prompt's first row has it (column from the end), what stands there, and the code.
CELLS = [
    ("NUL", 2, "Ap\x00ple", "nul"),
    ("a number beyond all", -1, "1e999", "number_wanted"),
    ("a word for a number", -1, "first", "number_wanted"),
    ("a number with a comma", -1, "0,5", "number_wanted"),
    ("NaN for a number", -1, "nan", "number_wanted"),
    ("a list for a text", 2, '["a"]', "text"),
    ("an object for a text", 2, '{"a": 1e999}', "text"),
    ("a text that is too long", 2, "x" * 1_000_001, "too_long"),
    ("a prompt that is too long", 1, "x" * 1_000_001, "too_long"),
    ("no prompt", 1, "", "no_text"),
]


@pytest.mark.parametrize(("place", "cell", "code"), [case[1:] for case in CELLS], ids=[case[0] for case in CELLS])
@DELIMITERS
def test_a_bad_cell_of_a_wide_table_is_named_by_its_line(
    project: Project, delimiter: str, place: int, cell: str, code: str
) -> None:
    [bad] = wide(2)
    bad[place] = cell
    report = imported(project, written(WIDE, [*wide(1), bad, *wide(3)], delimiter), "x.csv")
    problem = problem_of(report)
    check_words(problem)
    assert (problem.codes, problem.lines) == ([code], [3])
    assert (report.created, Completion.objects.count()) == (2, 4)


@pytest.mark.parametrize(
    ("place", "cell", "code"), [case[1:] for case in CELLS[:-2]], ids=[case[0] for case in CELLS[:-2]]
)
def test_a_bad_cell_of_a_long_table_costs_its_prompt_and_no_other(
    project: Project, place: int, cell: str, code: str
) -> None:
    bad = long(2)
    bad[0][place] = cell
    report = imported(project, written(LONG, [*long(1), *bad, *long(3)]))
    problem = problem_of(report)
    check_words(problem)
    assert (problem.codes, problem.lines) == ([code], [5])
    assert sorted(Prompt.objects.values_list("external_id", flat=True)) == ["1", "3"]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("ragged", lambda cells: cells[:-1]),
        ("ragged", lambda cells: [*cells, "x"]),
        ("bad_quote", lambda cells: [*cells[:-1], '"1" x']),
        ("not_utf8", lambda cells: [*cells[:-1], "\udce4"]),
    ],
    ids=["a cell too few", "a cell too many", "more behind a quote", "Latin-1"],
)
@TABLES
@DELIMITERS
def test_a_bad_row_is_named_and_the_others_go_in(
    project: Project, delimiter: str, header: list[str], of: Table, code: str, change: Callable[[list[str]], list[str]]
) -> None:
    before = written(header, [*of(1), *of(2)[:-1]], delimiter)
    bad = delimiter.join(change(of(2)[-1])).encode(errors="surrogateescape")
    report = imported(project, before + bad + b"\n" + body(header, of(3), delimiter), "x.csv")
    problem = problem_of(report)
    check_words(problem)
    assert (problem.codes, problem.lines) == ([code], [before.count(b"\n") + 1])
    assert report.created == (2 if of is wide else 3)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (["id", "prompt", "completion_a", "completion_a", "score_a", "score_b"], "repeated_column"),
        (["id", "prompt", "completion_a", "", "score_a", "score_b"], "unnamed_column"),
        (["id", "prompt", "completion_a", "\udce4", "score_a", "score_b"], "not_utf8"),
        (["a", "b", "c", "d", "e", "f"], "unknown_layout"),
    ],
)
@DELIMITERS
def test_a_bad_header_refuses_the_table(project: Project, delimiter: str, header: list[str], code: str) -> None:
    first = delimiter.join(header).encode(errors="surrogateescape") + b"\n"
    report = imported(project, first + body(WIDE, wide(1), delimiter), "x.csv")
    check_words(problem_of(report))
    assert (problem_of(report).codes, report.n_good) == ([code], 0)


@TABLES
def test_a_quote_without_an_end_costs_its_line(project: Project, header: list[str], of: Table) -> None:
    before = written(header, [*of(1), *of(2)[:-1]])
    report = imported(project, before + b'2,"' + question(2).encode() + b",x\n" + body(header, of(3)))
    check_words(problem_of(report))
    assert (problem_of(report).codes, problem_of(report).lines) == (["open_quote"], [before.count(b"\n") + 1])
    assert report.created == (2 if of is wide else 3)


@pytest.mark.parametrize("start", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "'=1", "|x"])
def test_a_formula_is_a_text_like_any_other(project: Project, start: str) -> None:
    [row] = wide(1)
    row[2] = f"{start} {row[2]}"
    assert imported(project, written(WIDE, [row])).created == 1
    assert Completion.objects.filter(text=row[2]).exists()


def test_a_prompt_that_comes_again_further_down_is_named(project: Project) -> None:
    report = imported(project, written(LONG, [*long(1), *long(2), long(1)[0]]))
    check_words(problem_of(report))
    assert (problem_of(report).codes, problem_of(report).lines, report.created) == (["comes_again"], [8], 2)


@pytest.mark.parametrize("column", ["prompt", "completion_a", "score_a"])
@pytest.mark.parametrize(
    "values",
    [[b"\xff"] * 3, [[1], [2], [3]], [{"a": 1}] * 3, [True] * 3],
    ids=["bytes", "lists", "objects", "booleans"],
)
def test_a_parquet_column_of_a_wrong_type_is_one_kind_of_problem(
    project: Project, column: str, values: list[object]
) -> None:
    rows = [row for n in (1, 2, 3) for row in wide(n)]
    columns: dict[str, object] = dict(zip(WIDE, map(list, zip(*rows, strict=True)), strict=True))
    file = io.BytesIO()
    pq.write_table(pa.table({**columns, column: values}), file)
    report = imported(project, file.getvalue())
    check_words(problem_of(report))
    assert report.created == 0
    assert problem_of(report).lines in ([1, 2, 3], [])


def test_texts_under_known_names_that_are_lists_are_named_by_their_column(project: Project) -> None:
    """The names tell what was meant, so nobody is told that the layout isn't known."""
    columns = {"prompt": ["Why?"] * 2, "completion_a": [["a"]] * 2, "completion_b": ["b"] * 2}
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    report = imported(project, file.getvalue())
    assert (problem_of(report).codes, problem_of(report).lines) == (["text"], [1, 2])
    assert report.errors[0].field == "completion_a"


def test_a_header_of_a_million_names_is_refused_at_once(project: Project) -> None:
    names = [f"c{n}" for n in range(1_000_000)]
    report = imported(project, ",".join(names).encode() + b"\n" + b"x" + b",x" * 999_999 + b"\n", "x.csv")
    check_words(problem_of(report))
    assert (problem_of(report).codes, report.n_good) == (["too_many_columns"], 0)
