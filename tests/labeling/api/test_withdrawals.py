"""Withdrawing prompts by the API: whatever way of saying which."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from labeling.models import Project, Prompt
from tests.factories import join, make_project, make_prompt, make_user, rank
from tests.labeling.api.client import as_user, errors_of, post_lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(manager=make_user("mara"), slug="helpful")
    for number in range(3):
        make_prompt(project, external_id=f"p{number}")
    rank(project, join(project))
    return project


@pytest.fixture
def manager(project: Project) -> APIClient:
    return as_user(project.created_by)


def url(what: str, query: str = "") -> str:
    return reverse(f"labeling_api:prompts_{what}", args=["helpful"]) + query


def withdrawn() -> list[str]:
    rows = Prompt.objects.filter(withdrawn_at__isnull=False).order_by("external_id")
    return list(rows.values_list("external_id", flat=True))


def test_ids_as_json(manager: APIClient) -> None:
    answer = manager.post(url("withdraw"), {"ids": ["p0", "p1", "nowhere"]})
    assert answer.json() == {
        "prompts": 2, "unchanged": 0, "rankings": 1, "tasks": 0, "unknown": 1, "unknown_ids": ["nowhere"],
        "versions": [], "versions_not_looked_at": 0,
    }  # fmt: skip
    assert withdrawn() == ["p0", "p1"]
    assert manager.post(url("restore"), {"ids": ["p0"]}).json()["rankings"] == 1
    assert withdrawn() == ["p1"]


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/jsonl", "application/octet-stream"])
def test_a_file_of_ids(manager: APIClient, media_type: str) -> None:
    answer: Any = manager.generic("POST", url("withdraw"), b'p0\n{"id": "p2"}\n', content_type=media_type)
    assert (answer.status_code, answer.json()["prompts"]) == (200, 2)
    assert withdrawn() == ["p0", "p2"]


def test_what_they_have_in_common(manager: APIClient) -> None:
    assert manager.post(url("withdraw"), {"state": "ranked"}).json()["prompts"] == 1
    assert manager.post(url("restore"), {"state": "withdrawn", "imported_from": "2020-01-31"}).json()["prompts"] == 1
    assert withdrawn() == []


def test_a_dry_run_does_nothing(manager: APIClient) -> None:
    assert manager.post(url("withdraw", "?dry_run=1"), {"id_begins": "p"}).json()["prompts"] == 3
    assert withdrawn() == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("nothing_chosen", None)),
        ({"ids": []}, ("min_length", "ids")),
        ({"ids": ["p0"], "split": "train"}, ("two_choices", "ids")),
        ({"ids": "p0"}, ("not_a_list", "ids")),
        ({"state": "lost"}, ("invalid_choice", "state")),
        ({"imported_from": "soon"}, ("invalid", "imported_from")),
        ({"prompt": "p0"}, ("unknown_field", "prompt")),
        ({"ids": ["p"] * 10_001}, ("max_length", "ids")),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_not_understood_is_refused(manager: APIClient, body: dict[str, Any], expected: object) -> None:
    answer = manager.post(url("withdraw"), body)
    assert (answer.status_code, errors_of(answer)) == (400, [expected])
    assert withdrawn() == []


def test_a_file_without_an_id_and_one_with_a_bad_line(manager: APIClient) -> None:
    assert errors_of(post_lines(manager, url("withdraw"), [])) == [("empty", None)]
    assert errors_of(post_lines(manager, url("withdraw"), ["p0", {"name": "p1"}])) == [("bad_line", "file")]
    answer: Any = manager.generic("POST", url("withdraw"), b"<p0/>", content_type="text/xml")
    assert answer.status_code == 415


def test_a_prompt_of_such_an_id_is_read_by_its_filter(manager: APIClient, project: Project) -> None:
    make_prompt(project, external_id="withdraw")
    listed = manager.get(reverse("labeling_api:prompts", args=["helpful"]), {"id": "withdraw"}).json()["results"]
    assert [each["id"] for each in listed] == ["withdraw"]


def test_the_labeler_is_told(manager: APIClient, project: Project) -> None:
    labeler = as_user(join(project))
    task = labeler.post(reverse("labeling_api:assignment_next", args=["helpful"])).json()
    manager.post(url("withdraw"), {"id_begins": "p"})
    tiers = [[each["id"]] for each in task["completions"]]
    answer = labeler.post(reverse("labeling_api:assignment_ranking", args=[task["id"]]), {"tiers": tiers})
    assert (answer.status_code, errors_of(answer)) == (409, [("prompt_withdrawn", None)])
    nothing: Any = labeler.post(reverse("labeling_api:assignment_next", args=["helpful"]))
    assert (nothing.status_code, nothing["X-Queue-Reason"]) == (204, "no_prompts")
