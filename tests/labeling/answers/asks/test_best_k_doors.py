"""The best k of many by the API and by plain forms: told in the task, refused with what is missing, shown as it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from labeling.models import Assignment, Project, Ranking, User
from labeling.projects.projects import update_project
from tests import factories
from tests.factories import join, make_project, make_prompt
from tests.labeling.api.client import as_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = update_project(make_project(slug="work"), top_k=3)
    make_prompt(project, k=9)
    return project


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


@pytest.fixture
def client(labeler: User) -> APIClient:
    return as_user(labeler)


def pages_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def taken(client: APIClient) -> dict[str, Any]:
    task: dict[str, Any] = client.post("/api/v1/projects/work/assignments/next/").json()
    return task


def sent(client: APIClient, task: dict[str, Any], n: int, **more: object) -> Any:
    tiers = [[each["id"]] for each in task["completions"][:n]]
    return client.post(f"/api/v1/assignments/{task['id']}/ranking/", {"tiers": tiers, **more})


def test_a_task_says_how_many_and_the_rest_may_be_left_out(client: APIClient) -> None:
    task = taken(client)
    assert task["top_k"] == 3
    refused = sent(client, task, 2)
    assert refused.status_code == 400
    [error] = refused.json()["errors"]
    assert (error["code"], error["attr"]) == ("too_few_ranked", "tiers")
    assert "Rank the best 3 of 9 at least; 2 are ranked." in error["detail"]
    stored = sent(client, task, 3)
    assert (stored.status_code, stored.json()["pairs"], stored.json()["ties"]) == (201, 21, 0)
    assert sent(client, task, 3).status_code == 200
    [ranking] = client.get("/api/v1/projects/work/rankings/").json()["results"]
    assert ranking["top_k"] == 3
    assert [place["rank"] for place in ranking["ranked"]] == [1, 2, 3, *[4] * 6]


@pytest.mark.parametrize(("k", "asked"), [(4, 0), (6, 0), (7, 3)])
def test_of_few_it_is_not_asked(labeler: User, client: APIClient, k: int, asked: int) -> None:
    project = Project.objects.get(slug="work")
    taken_before = taken(client)
    assert sent(client, taken_before, 9).status_code == 201  # who ranks all says more
    make_prompt(project, k=k)
    task = taken(client)
    assert task["top_k"] == asked
    assert sent(client, task, 3).status_code == (201 if asked else 400)


@pytest.mark.parametrize("value", [10, -1, 1.5, "3", True, None])
def test_a_setting_that_can_not_be_is_refused_by_its_name(project: Project, value: object) -> None:
    manager = as_user(User.objects.get(username="manager-of-work"))
    refused = manager.patch("/api/v1/projects/work/", {"top_k": value})
    assert refused.status_code == 400
    assert "top_k" in refused.content.decode()
    assert Project.objects.get(slug="work").top_k == 3


def test_the_settings_page_sets_it_and_one_from_before_leaves_it(project: Project) -> None:
    manager = pages_of(User.objects.get(username="manager-of-work"))
    url = reverse("project_settings", args=["work"])
    assert "Rank only the best" in manager.get(url).content.decode()
    fields = {"name": "Work", "overlap": "1", "lease_minutes": "20"}

    def after(**more: str) -> int:
        assert manager.post(url, {**fields, **more}).status_code == 302
        return Project.objects.get(slug="work").top_k

    assert [after(), after(top_k="5"), after(top_k="")] == [3, 5, 0]
    page = manager.post(url, {**fields, "top_k": "10"})
    assert "less than or equal to 9" in page.content.decode()


def test_a_page_from_before_it_was_asked_sends_all_and_is_taken(labeler: User, project: Project) -> None:
    client = pages_of(labeler)
    assert client.get("/p/work/rank/").status_code == 200
    task = Assignment.objects.get(labeler=labeler)
    ranks = {f"rank-{pk}": str(rank) for rank, pk in enumerate(factories.ids_of(task), start=1)}
    assert client.post("/p/work/rank/", {"assignment": str(task.pk), **ranks}).status_code == 302
    assert Ranking.objects.get(labeler=labeler).unranked == 0


def test_a_page_with_a_rest_is_refused_once_all_are_asked_for(labeler: User, project: Project) -> None:
    client = pages_of(labeler)
    assert client.get("/p/work/rank/").status_code == 200
    task = Assignment.objects.get(labeler=labeler)
    update_project(project, top_k=0)
    ranks = {f"rank-{pk}": str(rank) for rank, pk in enumerate(factories.ids_of(task)[:3], start=1)}
    refused = client.post("/p/work/rank/", {"assignment": str(task.pk), **ranks})
    assert refused.status_code == 422
    assert "D, E, F, G, H and I have no place yet" in refused.content.decode()


def test_a_bad_rank_on_a_board_of_the_best_is_refused(labeler: User, project: Project) -> None:
    client = pages_of(labeler)
    assert client.get("/p/work/rank/").status_code == 200
    task = Assignment.objects.get(labeler=labeler)
    one, two, three, *_ = factories.ids_of(task)
    for bad in ("0", "99", "9" * 5000, "first"):
        ranks = {f"rank-{one}": "1", f"rank-{two}": "2", f"rank-{three}": bad}
        assert client.post("/p/work/rank/", {"assignment": str(task.pk), **ranks}).status_code == 422
    assert not Ranking.objects.exists()
