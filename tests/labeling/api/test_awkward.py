"""What JSON can say and a database can't keep is a 400, never a 500."""

from __future__ import annotations

import json

import pytest
from rest_framework.test import APIClient

from labeling.models import Project, Ranking
from tests.factories import claimed, make_project, make_prompt, make_user, tiers_of
from tests.labeling.api.client import as_user, errors_of, post_lines, row

pytestmark = pytest.mark.django_db
BASE = "/api/v1/projects/helpful/"
NUL, HALF = "a\0b", "a\ud800b"


@pytest.fixture
def project() -> Project:
    project = make_project(manager=make_user("manager"), slug="helpful")
    make_prompt(project)
    return project


@pytest.fixture
def client(project: Project) -> APIClient:
    return as_user(project.created_by)


def send(client: APIClient, verb: str, url: str, body: object) -> tuple[int, str]:
    response = client.generic(verb, url, json.dumps(body), content_type="application/json")
    return response.status_code, errors_of(response)[0][0]


@pytest.mark.parametrize("text", [NUL, HALF], ids=["nul", "half a pair"])
def test_a_text_that_no_database_keeps_is_refused(project: Project, client: APIClient, text: str) -> None:
    assert project.created_by is not None
    assignment = claimed(project, project.created_by)
    door = f"/api/v1/assignments/{assignment.pk}/"
    tiers = tiers_of(assignment)
    assert send(client, "PUT", door + "draft/", {"comment": text})[0] == 400
    assert send(client, "POST", door + "ranking/", {"tiers": tiers, "comment": text})[0] == 400
    assert send(client, "POST", door + "ranking/", {"tiers": [[text]]})[0] == 400
    for said in ({"flags": {text: {}}}, {"flags": {tiers[0][0]: {text: True}}}, {"notes": {tiers[0][0]: text}}):
        assert send(client, "POST", door + "ranking/", {"tiers": tiers, **said})[0] == 400
    assert send(client, "POST", door + "skip/", {"reason": text})[0] == 400
    assert send(client, "PATCH", BASE, {"guidelines": text})[0] == 400
    assert send(client, "PATCH", BASE, {"flags": [{"name": "rude", "label": text}]})[0] == 400
    assert send(client, "POST", BASE + "members/", {"username": text, "role": "labeler"})[0] == 400
    assert not Ranking.objects.exists()


@pytest.mark.parametrize("text", [NUL, HALF], ids=["nul", "half a pair"])
@pytest.mark.parametrize("field", ["id", "prompt", "metadata", "completions", "labeler"])
def test_an_imported_line_with_such_a_text_is_named_and_the_rest_goes_in(
    client: APIClient, field: str, text: str
) -> None:
    changes: dict[str, object] = {
        "metadata": {"metadata": {"topic": text}},
        "completions": {"completions": [{"text": text}, {"text": "b"}]},
        "labeler": {"rankings": [{"labeler": text, "ranks": [1, 2]}]},
    }.get(field, {field: text})
    response = post_lines(client, BASE + "prompts/", [row("q1"), {**row("q2"), **changes}, row("q3")])  # type: ignore[dict-item]
    report = response.json()
    assert (response.status_code, report["created"]) == (200, 2)
    assert [error["line"] for error in report["errors"]] == [2]


@pytest.mark.parametrize(
    "path", ["rankings/?labeler=a%00b", "pairs/?labeler=%00", "members/a%00b/", "export/?split=%00"]
)
def test_an_address_with_such_a_text_is_refused(client: APIClient, path: str) -> None:
    ask = client.delete if path.startswith("members/") else client.get
    assert ask(BASE + path).status_code == 400


@pytest.mark.parametrize("number", [10**30, -1, 1.5, True, None, "NaN"])
def test_a_number_out_of_all_bounds_is_refused(client: APIClient, number: object) -> None:
    assert send(client, "PATCH", BASE, {"overlap": number})[0] == 400


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null", b"\xff", b'{"a": NaN}'])
def test_a_body_of_another_kind_is_refused(project: Project, client: APIClient, body: bytes) -> None:
    assert project.created_by is not None
    door = f"/api/v1/assignments/{claimed(project, project.created_by).pk}/"
    for verb, url in [
        ("PUT", door + "draft/"),
        ("POST", door + "ranking/"),
        ("PATCH", BASE),
        ("POST", BASE + "members/"),
    ]:
        assert client.generic(verb, url, body, content_type="application/json").status_code == 400, (verb, url)
