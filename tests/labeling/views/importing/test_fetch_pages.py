"""A dataset on a hub by the page: its name in a field, how far it is, what came, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from labeling.data.importing.background import import_worker
from labeling.models import Import, Project, Prompt, Role
from tests import factories, hub_stub
from tests.hub_stub import Hub
from tests.labeling.data.importing.fetching.test_import_fetch import NAME, jsonl
from tests.labeling.views.importing.test_import_pages import as_user, press, words

PAGE = "/p/door/imports/1/"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with hub_stub.named(monkeypatch, tmp_path / "home") as running:
        running.add("dataset", NAME, {"a.jsonl": jsonl("q1"), "b.jsonl": jsonl("q2", "q3")})
        yield running


def ask(client: Client, name: str = NAME) -> Any:
    return client.post("/p/door/imports/", {"hub": name}, follow=True)


def work() -> Import:
    job = Import.objects.get()
    import_worker.work(job.pk)
    job.refresh_from_db()
    return job


def test_it_is_fetched_looked_into_and_started(hub: Hub, manager: Client, project: Project) -> None:
    page = words(ask(manager, f" hf:{NAME} "))
    assert "owner/name" in page
    assert "A worker fetches it as soon as one is free." in page
    assert hub.asked == [], "a page waits for no hub"
    assert work().state == "draft"
    polled = manager.get(PAGE, headers={"HX-Request": "true"})
    assert polled.headers["HX-Refresh"] == "true"
    page = words(manager.get(PAGE))
    assert "This is Podium's own rows in 2 × JSON Lines, 3 rows." in page
    assert f"as it was at commit {hub.repository('dataset', NAME).sha[:12]} ." in page
    assert "fetched" in page
    assert press(manager, 1, "start") == 302
    assert work().state == "succeeded"
    assert Prompt.objects.count() == 3


@pytest.mark.parametrize("wrong", ["name", "http://10.0.0.1/a/b", "../../etc", "a" * 401, ""])
def test_what_is_no_name_is_told_at_the_field(hub: Hub, manager: Client, project: Project, wrong: str) -> None:
    page = ask(manager, wrong)
    assert page.status_code == 422
    assert 'id="id_hub_error"' in page.content.decode()
    assert not Import.objects.exists()


def test_one_that_failed_is_tried_again_or_thrown_away(hub: Hub, manager: Client, project: Project) -> None:
    ask(manager, "owner/other")
    assert work().state == "failed"
    page = words(manager.get(PAGE))
    for said in ("there is no dataset owner/other that everybody may read", "Try again", "Throw it away"):
        assert said in page
    assert press(manager, 1, "resume") == 302
    assert work().state == "failed"
    assert "Nothing of it went in." in words(manager.post(f"{PAGE}act/", {"act": "discard"}, follow=True))
    assert not Import.objects.exists()


def test_how_far_it_is_is_shown_in_bytes_and_files(manager: Client, project: Project) -> None:
    ask(manager)
    Import.objects.update(state="running", size=4000, bytes_read=1000, done=1, total=3, seconds_left=9)
    page = words(manager.get(PAGE, headers={"HX-Request": "true"}))
    for said in ("fetching", "25 %", "1000 bytes of 3.9 KB", "about 9 s left", "1 of 3"):
        assert said in page.replace("\xa0", " ")
    Import.objects.update(size=0, bytes_read=0, total=0)
    assert "The hub is asked what it holds." in words(manager.get(PAGE))


def test_it_is_for_managers_alone(project: Project) -> None:
    people = {
        403: [factories.join(project, Role.REVIEWER), factories.join(project, Role.LABELER)],
        404: [factories.make_user()],
    }
    for status, users in people.items():
        for user in users:
            assert ask(as_user(user)).status_code == status
    assert "/accounts/login/" in Client().post("/p/door/imports/", {"hub": NAME})["Location"]
    assert not Import.objects.exists()
