"""The number of rows and the first of them, before a download."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.data.exporting import preview as previews
from labeling.data.exporting import ranked_prompts
from labeling.data.exporting.contents.kinds import KINDS
from labeling.data.exporting.preview import preview
from labeling.data.exporting.ranked_prompts import Selection
from labeling.data.exporting.wanted import Wanted
from labeling.data.versions import datasets
from labeling.errors import Conflict, Invalid
from labeling.models import Project
from tests.factories import join, make_project, make_prompt, rank, rank_next
from tests.labeling.data.exporting.asked import export, rows

KNOWN: list[dict[str, Any]] = [
    *({"what": what} for what in KINDS), {"columns": "provenance"}, {"layout": "nemo-rl"}, {"rows": "merged"},
    {"ties": "half"}, {"ties": "drop"}, {"least_agreement": 0.5}, {"split": "all"}, {"split": "test"},
]  # fmt: skip


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(slug="helpful", overlap=2, flags=[{"name": "bad", "label": "Bad"}])
    for n, split in enumerate(["train", "validation", "test", "train"]):
        make_prompt(project, split=split, external_id=f"q{n}", k=3)
    for ranks in ([1, 2, 3], [2, 1, 1]):
        labeler = join(project)
        for _ in range(4):
            rank(project, labeler, ranks)
    return project


@pytest.mark.parametrize("asked", KNOWN)
def test_it_counts_and_shows_what_the_file_has(project: Project, asked: dict[str, Any]) -> None:
    for version in (None, datasets.freeze(project)):
        found = preview(project, Wanted(**asked, version=version))
        whole = rows(project, **asked, version=version)
        assert (found.n, found.is_exact) == (len(whole), True)
        assert len(found.rows) == min(len(whole), 5)
        if asked.get("what") == "podium" and whole:
            continue  # its flags are objects in JSON Lines: only the place of them differs
        assert [dict(zip(found.columns, row, strict=True)) for row in found.rows] == [
            {
                name: "" if cell is None else cell if isinstance(cell, str) else json.dumps(cell)
                for name, cell in row.items()
            }
            for row in whole[:5]
        ]


def test_for_a_spreadsheet_it_shows_the_cells_of_the_file(db: None) -> None:
    project = make_project()
    make_prompt(project, split="train", texts=["=1", "2"])
    rank(project, join(project))
    asked: dict[str, Any] = {"file_format": "csv", "cells": "spreadsheet"}
    header, *cells = csv.reader(io.StringIO(export(project, **asked).decode()))
    found = preview(project, Wanted(**asked))
    assert (found.columns, found.rows) == (header, cells)


@pytest.mark.parametrize("asked", [{}, {"columns": "provenance"}, {"what": "sft"}, {"least_agreement": 0.1}])
def test_where_there_is_more_it_costs_no_more_and_says_that_it_is_an_estimate(
    db: None, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    monkeypatch.setattr(previews, "PROMPTS", 10)
    project = make_project()
    for _ in range(100):
        make_prompt(project, split="train", k=3)

    def look() -> tuple[previews.Preview, int]:
        with CaptureQueriesContext(connection) as queries:
            found = preview(project, Wanted(**asked))
        return found, len(queries)

    labeler = join(project)
    rank_next(project, labeler, 10)
    few, cost = look()
    rank_next(project, labeler, 90)
    many, cost_of_many = look()
    assert cost <= cost_of_many <= cost + 1 <= 15, "the counters besides, where not all prompts are looked at"
    assert few.is_exact
    if asked in ({}, {"columns": "provenance"}):
        assert (many.n, many.is_exact) == (300, True), "counted already"
    elif asked == {"what": "sft"}:
        assert (many.n, many.is_exact, many.looked_at) == (100, False, 10)
    assert len(many.rows) == len(few.rows)


def test_no_more_prompts_are_read_than_are_looked_at(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "PROMPTS", 10)
    project = make_project()
    for _ in range(30):
        make_prompt(project, split="train", k=2)
    rank_next(project, join(project), 30)
    with CaptureQueriesContext(connection) as queries:
        preview(project, Wanted(what="sft"))
    [walk] = [query["sql"] for query in queries if "json_build_array" in query["sql"]]
    assert walk.count("bigint[]") >= 1
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + walk[walk.index("SELECT") :])
        [[plan]] = cursor.fetchall()
    assert most_rows(plan[0]["Plan"]) <= 40, "of 30 prompts and 60 completions"


def most_rows(plan: dict[str, Any]) -> int:
    own = plan["Actual Rows"] if plan.get("Relation Name") == "labeling_prompt" else 0
    return max([own, *(most_rows(part) for part in plan.get("Plans", []))])


@pytest.mark.django_db(transaction=True)
def test_what_takes_too_long_is_left_to_the_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "PATIENCE", 50)
    project = make_project()
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE labeling_prompt")
        with pytest.raises(Conflict, match="can't be shown quickly enough"):
            preview(project, Wanted())
    finally:
        other.rollback()
        other.close()
    assert preview(project, Wanted()).n == 0


def test_what_there_is_not_is_refused(project: Project) -> None:
    with pytest.raises(Invalid):
        preview(project, Wanted(labelers="nobody"))


# --- The page --------------------------------------------------------------------------------------------------------


def test_the_page_shows_rows_and_changes_with_what_is_chosen(project: Project, client: Client) -> None:
    client.force_login(project.created_by)
    page = client.get("/p/helpful/export/").content.decode()
    assert f"<strong>{len(rows(project))}</strong> rows." in " ".join(page.split())
    chosen = client.get("/p/helpful/export/", {"format": "csv", "layout": "standard", "what": "sft", "ties": "drop"})
    assert f"<strong>{len(rows(project, what='sft', ties='drop'))}</strong> rows." in " ".join(
        chosen.content.decode().split()
    )
    assert b'<details class="fold" open' in chosen.content
    assert b'<details class="fold" open' not in page.encode()


def test_the_page_s_choices_are_the_download_s(project: Project, client: Client) -> None:
    client.force_login(project.created_by)
    asked = {
        "what": "pairs", "format": "csv", "layout": "standard", "columns": "provenance", "split": "all", "ties": "half",
        "least_agreement": "0.0", "since": "2020-01-01", "cells": "spreadsheet", "compression": "gzip", "rows": "each",
    }  # fmt: skip
    response = client.get("/p/helpful/export/download/", asked)
    wanted = {**asked, "file_format": "csv", "least_agreement": 0.0}
    del wanted["format"]
    assert b"".join(response) == export(project, **wanted)  # type: ignore[arg-type]
    assert response["Content-Type"] == "application/gzip"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"what": "sft", "layout": "nemo-rl"}, "layout is one of standard, conversational"),
        ({"labelers": "nobody"}, "labelers is one of labeler-"),
        ({"since": "yesterday"}, "Ranked since"),
        ({"least_agreement": "2"}, "Least agreement on a prompt"),
    ],
)
def test_what_does_not_go_together_is_said_beside_the_form(
    project: Project, client: Client, asked: dict[str, str], words: str
) -> None:
    client.force_login(project.created_by)
    page = client.get("/p/helpful/export/", {"format": "jsonl", "layout": "standard", **asked}).content.decode()
    assert words in page[page.index('id="preview"') :]


# --- Long texts, and prompts of many rankings ------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["standard", "conversational"])
@pytest.mark.parametrize("is_frozen", [False, True])
def test_long_texts_are_cut_and_the_page_says_so(db: None, client: Client, layout: str, is_frozen: bool) -> None:
    project = make_project(slug="helpful")
    make_prompt(project, split="train", texts=["a" * 1_000_000, "b" * 1_000_000], question="c" * 900_000)
    rank(project, join(project))
    version = datasets.freeze(project) if is_frozen else None
    found = preview(project, Wanted(layout=layout, version=version))
    [row] = found.rows
    assert {len(cell) for cell in row} == {previews.LONGEST + 1}
    assert found.is_cut
    [whole] = rows(project, layout=layout, version=version)
    for cell, value in zip(row, whole.values(), strict=True):
        written = value if isinstance(value, str) else json.dumps(value)
        assert cell == f"{written[: previews.LONGEST]}…"
    client.force_login(project.created_by)
    page = client.get("/p/helpful/export/", {"format": "jsonl", "layout": layout}).content
    assert b"Long texts are cut here" in page
    assert len(page) < 60_000


def test_short_texts_are_not_said_to_be_cut(project: Project, client: Client) -> None:
    client.force_login(project.created_by)
    assert not preview(project, Wanted()).is_cut
    assert b"Long texts are cut here" not in client.get("/p/helpful/export/").content


def test_texts_are_cut_by_the_database(db: None) -> None:
    project = make_project()
    make_prompt(project, split="train", texts=["a" * 100_000, "b"], question="c" * 100_000)
    rank(project, join(project))
    [whole] = ranked_prompts.standing(project, Selection(splits=["train"]))
    [cut] = ranked_prompts.standing(project, Selection(splits=["train"]), longest=10)
    assert whole.messages == [{"role": "user", "content": "c" * 100_000}]
    assert cut.messages == [{"role": "user", "content": "c" * 10}]
    assert (whole.completions[1], cut.completions[1]) == (["a" * 100_000, "b"], ["a" * 10, "b"])


def test_few_prompts_are_looked_at_where_each_has_many_rows(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "MOST_SEEN", 10)
    project = make_project()
    for _ in range(12):
        make_prompt(project, split="train", k=4)
    rank_next(project, join(project), 12)
    found = preview(project, Wanted(ties="half"))
    assert (found.n, found.is_exact, found.looked_at) == (12 * 6, False, 2)


def test_as_many_prompts_are_fetched_at_once_as_can_be_held(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranked_prompts, "BYTES_AT_ONCE", 50_000)
    project = make_project()
    for n in range(12):
        make_prompt(project, split="train", texts=["a" * (10 if n < 4 else 20_000), f"b{n}"])
    rank_next(project, join(project), 12)
    asked: list[int] = []

    class Counted:
        def __init__(self, cursor: Any) -> None:
            self._cursor = cursor

        def fetchmany(self, n: int) -> Any:
            asked.append(n)
            return self._cursor.fetchmany(n)

    fetched = ranked_prompts._fetched
    monkeypatch.setattr(ranked_prompts, "_fetched", lambda cursor: fetched(Counted(cursor)))
    assert len(list(ranked_prompts.standing(project, Selection(splits=["train"])))) == 12
    assert asked[:3] == [1, 2, 4]
    assert set(asked[3:]) == {2}
