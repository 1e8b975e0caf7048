"""What one act of a labeler costs: statements, however much there is. Times are for benchmarks/queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from knox.models import AuthToken

from labeling.models import Assignment, Project, User
from tests import factories

pytestmark = pytest.mark.django_db

# Who asks, what they may see, and the act, which is one of the two where it reads its task with the rights to it.
API = {"next": 3, "rank": 3, "rank again": 4, "draft": 3, "undo": 5, "skip": 3, "release": 3, "amend": 3}
LABEL = 10  # the most for a claim and a submission


class Sender:
    """A program of one labeler with a token, as it comes to the server."""

    def __init__(self, user: User) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {AuthToken.objects.create(user)[1]}"}

    def send(self, method: str, path: str, body: object = None) -> int:
        call: Callable[..., object] = getattr(self.client, method)
        with CaptureQueriesContext(connection) as queries:
            response = call(f"/api/v1{path}", body, content_type="application/json", headers=self.headers)
        self.answer = response
        assert response.status_code < 300, response.content  # type: ignore[attr-defined]
        savepoints = sum("SAVEPOINT" in query["sql"] for query in queries)
        return len(queries) - savepoints


@pytest.fixture
def project() -> Project:
    project = factories.make_project(overlap=2)
    for _ in range(40):
        factories.make_prompt(project)
    return project


@pytest.fixture(params=[0, 30], ids=["new", "busy"])
def labeler(project: Project, request: pytest.FixtureRequest) -> User:
    """One who begins, and one who has ranked much while others hold prompts whose leases ran out."""
    labeler = factories.join(project)
    if request.param:
        factories.rank_next(project, labeler, request.param)
        for _ in range(5):
            factories.claimed(project, factories.join(project))
        Assignment.objects.filter(state="claimed").update(expires_at=timezone.now() - timedelta(hours=1))
    return labeler


def test_the_acts_of_the_api_take_a_handful_of_statements(project: Project, labeler: User) -> None:
    sender, took = Sender(labeler), {}
    took["next"] = sender.send("post", f"/projects/{project.slug}/assignments/next/")
    task = Assignment.objects.get(labeler=labeler, state="claimed")
    address = f"/assignments/{task.pk}"
    answer = {"tiers": [[name] for name in factories.ids_of(task)]}
    took["draft"] = sender.send("put", f"{address}/draft/", {"comment": "so far"})
    took["rank"] = sender.send("post", f"{address}/ranking/", answer)
    took["rank again"] = sender.send("post", f"{address}/ranking/", answer)
    took["amend"] = sender.send("put", f"{address}/ranking/", {"tiers": answer["tiers"][::-1]})
    took["undo"] = sender.send("post", f"{address}/undo/")
    took["release"] = sender.send("post", f"{address}/release/")
    took["skip"] = sender.send("post", f"{address}/skip/", {"reason": "not my field"})
    assert took == API
    assert took["next"] + took["rank"] <= LABEL


# The page's way: whose session it is, who that is, and the project, which the API asks by one statement less.
PAGE = {"look": 10, "ahead": 6, "draft": 5, "rank": 6, "keep": 5, "undo": 8}


def test_the_acts_of_the_page_take_a_handful_of_statements(project: Project, labeler: User) -> None:
    client, took = Client(headers={"X-Requested-With": "rank-desk"}), {}
    client.force_login(labeler)

    def send(name: str, path: str, fields: dict[str, object] | None = None) -> None:
        with CaptureQueriesContext(connection) as queries:
            response = client.post(f"/p/{project.slug}/rank/{path}", fields or {})
        assert response.status_code == 200, response.content
        took[name] = len(queries)

    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"/p/{project.slug}/rank/", headers={"X-Requested-With": ""}).status_code == 200
    took["look"] = len(queries)
    task = Assignment.objects.get(labeler=labeler, state="claimed")
    fields: dict[str, object] = {"assignment": task.pk}
    fields |= {f"rank-{name}": place for place, name in enumerate(factories.ids_of(task), start=1)}
    send("ahead", f"{task.pk}/ahead/")
    send("draft", f"{task.pk}/draft/", fields)
    send("keep", f"{task.pk}/keep/")
    send("rank", "", fields)
    send("undo", f"{task.pk}/undo/")
    assert took == PAGE
