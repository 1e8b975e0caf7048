"""The list of prompts by priority and by when they were last ranked, by page and by API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from rest_framework.test import APIClient

from labeling.answers import finding_prompts
from labeling.models import Project, Prompt, Role, SavedView
from labeling.views.answers import prompts
from tests import factories
from tests.labeling.api.client import as_user as by_api
from tests.labeling.api.client import errors_of
from tests.labeling.views.answers.test_narrowed_api import walked
from tests.labeling.views.answers.test_prompt_list import PAGE, listed
from tests.labeling.views.test_prompts import reviewer_of, words

MOMENT = datetime(2026, 3, 2, tzinfo=UTC)
# Each with its priority and the hour at which it was last ranked, if it was.
PROMPTS = ((0, 3), (9, None), (-9, 1), (0, 2), (9, 1), (0, None))
ORDERED = {
    "-priority": [1, 4, 0, 3, 5, 2],
    "priority": [2, 5, 3, 0, 4, 1],
    "-last_ranked": [0, 3, 4, 2, 5, 1],
    "last_ranked": [2, 4, 3, 0, 1, 5],
}


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="work")
    for n, (priority, hour) in enumerate(PROMPTS):
        prompt = factories.make_prompt(project, external_id=f"row-{n}", k=2, split="test" if n % 2 else "train")
        ranked_at = None if hour is None else MOMENT + timedelta(hours=hour)
        Prompt.objects.filter(pk=prompt.pk).update(priority=priority, last_ranked_at=ranked_at)
    return project


@pytest.fixture
def reviewer(project: Project) -> Client:
    return reviewer_of(project)


@pytest.fixture
def client(project: Project) -> APIClient:
    return by_api(factories.join(project, Role.REVIEWER))


def rows(numbers: list[int]) -> list[str]:
    return [f"row-{n}" for n in numbers]


@pytest.mark.parametrize("order", ORDERED)
def test_pages_follow_one_another_both_ways(reviewer: Client, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "SHOWN", 2)
    address, seen = f"{PAGE}?order={order}", []
    for _page in range(3):
        page = reviewer.get(address).content.decode()
        seen += re.findall(r'<span class="soft small">(row-\d+)</span>', page)
        following = re.search(r'href="(\?[^"]*after=[^"]*)"', page)
        address = PAGE + following[1].replace("&amp;", "&") if following else address
    assert seen == rows(ORDERED[order])
    assert not following
    back = re.search(r'href="(\?[^"]*before=[^"]*)"', page)
    assert back
    assert listed(reviewer, back[1].replace("&amp;", "&")) == rows(ORDERED[order][2:4])


@pytest.mark.parametrize("order", ORDERED)
def test_an_order_goes_with_what_narrows_a_page_s_number_and_a_place(
    project: Project, reviewer: Client, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = [n for n in ORDERED[order] if n % 2]
    assert listed(reviewer, f"?order={order}&split=test") == rows(odd)
    assert listed(reviewer, f"?order={order}&split=test&q=answer") == rows(odd) or listed(reviewer, "?q=answer") == []
    monkeypatch.setattr(prompts, "SHOWN", 2)
    assert listed(reviewer, f"?order={order}&page=2") == rows(ORDERED[order][2:4])
    assert listed(reviewer, f"?order={order}&go=row-3")[0] == "row-3"
    assert listed(reviewer, f"?order={order}&go=4")[0] == "row-3"
    assert "In this order pages have numbers" in words(reviewer.get(f"{PAGE}?order={order}&page=1&split=test"))


def test_what_was_ranked_meanwhile_moves_no_other_prompt(
    project: Project, reviewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "SHOWN", 2)
    page = reviewer.get(f"{PAGE}?order=-last_ranked").content.decode()
    following = re.search(r'href="(\?[^"]*after=[^"]*)"', page)
    assert following
    factories.rank_next(project, factories.join(project), 1)
    assert listed(reviewer, following[1].replace("&amp;", "&")) == ["row-4", "row-2"]


def test_a_saved_view_keeps_the_order(project: Project, reviewer: Client) -> None:
    reviewer.post("/p/work/views/", {"of": "prompts", "name": "Soon", "query": "order=-priority&split=test&page=2"})
    assert SavedView.objects.get().filters == {"order": "-priority", "split": "test"}
    assert listed(reviewer, f"?{SavedView.objects.get().query}") == rows([1, 3, 5])


@pytest.mark.parametrize("order", ["", "newest", *ORDERED])
@pytest.mark.parametrize("query", ["", "&split=test", "&state=waiting", "&model=secret-model-1", "&id=row-1&id=row-4"])
@pytest.mark.parametrize("at_once", [2, 100])
def test_the_api_lists_all_in_the_same_order(
    client: APIClient, order: str, query: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("LOOKED_THROUGH", "READ_THROUGH"):
        monkeypatch.setattr(finding_prompts, limit, at_once)
    numbers = ORDERED.get(order, [5, 4, 3, 2, 1, 0] if order else [0, 1, 2, 3, 4, 5])
    if "split" in query:
        numbers = [n for n in numbers if n % 2]
    if "id" in query:
        numbers = [n for n in numbers if n in (1, 4)]
    found, _pages = walked(client, f"prompts/?order={order}{query}&page_size=2")
    assert [row["id"] for row in found] == rows(numbers)


@pytest.mark.parametrize("order", ["newest", *ORDERED])
def test_a_client_goes_back_to_the_beginning(client: APIClient, order: str) -> None:
    url, there = f"/api/v1/projects/work/prompts/?order={order}&page_size=2", []
    while url:
        last, url = url, client.get(url).json()["next"]
    while last:
        page = client.get(last).json()
        there, last = [row["id"] for row in page["results"]] + there, page["previous"]
    assert there == rows(ORDERED.get(order, [5, 4, 3, 2, 1, 0]))


def test_a_page_ends_early_where_texts_are_long_and_loses_none(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.api.prompt_rows.MOST_BYTES", 1)
    found, pages = walked(client, "prompts/?order=-priority")
    assert [row["id"] for row in found] == rows(ORDERED["-priority"])
    assert pages == len(PROMPTS)


def test_a_prompt_says_when_it_was_last_ranked(client: APIClient) -> None:
    found, _pages = walked(client, "prompts/?order=last_ranked")
    assert [row["last_ranked_at"] for row in found][:2] == ["2026-03-02T01:00:00Z"] * 2
    assert [row["last_ranked_at"] for row in found][4:] == [None, None]


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("order=rank", "unknown_order", "order"),
        ("order=priority&cursor=cD0xNw%3D%3D", "not_found", "cursor"),  # a place of the order of import
        ("order=priority&state=done", "unknown_state", "state"),
        ("order=priority&since=-1", "invalid", "since"),
        ("order=priority&model=%00", "unstorable", "model"),
    ],
)
def test_what_can_t_be_read_is_refused_and_named(client: APIClient, query: str, code: str, name: str) -> None:
    response = client.get(f"/api/v1/projects/work/prompts/?{query}")
    assert response.status_code in (400, 404)
    assert errors_of(response) == [(code, name)]
