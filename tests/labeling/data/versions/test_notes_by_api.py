"""What is said of a frozen version, by API: note and tags change, the version doesn't."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from labeling.data.versions import notes
from labeling.data.versions.datasets import freeze
from labeling.models import DatasetVersion, VersionNote
from tests.factories import join, make_project, make_prompt, rank
from tests.labeling.api.client import as_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> DatasetVersion:
    project = make_project(slug="helpful")
    make_prompt(project, split="train")
    rank(project, join(project))
    return freeze(project)


def change(version: DatasetVersion, **said: Any) -> Any:
    client = as_user(version.project.created_by)
    return client.patch(reverse("labeling_api:dataset", args=["helpful", version.number]), said, format="json")


def test_what_is_named_changes_and_the_rest_stays(version: DatasetVersion) -> None:
    first = change(version, note="For the paper.\nDon't delete.", tags=["paper", "pilot"]).data
    assert (first["note"], first["tags"]) == ("For the paper.\nDon't delete.", ["paper", "pilot"])
    second = change(version, tags=["paper"]).data
    assert (second["note"], second["tags"]) == (first["note"], ["paper"])
    assert change(version).data == change(version, note=first["note"]).data == second
    assert change(version, note="").data["note"] == ""
    assert {**second, "note": "", "tags": []} == {**first, "note": "", "tags": []}
    assert VersionNote.objects.get().changed_by == version.project.created_by


def test_a_version_of_which_nothing_was_said_has_an_empty_note(version: DatasetVersion) -> None:
    found = as_user(version.project.created_by).get(reverse("labeling_api:datasets", args=["helpful"])).data["results"]
    assert [(row["note"], row["tags"]) for row in found] == [("", [])]


@pytest.mark.parametrize(
    ("said", "attr", "code"),
    [
        ({"note": "x" * (notes.LONGEST_NOTE + 1)}, "note", "max_length"),
        ({"note": 5}, "note", "invalid"),
        ({"note": None}, "note", "null"),
        ({"tags": ["a, b"]}, "tags", "tag_invalid"),
        ({"tags": ["x" * 41]}, "tags.0", "max_length"),
        ({"tags": [str(n) for n in range(21)]}, "tags", "max_length"),
        ({"tags": "paper"}, "tags", "not_a_list"),
        ({"tags": [""]}, "tags.0", "blank"),
        ({"sha256": "0"}, "sha256", "unknown_field"),
    ],
)
def test_what_can_t_be_kept_is_refused_and_nothing_changes(
    version: DatasetVersion, said: dict[str, Any], attr: str, code: str
) -> None:
    change(version, note="As it was.", tags=["kept"])
    answer = change(version, **said)
    assert answer.status_code == 400
    assert [(error["attr"], error["code"]) for error in answer.json()["errors"]] == [(attr, code)]
    assert VersionNote.objects.values_list("text", "tags").get() == ("As it was.", ["kept"])


def test_notes_of_many_versions_are_read_in_the_same_statements(
    version: DatasetVersion, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    project = version.project
    for number in range(2, 6):
        make_prompt(project, split="train")
        rank(project, project.memberships.get(role="labeler").user)
        notes.change(freeze(project), by=project.created_by, text=f"note {number}")
    client = as_user(project.created_by)
    address = reverse("labeling_api:datasets", args=["helpful"])
    client.get(address)
    with django_assert_num_queries(3):
        rows = client.get(address).data["results"]
    assert [row["note"] for row in rows] == ["note 5", "note 4", "note 3", "note 2", ""]
