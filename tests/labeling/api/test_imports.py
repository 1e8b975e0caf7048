"""Imports in the background over HTTP: a file in, its row while it is worked on, and what can be done with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from labeling.data.importing.background import import_files, import_worker
from labeling.models import Import, Project, Prompt
from tests.factories import make_import, make_project, make_user
from tests.labeling.api.client import as_user, bytes_of, errors_of, post_lines, row
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db
URL = "/api/v1/projects/helpful/imports/"


@pytest.fixture(autouse=True)
def _models(tmp_path: Path) -> Iterator[None]:
    with models_in(tmp_path / "models"):
        yield


@pytest.fixture
def client() -> APIClient:
    manager = make_user("manager")
    make_project(manager=manager, slug="helpful")
    return as_user(manager)


def work() -> None:
    import_worker.work(Import.objects.latest("pk").pk)


def test_a_file_is_taken_and_worked_on_later(client: APIClient) -> None:
    response = post_lines(client, f"{URL}?name=rows.jsonl", [row("q1"), b"{bad\n", row("q2")])
    assert response.status_code == 202
    sent = response.json()
    assert (sent["id"], sent["state"], sent["file_name"], sent["requested_by"]) == (
        1,
        "queued",
        "rows.jsonl",
        "manager",
    )
    assert not Prompt.objects.exists()
    work()
    read = client.get(f"{URL}1/").json()
    assert (read["state"], read["created"], read["n_errors"], read["format"]) == ("succeeded", 2, 1, "JSON Lines")
    assert [error["line"] for error in read["errors"]] == [2]
    [listed] = client.get(URL).json()["results"]
    assert listed == {name: value for name, value in read.items() if name != "errors"}
    bad = client.get(f"{URL}1/bad-lines/")
    assert (bytes_of(bad), bad["Content-Type"]) == (b"{bad\n", "application/x-ndjson")
    assert 'filename="helpful-import-1-bad.jsonl"' in bad["Content-Disposition"]


def test_a_file_in_a_form_goes_in(client: APIClient) -> None:
    file = SimpleUploadedFile("prompts.jsonl", json.dumps(row("q1")).encode())
    response = client.post(URL, {"file": file}, format="multipart")
    assert (response.status_code, response.json()["file_name"]) == (202, "prompts.jsonl")
    work()
    assert Prompt.objects.count() == 1


def test_a_body_of_json_is_a_file_too(client: APIClient) -> None:
    assert client.post(URL, [row("q1"), row("q2")]).status_code == 202
    work()
    assert Prompt.objects.count() == 2


def test_a_table_goes_in_by_a_map(client: APIClient) -> None:
    table = b"Frage;erste;zweite;besser\nWarum?;Darum.;Weil.;erste\n"
    columns = {"prompt": "Frage", "completion_a": "erste", "completion_b": "zweite", "winner": "besser"}
    asked = urlencode({"format": "wide-table", "map": json.dumps(columns)})
    response = client.generic("POST", f"{URL}?{asked}", table, content_type="text/csv")
    assert response.status_code == 202
    work()
    assert client.get(f"{URL}1/").json()["rankings"] == 1
    assert Prompt.objects.get().messages == [{"role": "user", "content": "Warum?"}]


@pytest.mark.parametrize(
    ("asked", "error"), [("format=excel", ("unknown_format", "format")), ("map=x", ("bad_map", "map"))]
)
def test_a_layout_or_map_that_is_none_is_refused_before_the_file_is_kept(
    client: APIClient, asked: str, error: tuple[str, str]
) -> None:
    response = client.generic("POST", f"{URL}?{asked}", b"{}", content_type="text/csv")
    assert (response.status_code, errors_of(response)) == (400, [error])
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ({"data": {"other": "x"}, "format": "multipart"}, 400, ("no_file", "file")),
        ({"data": "", "content_type": "application/x-ndjson"}, 400, ("empty", None)),
        ({"data": "x", "content_type": "text/html"}, 415, ("unsupported_media_type", None)),
    ],
)
def test_what_is_no_file_is_refused_and_leaves_nothing(
    client: APIClient, sent: dict[str, Any], status: int, error: tuple[str, str | None]
) -> None:
    response = client.post(URL, **sent)
    assert (response.status_code, errors_of(response)) == (status, [error])
    assert not Import.objects.exists()
    folder = import_files.path_of("projects")
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_it_is_paused_resumed_cancelled_and_undone(client: APIClient) -> None:
    post_lines(client, URL, [row("q1")])
    for act, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled"), ("resume", "queued")):
        response = client.post(f"{URL}1/{act}/")
        assert (response.status_code, response.json()["state"]) == (200, state), act
    assert errors_of(client.post(f"{URL}1/undo/")) == [("import_active", None)]
    work()
    assert errors_of(client.post(f"{URL}1/pause/")) == [("not_active", None)]
    assert errors_of(client.post(f"{URL}1/cancel/")) == [("import_ended", None)]
    assert errors_of(client.post(f"{URL}1/resume/")) == [("not_stopped", None)]
    undone = client.post(f"{URL}1/undo/").json()
    assert (undone["state"], undone["undo"]) == ("queued", True)
    work()
    read = client.get(f"{URL}1/").json()
    assert (read["state"], read["undone_prompts"], read["kept_prompts"]) == ("succeeded", 1, 0)
    assert not Prompt.objects.exists()


def test_what_has_no_bad_lines_says_so(client: APIClient) -> None:
    make_import(Project.objects.get(), json.dumps(row("q1")))
    assert errors_of(client.get(f"{URL}1/bad-lines/")) == [("no_bad_lines", None)]
    assert client.get(f"{URL}2/").status_code == 404


def test_the_list_costs_the_same_however_many_there_are(client: APIClient) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(URL).status_code == 200
        return len(queries)

    post_lines(client, URL, [row("q1")])
    one = cost()
    for _ in range(5):
        post_lines(client, URL, [row("q1")])
    assert cost() == one
