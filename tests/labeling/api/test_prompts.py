from __future__ import annotations

import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from formats.lines import BYTES_AT_ONCE, MAX_LINE
from labeling.models import Prompt, Ranking
from tests.factories import make_project, make_user
from tests.labeling.api.client import as_user, errors_of, post_lines, row

pytestmark = pytest.mark.django_db
URL = "/api/v1/projects/helpful/prompts/"


@pytest.fixture
def client() -> APIClient:
    manager = make_user()
    make_project(manager=manager, slug="helpful")
    return as_user(manager)


def test_json_lines_go_in_and_are_counted(client: APIClient) -> None:
    ranking = {"labeler": "ann", "ranks": [1, 2]}
    response = post_lines(client, URL, [row("q1"), row("q2", rankings=[ranking])])
    assert response.status_code == 200
    assert response.json() == {
        **{"container": "JSON Lines", "layout": "Podium's own rows", "tagged": 0},
        **{"created": 2, "updated": 0, "skipped": 0, "rankings": 1, "n_errors": 0, "errors": [], "groups": []},
    }
    assert list(Prompt.objects.values_list("external_id", flat=True)) == ["q1", "q2"]


def test_the_same_again_changes_nothing(client: APIClient) -> None:
    post_lines(client, URL, [row("q1")])
    assert post_lines(client, URL, [row("q1")]).json()["skipped"] == 1
    assert Prompt.objects.count() == 1


def test_a_bad_line_is_named_and_the_rest_goes_in(client: APIClient) -> None:
    bad = [b"{not json\n", row("q2", completions=[{"text": "alone"}]), b'{"id": "\xff"}\n']
    report = post_lines(client, URL, [row("q1"), *bad, row("q3")]).json()
    assert (report["created"], report["n_errors"]) == (2, 3)
    assert [error["line"] for error in report["errors"]] == [2, 3, 4]
    assert all(set(error) == {"line", "field", "value", "detail"} for error in report["errors"])


def test_a_dry_run_stores_nothing(client: APIClient) -> None:
    report = post_lines(client, URL + "?dry_run=1", [row("q1"), b"{\n"]).json()
    assert (report["created"], report["n_errors"]) == (1, 1)
    assert not Prompt.objects.exists()


def test_a_file_goes_in(client: APIClient) -> None:
    file = SimpleUploadedFile(
        "prompts.jsonl", json.dumps(row("q1")).encode() + b"\r\n\r\n" + json.dumps(row("q2")).encode()
    )
    response = client.post(URL, {"file": file}, format="multipart")
    assert (response.status_code, response.json()["created"]) == (200, 2)


@pytest.mark.parametrize("body", [row("q1"), [row("q1")]], ids=["object", "list"])
def test_json_goes_in(client: APIClient, body: object) -> None:
    assert client.post(URL, body).json()["created"] == 1


def test_unicode_survives_every_way_in(client: APIClient) -> None:
    text = "数学 ∑ 👩‍🔬 \u2028 é"
    client.post(URL, row("q1", prompt=text))
    line = json.dumps(row("q2", prompt=text + "?"), ensure_ascii=False).encode() + b"\n"
    post_lines(client, URL, [line])
    assert [prompt.messages[0]["content"] for prompt in Prompt.objects.all()] == [text, text + "?"]


@pytest.mark.parametrize("body", [b"", b"\n \n"])
def test_an_empty_body_is_refused(client: APIClient, body: bytes) -> None:
    response = client.generic("POST", URL, body, content_type="application/x-ndjson")
    assert (response.status_code, errors_of(response)) == (400, [("empty", None)])


def test_an_empty_list_is_refused(client: APIClient) -> None:
    assert errors_of(client.post(URL, [])) == [("empty", None)]


def test_a_form_without_the_file_is_refused(client: APIClient) -> None:
    response = client.post(URL, {"other": "x"}, format="multipart")
    assert (response.status_code, errors_of(response)) == (400, [("no_file", "file")])


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_another_kind_of_body_is_told_how_to_send(client: APIClient, content_type: str) -> None:
    response = client.generic("POST", URL, json.dumps(row()), content_type=content_type)
    assert response.status_code == 415
    assert "--data-binary" in response.json()["errors"][0]["detail"]


def test_json_beyond_what_memory_should_hold_is_refused(client: APIClient, settings: pytest.FixtureRequest) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000  # type: ignore[attr-defined]
    response = client.post(URL, row(prompt="x" * 1000))
    assert (response.status_code, errors_of(response)) == (413, [("too_large", None)])


def test_a_line_without_end_is_refused_before_memory_is_full(client: APIClient) -> None:
    body = json.dumps(row("q1")).encode() + b"\n" + b"x" * (MAX_LINE + BYTES_AT_ONCE)
    response = client.generic("POST", URL, body, content_type="application/x-ndjson")
    assert (response.status_code, errors_of(response)) == (400, [("line_too_long", None)])
    assert response.json()["errors"][0]["detail"].startswith("Line 2 ")


def test_a_labelers_name_is_no_login(client: APIClient) -> None:
    post_lines(client, URL, [row(rankings=[{"labeler": "ann", "ranks": [1, 1]}])])
    labeler = Ranking.objects.get().labeler
    assert labeler.is_imported
    assert not labeler.has_usable_password()


def test_a_chunked_body_goes_in_though_it_has_no_length(client: APIClient) -> None:
    body = b"".join(json.dumps(row(name)).encode() + b"\n" for name in ("q1", "q2"))
    chunked = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    response = client.generic("POST", URL, b"", content_type="application/x-ndjson", **chunked)
    assert (response.status_code, response.json()["created"]) == (200, 2)
