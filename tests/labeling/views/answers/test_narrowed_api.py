"""Lists of prompts and rankings narrowed by the API, by the names of the pages' filters."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from labeling.answers import finding, finding_prompts
from labeling.models import Project, Role, User
from tests import factories
from tests.labeling.api.client import as_user, errors_of
from tests.labeling.views.answers.test_prompt_list import N, project  # noqa: F401 - a fixture

API = "/api/v1/projects/work/"


@pytest.fixture
def client(project: Project) -> APIClient:  # noqa: F811 - the fixture
    return as_user(factories.join(project, Role.REVIEWER))


def walked(client: APIClient, path: str) -> tuple[list[dict[str, Any]], int]:
    """Follows `next` to the end: all rows, and how many pages there were."""
    rows, url, n = [], API + path, 0
    while url:
        response = client.get(url)
        assert response.status_code == 200, response.content
        rows += response.json()["results"]
        url, n = response.json()["next"], n + 1
        assert n < 50
    return rows, n


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?disagreement=yes", [0]),
        ("?disagreement=no&state=ranked", [1]),
        ("?labeler=ada&split=train", [0]),
        ("?flag=wrong", [1]),
        ("?model=gamma&labeler=bo&split=test", [1]),
        ("?to_day=2099-01-01&from_day=2020-01-01", [0, 1]),
        ("?from_day=2099-01-01", []),
    ],
)
@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_prompts_are_narrowed_and_none_is_missed(
    client: APIClient, query: str, numbers: list[int], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("LOOKED_THROUGH", "READ_THROUGH"):
        monkeypatch.setattr(finding_prompts, limit, at_once)
    rows, _pages = walked(client, f"prompts/{query}")
    assert [row["id"] for row in rows] == [f"row-{n}" for n in numbers]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?disagreement=yes", ["ada 0", "bo 0"]),
        ("?disagreement=no&labeler=ada", ["ada 1"]),
        ("?flag=wrong", ["ada 1"]),
        ("?model=gamma&split=test", ["ada 1", "bo 1"]),
        ("?from_day=2099-01-01", []),
        ("?words=some", []),
        ("?least_seconds=5", []),
    ],
)
@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_rankings_are_narrowed_and_none_is_missed(
    client: APIClient, query: str, said: list[str], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("LOOKED_THROUGH", "READ_THROUGH"):
        monkeypatch.setattr(finding, limit, at_once)
    rows, pages = walked(client, f"rankings/{query}")
    assert [f"{row['labeler']} {row['external_id'][4:]}" for row in rows] == said
    assert at_once == 100 or pages > 1


def test_one_can_go_back_through_a_narrowed_list(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("LOOKED_THROUGH", "READ_THROUGH"):
        monkeypatch.setattr(finding_prompts, limit, 2)
    url, there = f"{API}prompts/?model=gamma", []
    while url:
        last, url = url, client.get(url).json()["next"]
    while last:
        page = client.get(last).json()
        there, last = [row["id"] for row in page["results"]] + there, page["previous"]
    assert there == ["row-1"]


@pytest.mark.parametrize("list_", ["prompts", "rankings"])
@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("flag", "rude", "unknown_flag"),
        ("disagreement", "perhaps", "invalid"),
        ("from_day", "31.12.2026", "invalid"),
        ("to_day", "yesterday", "invalid"),
    ],
)
def test_a_value_that_can_t_be_read_is_refused_and_named(
    client: APIClient, list_: str, name: str, value: str, code: str
) -> None:
    response = client.get(f"{API}{list_}/?{name}={value}")
    assert (response.status_code, errors_of(response)) == (400, [(code, name)])
    assert repr(value) in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize("list_", ["prompts", "rankings"])
@pytest.mark.parametrize("name", ["from_day", "to_day"])
def test_an_empty_value_is_refused_where_it_can_mean_nothing(client: APIClient, list_: str, name: str) -> None:
    response = client.get(f"{API}{list_}/?{name}=")
    assert (response.status_code, errors_of(response)) == (400, [("invalid", name)])


@pytest.mark.parametrize("query", ["model=gamma", "disagreement=yes"])
def test_a_labeler_can_t_ask_who_wrote_what_or_whether_others_disagree(project: Project, query: str) -> None:  # noqa: F811
    ada = as_user(User.objects.get(username="ada"))
    assert ada.get(f"{API}rankings/?{query}").status_code == 403
    assert len(ada.get(f"{API}rankings/?to_day=2099-01-01").json()["results"]) == 2
    assert ada.get(f"{API}prompts/?{query}").status_code == 403


def test_a_page_looks_through_so_many_and_no_more(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("LOOKED_THROUGH", "READ_THROUGH"):
        monkeypatch.setattr(finding_prompts, limit, 2)
    _rows, pages = walked(client, "prompts/?model=nobody")
    assert pages == N // 3  # each looks one further than it counts
