"""The pages of imports: who may open them, what they say, and the buttons."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from labeling.data.importing.background import import_files, import_worker
from labeling.data.importing.sample_files import samples
from labeling.models import Import, Project, Prompt, Role, User
from tests import factories
from tests.labeling.api.client import bytes_of, row

BAD = "".join(f'{{"id": "bad {n}", "prompt": "?"}}\n' for n in range(3)) + "{bad\n"
PAGES = ["imports/", "imports/1/", "imports/1/bad-lines/", "imports/samples/podium/"]


def words(response: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def as_user(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def look(client: Client, page: str) -> int:
    response: Any = client.get(f"/p/door/{page}")
    if response.streaming:
        assert bytes_of(response)
    return int(response.status_code)


def press(client: Client, number: int, act: str) -> int:
    return client.post(f"/p/door/imports/{number}/act/", {"act": act}).status_code


def test_they_open_for_managers_alone(project: Project, manager: Client) -> None:
    factories.make_import(project, BAD)
    others = {
        "administrator": as_user(factories.make_user("root", superuser=True)),
        "reviewer": as_user(factories.join(project, Role.REVIEWER)),
        "labeler": as_user(factories.join(project, Role.LABELER)),
        "stranger": as_user(factories.make_user()),
        "nobody": Client(),
    }
    expected = {"administrator": 200, "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 302}
    for page in PAGES:
        assert look(manager, page) == 200
        assert {who: look(client, page) for who, client in others.items()} == expected, page
    expected |= {"administrator": 302}
    assert {who: press(client, 1, "undo") for who, client in others.items()} == expected
    assert Import.objects.get().is_undo  # the administrator's


def test_another_projects_import_is_not_found(project: Project, manager: Client) -> None:
    factories.make_import(factories.make_project(slug="elsewhere"), BAD)
    assert [look(manager, page) for page in PAGES] == [200, 404, 404, 200]
    assert press(manager, 1, "undo") == 404
    assert manager.get(f"/p/door/imports/{10**30}/").status_code == 404


def test_a_file_that_is_sent_waits_to_be_started_and_its_page_opens(project: Project, manager: Client) -> None:
    file = SimpleUploadedFile("rows.jsonl", json.dumps(row("q1")).encode())
    response = manager.post("/p/door/imports/", {"file": file})
    assert response["Location"] == "/p/door/imports/1/"
    assert "Start the import" in words(manager.get("/p/door/imports/1/"))
    assert press(manager, 1, "start") == 302
    page = manager.get("/p/door/imports/1/")
    assert "queued" in words(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()
    import_worker.work(Import.objects.get().pk)
    shown = words(manager.get("/p/door/imports/1/"))
    assert "This is Podium's own rows in JSON Lines, 1 row." in shown
    assert "1 New prompts" in shown or "New prompts 1" in shown
    assert "rows.jsonl" in words(manager.get("/p/door/imports/"))


@pytest.mark.parametrize("sent", [{}, {"file": SimpleUploadedFile("empty.jsonl", b"")}], ids=["none", "empty"])
def test_no_file_is_refused_at_its_field(manager: Client, folder: Path, sent: dict[str, Any]) -> None:
    response = manager.post("/p/door/imports/", sent)
    assert response.status_code == 422
    assert b"id_file_error" in response.content
    assert not Import.objects.exists()
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_the_part_that_is_asked_for_ends_with_the_import(project: Project, manager: Client) -> None:
    job = factories.make_import(project, BAD)
    Import.objects.filter(pk=job.pk).update(state="running", bytes_read=job.size // 2, seconds_left=90, place=2)
    part = manager.get("/p/door/imports/1/", headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    assert "50 %" in words(part)
    assert "about 2 min left" in words(part)
    Import.objects.filter(pk=job.pk).update(state="succeeded")
    assert "HX-Refresh" in manager.get("/p/door/imports/1/", headers={"HX-Request": "true"})


def test_bad_lines_stand_together_by_what_is_wrong(project: Project, manager: Client) -> None:
    factories.make_import(project, BAD)
    shown = words(manager.get("/p/door/imports/1/"))
    assert "4 lines could not be used" in shown
    assert re.search(r"completions must be a list of 2 to 10 3 lines: 1, 2, 3", shown)
    assert bytes_of(manager.get("/p/door/imports/1/bad-lines/")).decode() == BAD


def test_what_is_wrong_is_said_in_the_readers_language(project: Project, manager: Client) -> None:
    with translation.override("en"):
        factories.make_import(project, BAD)
    manager.cookies["django_language"] = "de"
    german = words(manager.get("/p/door/imports/1/", headers={"Accept-Language": "de"}))
    assert "must be a list" not in german


def test_an_import_without_bad_lines_has_no_file_of_them(project: Project, manager: Client) -> None:
    factories.make_import(project, json.dumps(row("q1")))
    assert manager.get("/p/door/imports/1/bad-lines/").status_code == 404


def test_the_buttons_pause_go_on_cancel_and_take_back(project: Project, manager: Client) -> None:
    job = factories.make_import(project, json.dumps(row("q1")), work=False)
    states = []
    for act in ("pause", "pause", "resume", "cancel", "cancel", "resume"):  # twice is harmless
        assert press(manager, 1, act) == 302
        job.refresh_from_db()
        states.append(job.state)
    assert states == ["paused", "paused", "queued", "cancelled", "cancelled", "queued"]
    import_worker.work(job.pk)
    press(manager, 1, "undo")
    press(manager, 1, "undo")
    import_worker.work(job.pk)
    assert not Prompt.objects.exists()
    assert "Prompts taken back" in words(manager.get("/p/door/imports/1/"))


def test_what_cannot_be_done_is_said_and_changes_nothing(project: Project, manager: Client) -> None:
    factories.make_import(project, json.dumps(row("q1")))
    response = manager.post("/p/door/imports/1/act/", {"act": "pause"}, follow=True)
    assert "is not at work, so there is nothing to pause" in words(response)
    assert press(manager, 1, "delete") == 400
    assert press(manager, 2, "delete") == 404
    assert press(manager, 1, "") == 400
    assert manager.get("/p/door/imports/1/act/").status_code == 405


def test_a_sample_of_each_layout_is_there_to_download(manager: Client) -> None:
    html = manager.get("/p/door/imports/").content.decode()
    for name, sample in samples().items():
        response = manager.get(f"/p/door/imports/samples/{name}/")
        assert f'href="/p/door/imports/samples/{name}/"' in html
        assert bytes_of(response) == sample.path.read_bytes()
        assert sample.file_name in response["Content-Disposition"]
    assert manager.get("/p/door/imports/samples/none/").status_code == 404


def test_a_file_that_is_discarded_is_gone(
    project: Project, manager: Client, django_capture_on_commit_callbacks: Any
) -> None:
    job = factories.make_import(project, json.dumps(row("q1")), work=False)
    Import.objects.filter(pk=job.pk).update(state="draft")
    path = import_files.path_of(job.upload)
    assert path.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert press(manager, 1, "discard") == 302
    assert not path.exists()
    assert not Import.objects.exists()


@pytest.mark.parametrize("path", ["imports/", "imports/1/"])
def test_statements_are_as_many_for_one_bad_line_as_for_many(project: Project, manager: Client, path: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(f"/p/door/{path}").status_code == 200
        return len(queries)

    job = factories.make_import(project, "{bad\n")
    few = cost()
    error = job.errors[0]
    Import.objects.update(errors=[{**error, "line": n} for n in range(1000)], n_errors=1000)
    for _ in range(5):
        factories.make_import(project, BAD)
    assert cost() == few


def test_errors_of_before_this_version_are_shown_too(project: Project, manager: Client) -> None:
    """Their rows have no code."""
    job = factories.make_import(project, BAD)
    old = [{name: error[name] for name in ("line", "field", "value", "detail")} for error in job.errors]
    Import.objects.update(errors=old)
    assert "3 lines: 1, 2, 3" in words(manager.get("/p/door/imports/1/"))


def test_time_left_is_not_shown_of_one_that_waits(project: Project, manager: Client) -> None:
    job = factories.make_import(project, BAD)
    requested = job.requested_at - timedelta(hours=1)
    Import.objects.update(state="paused", seconds_left=90, requested_at=requested)
    assert "left" not in words(manager.get("/p/door/imports/1/"))
