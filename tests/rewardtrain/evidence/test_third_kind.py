"""A third kind of judgement is one module on each side: nothing else asks which kind a project is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from labeling.data.importing.imports import import_lines
from labeling.judgements import CLASSIFICATION, JUDGEMENTS
from labeling.models import Project
from rewardtrain.evidence import EVIDENCE, LABELS
from rewardtrain.training import due, policy
from tests.factories import answer, join, make_project, make_prompt, make_user
from tests.rewardtrain.conftest import make_classifiers

ROOT = Path(__file__).resolve().parents[3]
# The kinds themselves, and the tables' list of them.
AT_HOME = ("labeling/judgements/", "rewardtrain/evidence/", "labeling/models/projects.py", "labeling/migrations/")
ASKS_THE_KIND = re.compile(
    r"""["']classification["'] | \.classifies\b | Kind\.CLASSIFICATION | project\.kind\s*[!=]=\s*["'P]""", re.VERBOSE
)

WORDS = replace(
    CLASSIFICATION.words, act="Grade", yours="Your grades", none_yet="Nothing graded yet", of_a_day="Grades"
)
GRADING = replace(CLASSIFICATION, name="grading", words=WORDS, submit="Submit grades")
GRADES = replace(
    LABELS, words=replace(LABELS.words, column="Grades", figures_about="Grades of that day.", drift="Drift")
)


def test_every_kind_of_a_project_has_its_judgement_and_its_evidence() -> None:
    assert set(Project.Kind.values) == set(JUDGEMENTS) == set(EVIDENCE)
    assert all(name == judgement.name for name, judgement in JUDGEMENTS.items())


def sources() -> Iterator[Path]:
    for folder, ending in (("labeling", "py"), ("rewardtrain", "py"), ("templates", "html")):
        for file in sorted((ROOT / folder).rglob(f"*.{ending}")):
            if not str(file.relative_to(ROOT)).startswith(AT_HOME):
                yield file


def test_nobody_but_the_kinds_asks_which_kind_a_project_is() -> None:
    asking = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in sources()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if ASKS_THE_KIND.search(line)
    ]
    assert asking == []


@pytest.fixture
def grading(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project of a kind that was added in one value on each side, in a database that takes it."""
    monkeypatch.setitem(JUDGEMENTS, "grading", GRADING)
    monkeypatch.setitem(EVIDENCE, "grading", GRADES)
    found = make_project(slug="grades", flags=[{"name": "rude", "label": "Rude"}], manager=project.created_by)
    rule = "ALTER TABLE labeling_project %s CONSTRAINT project_kind_known"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'project_kind_known'")
        (definition,) = cursor.fetchone() or ("",)
        cursor.execute(rule % "DROP")
        Project.objects.filter(pk=found.pk).update(kind="grading")
        found.refresh_from_db()
        yield found
        Project.objects.filter(pk=found.pk).update(kind="classification")
        cursor.execute(f"{rule % 'ADD'} {definition}")


@pytest.fixture
def manager(grading: Project) -> Client:
    client = Client()
    client.force_login(grading.created_by or make_user())
    return client


def page(client: Client, name: str, *args: object) -> str:
    response = client.get(reverse(name, args=["grades", *args]))
    assert response.status_code == 200, name
    return " ".join(response.content.decode().split())


def test_its_words_are_on_every_page_that_speaks_of_judgements(grading: Project, manager: Client) -> None:
    assert "Nothing graded yet" in page(manager, "history")
    make_prompt(grading, question="", texts=["A text."])
    board = page(manager, "rank")
    assert "Submit grades" in board
    assert ">Grade</a>" in board
    make_prompt(grading, question="", texts=["Another text."])
    labeler = join(grading)
    answer(grading, labeler, rude=True)
    client = Client()
    client.force_login(labeler)
    assert "Your grades" in page(client, "history")
    assert "<strong>1</strong> label" in page(manager, "project")


def test_its_models_are_trained_judged_and_watched_as_its_evidence_says(grading: Project, manager: Client) -> None:
    make_prompt(grading, question="", texts=["A text."])
    make_classifiers(grading)
    assert "Grades" in page(manager, "runs")
    assert "Grades of that day." in page(manager, "models")
    for address in ("auto_labels", "best_of", "playground", "project_machine"):
        page(manager, address)
    assert [each.evidence for each in policy.next_retrainings(grading)] == [GRADES, GRADES]
    assert due.due(grading) == []


def test_its_rows_are_imported_by_its_own_rules(grading: Project) -> None:
    rows = [
        {
            "id": name,
            "prompt": "",
            "completions": [{"id": "a", "text": name}],
            "rankings": [{"labeler": "ann", "ranks": [1], "flags": [flags]}],
        }
        for name, flags in (("1", {"rude": True}), ("2", {}))
    ]
    report = import_lines(grading, [json.dumps(row).encode() for row in rows])
    assert grading.prompts.count() == 1, report
    assert "rude" in report.errors[0].detail
