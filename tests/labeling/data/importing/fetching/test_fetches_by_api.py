"""A dataset on a hub over HTTP: named in a body of JSON, it goes in as soon as it is here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from labeling.data.importing.background import import_worker
from labeling.models import Import, Prompt
from tests.factories import make_project, make_user
from tests.hub_stub import Hub
from tests.labeling.api.client import as_user, errors_of
from tests.labeling.data.importing.fetching.test_import_fetch import NAME, pairs

pytestmark = pytest.mark.django_db
URL = "/api/v1/projects/helpful/imports/"


@pytest.fixture
def client() -> APIClient:
    manager = make_user("manager")
    make_project(manager=manager, slug="helpful")
    return as_user(manager)


def send(client: APIClient, body: object, query: str = "") -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(f"{URL}{query}", data, content_type="application/json")


def test_it_is_fetched_and_goes_in(hub: Hub, client: APIClient) -> None:
    there = hub.add("dataset", NAME, {"train.parquet": pairs("a", "b")})
    response = send(client, {"hub": f"hf:{NAME}"})
    sent = response.json()
    assert (response.status_code, sent["state"], sent["fetching"], sent["hub"]) == (202, "queued", True, NAME)
    assert hub.asked == []
    import_worker.work(Import.objects.get().pk)
    now = client.get(f"{URL}1/").json()
    assert (now["state"], now["fetching"], now["commit"], now["bytes_read"]) == ("queued", False, there.sha, 0)
    import_worker.work(Import.objects.get().pk)
    assert client.get(f"{URL}1/").json()["created"] == Prompt.objects.count() == 2


def test_it_is_read_as_was_said(hub: Hub, client: APIClient) -> None:
    hub.add("dataset", NAME, {"rows.csv": b"Frage,erste,zweite\nWarum?,Darum.,Weil.\n"})
    columns = json.dumps({"prompt": "Frage", "completion_a": "erste", "completion_b": "zweite"})
    assert send(client, {"hub": NAME}, f"?format=wide-table&map={columns}").status_code == 202
    for _ in range(2):
        import_worker.work(Import.objects.get().pk)
    assert Prompt.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({"hub": "name"}, "hub_name", "hub"),
        ({"hub": "http://10.0.0.1/a/b"}, "hub_name", "hub"),
        ({"hub": f"{NAME}@../x"}, "hub_name", "hub"),
        ({"hub": 5}, "invalid", "hub"),
        ({"hub": ""}, "blank", "hub"),
        ({"hub": "a" * 401}, "max_length", "hub"),
        ({"hub": "a" * 3000}, "hub_name", "hub"),
        ({"hub": NAME, "revision": "main"}, "unknown_field", "revision"),
    ],
)
def test_what_is_no_name_is_refused(client: APIClient, body: object, code: str, attr: str) -> None:
    response = send(client, body)
    assert (response.status_code, errors_of(response)) == (400, [(code, attr)])
    assert not Import.objects.exists()


def test_a_name_of_the_file_goes_with_no_dataset(client: APIClient) -> None:
    assert errors_of(send(client, {"hub": NAME}, "?name=rows.csv")) == [("name_of_a_dataset", "name")]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([{"hub": NAME}]).encode(),
        b'{"hub": ',
        json.dumps({"id": "q", "prompt": "hub" * 1000, "hub": "a/b"}).encode(),
        json.dumps({"id": "q", "prompt": "hub"}).encode(),
    ],
)
def test_other_json_is_a_file_as_ever(client: APIClient, body: bytes) -> None:
    response = send(client, body)
    assert (response.status_code, response.json()["fetching"], response.json()["size"]) == (202, False, len(body))


def test_it_is_paused_resumed_and_cancelled_as_any(client: APIClient) -> None:
    send(client, {"hub": NAME})
    for act, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled"), ("undo", "queued")):
        assert client.post(f"{URL}1/{act}/").json()["state"] == state
    import_worker.work(Import.objects.get().pk)
    assert (Import.objects.get().state, Import.objects.get().is_fetch) == ("succeeded", False)
