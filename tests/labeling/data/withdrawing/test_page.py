"""The page that withdraws prompts: first what it would mean, then the act."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from labeling.models import Project, Prompt
from labeling.views.desk import SCRIPT
from labeling.views.removal import prompts as withdrawing
from tests.factories import claimed, join, make_project, make_prompt, rank, tiers_of
from tests.labeling.views.test_doors import as_user

pytestmark = pytest.mark.django_db
PAGE = "/p/helpful/prompts/withdraw/"


@pytest.fixture
def project() -> Project:
    project = make_project(slug="helpful")
    for number in range(3):
        make_prompt(project, external_id=f"p{number}")
    return project


@pytest.fixture
def manager(project: Project) -> Client:
    return as_user(project.memberships.get().user)


def withdrawn() -> list[str]:
    rows = Prompt.objects.filter(withdrawn_at__isnull=False).order_by("external_id")
    return list(rows.values_list("external_id", flat=True))


def confirmed(answer: Any) -> dict[str, str]:
    """What the form says that does it."""
    return {**dict(answer.context["again"]), "step": "do"}


@pytest.mark.parametrize(
    "said",
    [
        {"ids": "p0\np1\n"},
        {"file": SimpleUploadedFile("ids.txt", b"p0\np1\n")},
        {"state": "ranked", "imported_from": "2020-01-31"},
    ],
    ids=["ids", "file", "in common"],
)
def test_it_is_said_first_and_done_then(project: Project, manager: Client, said: dict[str, Any]) -> None:
    labeler = join(project)
    for _ in range(2):
        rank(project, labeler)
    look = manager.post(PAGE, {"act": "withdraw", **said})
    assert b"2 prompts would be withdrawn" in look.content
    assert b"2 rankings go with them" in look.content
    assert withdrawn() == []
    done = manager.post(PAGE, confirmed(look), follow=True)
    assert b"2 prompts withdrawn." in done.content
    assert withdrawn() == ["p0", "p1"]
    assert manager.get("/p/helpful/prompts/?show=withdrawn").content.count(b"<tr>") == 3
    look = manager.post(PAGE, {"act": "restore", "state": "withdrawn"})
    assert b"2 prompts would be put back" in look.content
    manager.post(PAGE, confirmed(look))
    assert withdrawn() == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, b"Say which prompts"),
        ({"ids": "p0", "state": "ranked"}, b"not by both"),
        ({"ids": '{"name": "p0"}'}, b"Line 1 is no prompt"),
        ({"file": SimpleUploadedFile("ids.txt", b"\xff\xfe")}, b"not UTF-8"),
        ({"file": SimpleUploadedFile("ids.txt", b"p" * 500_001)}, b"manage.py withdraw_prompts"),
        ({"metadata_key": "a\0"}, b"Null characters"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_not_understood_is_said_beside_the_field(
    manager: Client, project: Project, said: dict[str, Any], words: bytes
) -> None:
    answer = manager.post(PAGE, {"act": "withdraw", "step": "do", **said})
    assert answer.status_code == 422
    assert words in answer.content
    assert withdrawn() == []


def test_more_than_a_moment_allows_is_gone_on_with(
    manager: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawing, "ACT_SECONDS", -1)
    answer = manager.post(PAGE, {"act": "withdraw", "step": "do", "id_begins": "p"})
    assert b"There are more" in answer.content
    assert b"3 prompts would be withdrawn" in answer.content
    monkeypatch.undo()
    manager.post(PAGE, confirmed(answer))
    assert withdrawn() == ["p0", "p1", "p2"]


def test_one_prompt_is_withdrawn_from_its_own_page(manager: Client, project: Project) -> None:
    odd = make_prompt(project, external_id=' {"odd"} ')
    page = manager.get(f"/p/helpful/prompts/{odd.pk}/")
    assert b"Withdraw this prompt" in page.content
    look = manager.post(PAGE, {"act": "withdraw", "ids": page.context["id_as_line"]})
    manager.post(PAGE, confirmed(look))
    assert withdrawn() == [' {"odd"} ']
    assert b"nobody gets it" in manager.get(f"/p/helpful/prompts/{odd.pk}/").content


def test_the_page_that_shows_it_is_told(project: Project, manager: Client) -> None:
    """By script 409 with the words, which the page says and goes on; without, the next task with them."""
    labeler = join(project)
    task = claimed(project, labeler)
    manager.post(PAGE, {"act": "withdraw", "step": "do", "ids": task.prompt.external_id})
    ranks = {f"rank-{pk}": str(place) for place, [pk] in enumerate(tiers_of(task), start=1)}
    answer = as_user(labeler).post("/p/helpful/rank/", {"assignment": task.pk, **ranks}, follow=True)
    assert answer.status_code == 200
    assert b"was withdrawn from the project" in answer.content
    keep = f"/p/helpful/rank/{task.pk}/keep/"
    by_script = as_user(labeler).post(keep, headers={"X-Requested-With": SCRIPT})
    assert (by_script.status_code, by_script.json()["code"]) == (409, "prompt_withdrawn")
