"""How much an address takes, and what is never more than a moment's work."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from labeling.answers import rankings
from labeling.models import Assignment, Project, Ranking, User
from labeling.requests import body_limit
from tests import factories
from tests.doors import doors
from tests.labeling.api.client import as_user, errors_of
from tests.session.older import older

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.make_project(slug="sized")


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project)


@pytest.fixture
def task(project: Project, labeler: User) -> Assignment:
    factories.make_prompt(project)
    return factories.claimed(project, labeler)


@pytest.fixture
def page(labeler: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(labeler)
    return client


def test_every_address_has_a_limit_or_one_of_its_own() -> None:
    names = {door.name for door in doors()}
    assert names >= body_limit.READ_THEMSELVES
    assert all(any(name.startswith(begin) for name in names) for begin in body_limit.ANSWERS)


def test_an_answer_that_is_too_large_is_refused_unread_whoever_sends_it(task: Assignment, labeler: User) -> None:
    """413 in the API's shape, with both sizes; nothing of it was parsed, so it may be nonsense."""
    url = f"/api/v1/assignments/{task.pk}/ranking/"
    for person in (labeler, factories.make_user(), None):
        for verb, body in (("post", b"{" * (body_limit.ANSWER + 1)), ("put", b"x" * (body_limit.ANSWER + 1))):
            answer = getattr(as_user(person), verb)(url, body, content_type="application/json")
            assert (answer.status_code, errors_of(answer)) == (413, [("too_large", None)])
            words = f"{body_limit.ANSWER + 1} bytes, and this address takes at most {body_limit.ANSWER}"
            assert words in answer.content.decode()


@pytest.mark.parametrize(
    "address", ["rank/", "rank/{}/draft/", "rank/{}/skip/", "rank/{}/keep/", "history/{}/", "practice/"]
)
def test_a_form_that_is_too_large_is_refused_in_words(task: Assignment, page: Client, address: str) -> None:
    fields = {f"field-{number}": "x" for number in range(40_000)}
    answer = page.post(f"/p/sized/{address.format(task.pk)}", fields | {"assignment": str(task.pk)})
    assert answer.status_code == 413
    assert "This is more than fits here" in answer.content.decode()
    script = page.post(f"/p/sized/{address.format(task.pk)}", fields, headers={"X-Requested-With": "rank-desk"})
    assert "at most 524288" in script.json()["detail"]


def test_a_form_of_many_small_fields_is_a_refusal(task: Assignment, page: Client) -> None:
    sent = "&".join(f"f{number}=" for number in range(2000))
    answer = page.post("/p/sized/rank/", sent, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400


def test_the_longest_answer_there_is_fits(project: Project, labeler: User, page: Client) -> None:
    """Ten completions, all notes and the comment full of characters of four bytes, twelve in a form."""
    factories.make_prompt(project, k=10)
    task = factories.claimed(project, labeler)
    ids = factories.ids_of(task)
    fields = {f"rank-{name}": str(rank) for rank, name in enumerate(ids, 1)} | {
        f"note-{name}": "😀" * 1000 for name in ids
    }
    answer = page.post("/p/sized/rank/", fields | {"assignment": str(task.pk), "comment": "😀" * 5000})
    assert answer.status_code == 302
    assert len(task.rankings.get().comment) == 5000


def test_guidelines_and_files_are_not_an_answers_size(project: Project) -> None:
    manager = as_user(project.created_by)
    assert manager.patch("/api/v1/projects/sized/", {"guidelines": "x" * body_limit.ANSWER}).status_code != 413
    assert manager.patch("/api/v1/projects/sized/", {"guidelines": "x" * body_limit.ANYTHING}).status_code == 413
    rows = b'{"id": "' + b"a" * 2 * body_limit.ANYTHING + b'", "prompt": "?"}'
    sent = manager.generic("POST", "/api/v1/projects/sized/prompts/", rows, content_type="application/x-ndjson")
    assert sent.status_code == 200


@pytest.mark.parametrize("seconds", ["1.7e308", "inf", "nan", "-1", "86401", "abc"])
def test_a_time_that_can_not_be_breaks_nobodys_page(
    project: Project, labeler: User, page: Client, task: Assignment, seconds: str
) -> None:
    """From the page, whose person typed no such thing, it is left out; from a program it is named."""
    factories.make_prompt(project)
    api, at = as_user(labeler), f"/api/v1/assignments/{task.pk}"
    api.put(f"{at}/draft/", {"active_seconds": seconds})
    assert page.get("/p/sized/rank/").status_code == 200
    fields = {f"rank-{name}": "1" for name in factories.ids_of(task)}
    assert page.post(f"/p/sized/rank/{task.pk}/draft/", fields | {"active_seconds": seconds}).status_code == 200
    task.refresh_from_db()
    assert task.draft["active_seconds"] is None
    sent = page.post("/p/sized/rank/", fields | {"assignment": str(task.pk), "active_seconds": seconds})
    assert sent.status_code == 302
    assert task.rankings.get().active_seconds is None
    second = api.post("/api/v1/projects/sized/assignments/next/").json()
    body: dict[str, Any] = {"tiers": [[shown["id"] for shown in second["completions"]]], "active_seconds": 1.7e308}
    answer = api.post(f"/api/v1/assignments/{second['id']}/ranking/", body)
    assert answer.status_code == 400
    assert page.get("/p/sized/rank/").status_code == 200


def test_a_revision_of_thousands_of_digits_is_none(task: Assignment, page: Client) -> None:
    answer = page.post(f"/p/sized/rank/{task.pk}/draft/", {"draft_revision": "9" * 5000})
    assert (answer.status_code, answer.json()["code"]) == (409, "draft_changed")


@pytest.mark.django_db(transaction=True)
def test_the_upgrade_repairs_times_and_marks_who_was_shown_keys(project: Project, labeler: User) -> None:
    factories.make_prompt(project)
    factories.make_prompt(project)
    ranking = factories.rank(project, labeler)
    kept = rankings.submit(
        second := factories.claimed(project, labeler), {"tiers": [factories.ids_of(second)], "active_seconds": 86_400}
    ).ranking
    with older([("labeling", "0007_queue_priority")]), connection.cursor() as cursor:
        cursor.execute("UPDATE labeling_ranking SET active_seconds = 1.7e308 WHERE id = %s", [ranking.pk])
    assert list(Ranking.objects.order_by("pk").values_list("pk", "active_seconds")) == [
        (ranking.pk, None),
        (kept.pk, 86_400),
    ]
    assert set(Assignment.objects.values_list("keys_shown", flat=True)) == {True}
    factories.make_prompt(project)
    assert not factories.claimed(project, labeler).keys_shown
