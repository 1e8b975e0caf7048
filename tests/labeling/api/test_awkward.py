"""What a door can't take is refused by name: a 4xx in the documented shape, never a 500, never let pass."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from labeling.models import Project, Ranking
from labeling.projects.projects import MAX_FLAGS, MAX_GUIDELINES
from tests.every_door import Operation, assignment_of, furnish, operations
from tests.factories import claimed, make_project, make_prompt, make_user, tiers_of
from tests.labeling.api.client import as_user, errors_of, post_lines, row
from tests.rewardtrain.conftest import models_in

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


# --- Every door -------------------------------------------------------------------------------------------------------

WRITES = operations("post", "put", "patch")
OF_JSON = [operation for operation in WRITES if operation.takes]
OF_FIELDS = [operation for operation in OF_JSON if operation.takes == ("application/json",)]
LISTS = [operation for operation in operations("get") if operation.lists]


@pytest.fixture
def manager(tmp_path: Path) -> Any:
    """Asks as the manager of a project with something behind every address."""
    with models_in(tmp_path / "models"):
        user = furnish()["manager"]
        client = as_user(user)

        def ask(operation: Operation, query: str = "", body: bytes = b"", **more: Any) -> Any:
            url = operation.url.replace("{id}", str(assignment_of(user))) + query
            kind = more.pop("content_type", "application/json")
            return client.generic(operation.method.upper(), url, body, content_type=kind, **more)

        yield ask


def cursor(words: str) -> str:
    return "?cursor=" + base64.b64encode(words.encode()).decode().replace("=", "%3D")


def test_every_list_refuses_a_cursor_that_it_never_gave(manager: Any) -> None:
    assert len(LISTS) == 20
    positions = ("abc", "-1", "1.5", "1e3", "9" * 19, "9" * 5000, "2026-01-01", "", "%00", "١٢", "1 OR 1=1")
    made_up = [cursor(f"p={position}") for position in positions]
    made_up += [cursor("o=-1"), cursor("o=x&p=1"), cursor("r=x&p=1"), cursor("x=1"), "?cursor=!!!", "?cursor=%FF"]
    for operation in LISTS:
        answers = {query: manager(operation, query) for query in [*made_up, "?cursor=cD1hYmM%3D"]}
        assert {query: answer.status_code for query, answer in answers.items()} == dict.fromkeys(answers, 404)
        assert {errors_of(answer)[0] for answer in answers.values()} == {("not_found", "cursor")}
        assert manager(operation, "?cursor=%00").status_code == 400
        assert manager(operation, cursor("p=3")).status_code == 200


@pytest.mark.parametrize("size", ["0", "-1", "1001", "9" * 30, "1.5", "x", "%00"])
def test_every_list_refuses_a_page_of_another_size(manager: Any, size: str) -> None:
    for operation in LISTS:
        answer = manager(operation, f"?page_size={size}")
        assert (answer.status_code, errors_of(answer)[0][1]) == (400, "page_size")


def test_every_door_names_a_parameter_that_it_does_not_know_or_gets_twice(manager: Any) -> None:
    for operation in operations():
        answer = manager(operation, "?nonsense=1")
        assert (answer.status_code, errors_of(answer)) == (400, [("unknown_parameter", "nonsense")]), operation
        for name in operation.parameters:
            if (operation.name, name) == ("prompts_list", "id"):  # a list of them
                continue
            answer = manager(operation, f"?{name}=1&{name}=2")
            assert (answer.status_code, errors_of(answer)) == (400, [("parameter_twice", name)]), operation


BODIES = {
    "deep lists": (b"[" * 200_000 + b"]" * 200_000, "too_deep"),
    "deep objects": (b'{"a":' * 70_000 + b"1" + b"}" * 70_000, "too_deep"),
    "deep and broken": (b'{"a":[' * 70_000, "too_deep"),
    "deep in a field": (b'{"tiers": ' + b"[" * 65 + b"]" * 65 + b"}", "too_deep"),
    "a key twice": (b'{"reason": "a", "reason": "b"}', "duplicate_key"),
    "a key twice inside": (b'{"flags": {"a": {"b": 1, "b": 2}}}', "duplicate_key"),
    "not a number": (b'{"a": NaN}', "parse_error"),
    "infinity": (b'{"a": -Infinity}', "parse_error"),
    "a huge float": (b'{"a": 1e999}', "parse_error"),
    "a huge whole number": (b'{"a": ' + b"9" * 5000 + b"}", "parse_error"),
    "not UTF-8": (b'{"a": "\xff"}', "parse_error"),
    "no JSON": (b"{", "parse_error"),
}


@pytest.mark.parametrize(("body", "code"), BODIES.values(), ids=list(BODIES))
def test_every_door_refuses_json_that_is_not_plain(manager: Any, body: bytes, code: str) -> None:
    for operation in WRITES:
        if operation.name == "imports_request":  # its body is a file of any kind, which a worker reads
            continue
        answer = manager(operation, body=body)
        assert answer.status_code == 400, (operation, answer.status_code)
        assert errors_of(answer)[0][0] == code, (operation, errors_of(answer))


@pytest.mark.parametrize("text", [NUL, HALF], ids=["nul", "half a pair"])
def test_every_door_names_the_place_of_a_text_that_no_database_keeps(manager: Any, text: str) -> None:
    for operation in OF_FIELDS:
        answer = manager(operation, body=json.dumps({"a": [{"b": text}]}).encode())
        assert (answer.status_code, errors_of(answer)) == (400, [("unstorable", "a.0.b")]), operation


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null", b"true", b"[{}]"])
def test_every_door_refuses_a_body_of_another_kind(manager: Any, body: bytes) -> None:
    for operation in WRITES:
        if "multipart/form-data" not in operation.takes:  # a list of prompts is one
            assert manager(operation, body=body).status_code == 400, operation


def test_every_door_names_a_field_that_it_does_not_know(manager: Any) -> None:
    drafts = "assignments_draft"  # a draft is any object
    for operation in WRITES:
        if "multipart/form-data" not in operation.takes and operation.name != drafts:
            answer = manager(operation, body=b'{"nonsense": 1, "naem": 2}')
            assert answer.status_code == 400, operation
            assert {("unknown_field", "naem"), ("unknown_field", "nonsense")} <= set(errors_of(answer)), operation


def test_a_field_that_is_only_read_is_named(manager: Any) -> None:
    by_name = {operation.name: operation for operation in WRITES}
    made = manager(by_name["projects_create"], body=b'{"slug": "new", "name": "New", "created_at": "2020-01-01"}')
    changed = manager(by_name["projects_change"], body=b'{"slug": "other", "name": "New"}')
    member = manager(by_name["members_set"], body=b'{"username": "leaver", "role": "manager", "created_at": null}')
    assert (made.status_code, changed.status_code, member.status_code) == (400, 400, 400)
    assert errors_of(made) == errors_of(member) == [("read_only", "created_at")]
    assert errors_of(changed) == [("unknown_field", "slug")]
    assert set(Project.objects.values_list("slug", "name")) == {("helpful", "Helpful")}


def test_every_door_refuses_another_kind_of_body(manager: Any) -> None:
    for operation in WRITES:
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense", "a/b; charset="):
            assert manager(operation, body=b"a=b", content_type=kind).status_code == 415, (operation, kind)


def test_every_door_refuses_a_body_beyond_what_it_has_use_for(manager: Any) -> None:
    for operation in OF_FIELDS:
        if operation.name != "score":
            answer = manager(operation, body=b'{"a": "' + b"x" * 2**21 + b'"}')
            assert (answer.status_code, errors_of(answer)) == (413, [("too_large", None)]), operation


def test_a_chunked_body_is_read_at_every_door(manager: Any) -> None:
    for operation in OF_FIELDS:
        chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"{")}
        answer = manager(operation, **chunked)
        assert (answer.status_code, errors_of(answer)[0][0]) == (400, "parse_error"), operation


@pytest.mark.parametrize("number", ["9" * 10, "9" * 20, "9" * 5000])
def test_a_number_in_an_address_beyond_all_rows_is_not_there(client: APIClient, number: str) -> None:
    for path in (f"runs/{number}/", f"datasets/{number}/", f"models/{number}/report/", f"export/?version={number}"):
        assert client.get(BASE + path).status_code in (400, 404), path
    assert client.get(f"/api/v1/assignments/{number}/draft/").status_code == 404
    for query in (f"rankings/?since={number}", f"pairs/?since={number}", f"auto-labels/agreement/?model={number}"):
        assert client.get(BASE + query).status_code in (200, 400, 404, 409), query


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "x" * 121, "max_length"),
        ("guidelines", "x" * (MAX_GUIDELINES + 1), "max_length"),
        ("flags", [{"name": f"f{n}"} for n in range(MAX_FLAGS + 1)], "max_length"),
        ("overlap", 51, "max_value"),
        ("overlap", 10**200, "max_value"),
        ("overlap", "1", "invalid"),
        ("extra_percent", 101, "max_value"),
        ("extra_overlap", 51, "max_value"),
        ("ask_strength", "true", "invalid"),
        ("name", 5, "invalid"),
    ],
)
def test_what_is_too_long_too_many_or_of_another_type_is_named(
    client: APIClient, field: str, value: object, code: str
) -> None:
    response = client.patch(BASE, {field: value})
    [(said, at)] = errors_of(response)
    assert (response.status_code, said, str(at).partition(".")[0]) == (400, code, field)


@pytest.mark.parametrize(
    "flag", [{"name": "a", "label": "x" * 121}, {"name": "x" * 41}, {"name": "a", "colour": "red"}]
)
def test_a_flag_has_limits_and_no_other_field(client: APIClient, flag: dict[str, str]) -> None:
    response = client.patch(BASE, {"flags": [flag]})
    assert (response.status_code, errors_of(response)[0][1]) == (400, f"flags.0.{list(flag)[-1]}")


@pytest.mark.parametrize(
    "backbone",
    [
        "b" * 280,
        "b" * 280 + "/" + "c" * 280,
        "/" + "b" * 280,
        "./" + "b/" * 140,
        "~" + "b" * 200,
        "a b/c",
        "b" * 10_000,
    ],
)
def test_a_backbone_that_can_not_be_is_refused(client: APIClient, backbone: str) -> None:
    response = client.post(BASE + "runs/", {"training": {"backbone": backbone}})
    assert (response.status_code, errors_of(response)[0][1]) == (400, "training")


@pytest.mark.parametrize("value", [10**200, -(10**200), 1e308])
def test_a_training_setting_out_of_all_bounds_is_refused(client: APIClient, value: float) -> None:
    response = client.post(BASE + "runs/", {"training": {"warmup_ratio": value}})
    assert (response.status_code, errors_of(response)[0][1]) == (400, "training")


@pytest.mark.parametrize("name", ["a\0b.jsonl", "x" * 5000, "../../etc/passwd", "\udcff.jsonl"])
def test_an_uploaded_file_may_have_any_name(client: APIClient, name: str) -> None:
    file = SimpleUploadedFile("f", json.dumps(row("q1")).encode())
    file.name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    assert client.post(BASE + "prompts/", {"file": file}, format="multipart").status_code == 200


def test_more_fields_or_files_than_a_form_has_are_refused(client: APIClient) -> None:
    response = client.post(BASE + "prompts/", {f"f{n}": "x" for n in range(1500)}, format="multipart")
    assert (response.status_code, errors_of(response)[0][0]) == (400, "parse_error")


@pytest.mark.parametrize("header", ["Bearer \xff", "Bearer " + "x" * 60_000, "Bearer", "Bearer a b", "Basic \xff"])
def test_a_header_that_is_no_token_is_nobodys(header: str) -> None:
    answer = Client(raise_request_exception=False).get("/api/v1/projects/", headers={"Authorization": header})
    assert answer.status_code == 401
