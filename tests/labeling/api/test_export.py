from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from labeling.data.exporting import exports
from labeling.data.versions import datasets
from labeling.models import Project
from tests.factories import join, make_project, make_prompt, make_user, rank
from tests.labeling.api.client import as_user, bytes_of, errors_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/projects/helpful/export/"


@pytest.fixture
def project() -> Project:
    project = make_project(manager=make_user("manager"), slug="helpful")
    for split in ("train", "test"):
        make_prompt(project, split=split)
        rank(project, join(project))
    return project


@pytest.fixture
def client(project: Project) -> APIClient:
    return as_user(project.created_by)


@pytest.mark.parametrize(
    ("file_format", "content_type"),
    [
        ("jsonl", "application/x-ndjson"),
        ("csv", "text/csv; charset=utf-8; header=present"),
        ("parquet", "application/vnd.apache.parquet"),
    ],
)
def test_each_format_is_a_download(project: Project, client: APIClient, file_format: str, content_type: str) -> None:
    response = client.get(URL, {"format": file_format, "layout": "conversational", "split": "all"})
    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    name = f"helpful-live-train-validation-test-conversational.{file_format}"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    pieces = exports.stream_pairs(project, file_format=file_format, layout="conversational", split="all")
    assert bytes_of(response) == b"".join(pieces)


def test_without_a_word_it_is_json_lines_without_the_test_split(client: APIClient) -> None:
    response = client.get(URL)
    assert response["X-Podium-Split"] == "train,validation"
    assert bytes_of(response).count(b"\n") == 6
    everything = client.get(URL, {"split": "all"})
    assert everything["X-Podium-Split"] == "train,validation,test"
    assert bytes_of(everything).count(b"\n") == 12


def test_a_frozen_version_by_its_number(project: Project, client: APIClient) -> None:
    version = datasets.freeze(project)
    before = bytes_of(client.get(URL))
    make_prompt(project, split="train")
    rank(project, join(project))
    assert bytes_of(client.get(URL, {"version": version.number})) == before
    assert bytes_of(client.get(URL, {"version": ""})) != before


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ({"format": "xml"}, 400, ("unknown_format", "format")),
        ({"layout": "chat"}, 400, ("unknown_layout", "layout")),
        ({"split": "dev"}, 400, ("unknown_split", "split")),
        ({"version": "new"}, 400, ("invalid", "version")),
        ({"version": "9"}, 404, ("not_found", None)),
    ],
)
def test_a_wrong_question_is_answered_in_words(
    client: APIClient, query: dict[str, str], status: int, error: tuple[str, str | None]
) -> None:
    response = client.get(URL, query)
    assert (response.status_code, errors_of(response)) == (status, [error])
