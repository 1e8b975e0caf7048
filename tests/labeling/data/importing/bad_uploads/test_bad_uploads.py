"""Hundreds of bad files, of each layout: each is one problem in words, what is good in it goes in, and what it holds is
read as the page, the command and the API read it."""

from __future__ import annotations

import io
from typing import NamedTuple

import pytest

from formats.layouts import known
from labeling.data.importing import import_preview, upload_layouts
from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import import_records
from labeling.models import Completion, Project, Prompt
from tests.factories import make_project
from tests.labeling.data.importing.bad_uploads import damage
from tests.labeling.data.importing.bad_uploads.damage import Bad, BadFile
from tests.labeling.data.importing.bad_uploads.good_records import (
    LAYOUTS,
    Layout,
    Record,
    argilla,
    hh,
    podium,
    trl_conversational,
    trl_explicit,
    wide_table,
)

pytestmark = pytest.mark.django_db
# What no sentence says: words of Python, of SQL and of the libraries that read.
PYTHON = (
    *("Traceback", "Error", "Exception", "NoneType", "object has no", "object is not", "<class", "unhashable", "0x"),
    *("INSERT", "SELECT", "labeling_", "psycopg", "DETAIL"),
)
ANY = pytest.mark.parametrize(("name", "layout"), LAYOUTS, ids=[layout.__name__ for _, layout in LAYOUTS])
# What is wrong with the file itself is told before its layout: some of them will do.
SOME = pytest.mark.parametrize(
    "layout", [podium, trl_explicit, trl_conversational, hh, argilla, wide_table], ids=lambda layout: layout.__name__
)


class Problem(NamedTuple):
    codes: list[str]
    lines: list[int]
    words: list[str]


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful")


def three(layout: Layout) -> list[Record]:
    return [layout(n) for n in (1, 2, 3)]


def imported(project: Project, content: bytes, name: str = "") -> Report:
    return import_records(project, upload_layouts.rows_of(io.BytesIO(content), name))


def problem_of(report: Report) -> Problem:
    codes = [code for _, code in report._kinds]
    words = [error.detail for error in report.errors]
    if report.stopped:
        codes, words = [*codes, report.stopped.code], [*words, report.stopped.detail]
    return Problem(codes, [error.line for error in report.errors], words)


def check_words(problem: Problem) -> None:
    assert len(problem.codes) == 1, problem
    for words in problem.words:
        assert 10 < len(words) < 600
        assert not any(each in words for each in PYTHON), words
        words.encode()


@pytest.mark.parametrize("bad", damage.RECORDS, ids=lambda bad: bad.name)
@ANY
def test_a_bad_record_is_named_by_its_line_and_the_two_others_go_in(
    project: Project, name: str, layout: Layout, bad: Bad
) -> None:
    first, second, third = three(layout)
    content = damage.lines([first]) + bad.break_it(second) + b"\n" + damage.lines([third])
    report = imported(project, content)
    assert report.layout == upload_layouts.title_of(known.BY_NAME[name])
    problem = problem_of(report)
    if (layout.__name__, bad.name) in damage.TAKEN:
        assert (problem.codes, report.created) == ([], 3)
        return
    check_words(problem)
    assert problem.lines == [2]
    assert not bad.codes or problem.codes[0] in bad.codes.split()
    assert (report.created, Prompt.objects.count(), Completion.objects.count()) == (2, 2, 4)
    shown = import_preview.preview(io.BytesIO(content), project=project)
    assert ([bool(each.problem) for each in shown.rows], shown.problem) == ([False, True, False], "")


@pytest.mark.parametrize("bad", damage.FILES, ids=lambda bad: bad.name)
@SOME
def test_a_bad_file_is_one_problem_and_what_stood_before_it_goes_in(
    project: Project, layout: Layout, bad: BadFile
) -> None:
    content = bad.content(three(layout))
    report = imported(project, content)
    problem = problem_of(report)
    check_words(problem)
    assert (problem.codes, problem.lines) == ([bad.code], [])
    assert (report.created, Prompt.objects.count()) == (bad.n_good, bad.n_good)
    shown = import_preview.preview(io.BytesIO(content), project=project)
    assert shown.problem == report.stopped.detail  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "file"), [each[1:] for each in damage.SOUND], ids=[each[0] for each in damage.SOUND]
)
@ANY
def test_the_same_records_go_in_however_a_program_wrote_them(
    project: Project, name: str, layout: Layout, content: object, file: str
) -> None:
    report = imported(project, content(three(layout)), file)  # type: ignore[operator]
    assert (report.layout, problem_of(report).words) == (upload_layouts.title_of(known.BY_NAME[name]), [])
    assert (report.created, report.rankings) == (3, 3)


@ANY
def test_the_same_prompt_twice_in_a_file_changes_nothing_or_is_named(
    project: Project, name: str, layout: Layout
) -> None:
    report = imported(project, damage.lines(three(layout) + three(layout)[1:2]))
    assert Prompt.objects.count() == 3
    if name == "podium":  # ids are unique in its files
        assert (problem_of(report).codes, problem_of(report).lines) == (["id_twice"], [4])
    else:
        assert (problem_of(report).codes, report.skipped) == ([], 1)
