"""Labelers of recorded rankings are never accounts that people log in with."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.data.exporting import exports
from labeling.data.importing.imports import import_lines
from labeling.models import Project, Ranking, User
from labeling.people import invitations
from tests import factories
from tests.labeling.api.client import row

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.make_project(slug="work")


def bring(project: Project, *labelers: str, name: str = "q1") -> int:
    rankings = [{"labeler": labeler, "ranks": [1, 2]} for labeler in labelers]
    return import_lines(project, [json.dumps(row(name, rankings=rankings)).encode()]).rankings


def labelers_of(project: Project) -> list[tuple[str, bool]]:
    rankings = Ranking.objects.filter(prompt__project=project).order_by("id")
    return list(rankings.values_list("labeler__username", "labeler__is_imported"))


@pytest.mark.parametrize("name", ["ann", "Ann Smith", "x" * 100])
def test_a_person_who_has_the_name_first_is_given_no_ranking(project: Project, name: str) -> None:
    bring(project, name)
    [(taken, _)] = labelers_of(project)
    other = factories.make_project(slug="elsewhere")
    wanted = taken.removesuffix("@work") + "@elsewhere"
    person = factories.make_user(wanted)
    assert bring(other, name, "bob") == 2
    assert not person.rankings.exists()
    assert labelers_of(other) == [(wanted.replace("@", "#"), True), ("bob@elsewhere", True)]
    assert bring(other, name, "bob") == 0  # the same file again


def test_a_labeler_stays_one_whether_the_name_is_taken_later_or_given_up(project: Project) -> None:
    ann = factories.make_user("ann@work")
    bring(project, "ann")
    ann.delete()
    bring(project, "ann", name="q2")
    assert {name for name, _ in labelers_of(project)} == {"ann#work"}


def test_nobody_registers_as_an_imported_labeler(project: Project) -> None:
    bring(project, "ann")
    factories.make_user("bob@work")
    bring(project, "bob", name="q2")
    token = invitations.invite(project, by=project.created_by, role="labeler")[1]  # type: ignore[arg-type]
    for name in ("ann@work", "bob#work"):
        page = Client().post(f"/invite/{token}/", {"username": name, "password": "nine blue lanterns"})
        assert b"field__error" in page.content
    assert User.objects.filter(is_imported=True, is_active=False).count() == 2


def test_what_is_exported_names_the_imported_labeler(project: Project) -> None:
    factories.make_user("ann@work")
    bring(project, "ann")
    pairs = b"".join(exports.stream_pairs(project, file_format="jsonl", layout="standard", split="all"))
    assert b"ann@work" not in pairs


def test_labelers_who_are_known_cost_one_statement(project: Project) -> None:
    def statements(name: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            bring(project, "ann", "bob", "cleo", name=name)
        return sum('FROM "labeling_user"' in query["sql"] or '"labeling_user" (' in query["sql"] for query in queries)

    factories.make_user("bob@work")
    assert [statements("q1"), statements("q2")] == [5, 1]
