"""Prompts by priority and by when they were last ranked: every page from every place, narrowed or not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.answers import finding_prompts, ordered_prompts
from labeling.answers.finding_prompts import PromptConditions
from labeling.answers.ordered_prompts import Page, find_page
from labeling.answers.prompt_orders import ORDERS, Order, Place, read_place
from labeling.models import Project, Prompt
from tests.factories import make_project, make_prompt

MOMENT = datetime(2026, 3, 2, 9, 30, 1, 5, tzinfo=UTC)
N = 12
ASKED = {
    "all": PromptConditions(),
    "queue": PromptConditions(state="waiting"),
    "held": PromptConditions(state="held"),
    "a split": PromptConditions(split="test"),
    "a tag": PromptConditions(tag="odd"),
    "nothing": PromptConditions(tag="odd", split="validation"),
    "a state and more": PromptConditions(state="waiting", tag="odd", split="test"),
}


@pytest.fixture(params=range(3))
def project(db: None, request: pytest.FixtureRequest) -> Project:
    """Prompts of a few values, many of them the same, and others beside it of another project."""
    draw = random.Random(request.param)
    project, other = make_project(), make_project()
    for n in range(N):
        for each in (project, other):
            prompt = make_prompt(each, k=2, split=draw.choice(["test", "train"]))
            Prompt.objects.filter(pk=prompt.pk).update(
                priority=draw.choice([-9, 0, 0, 9]),
                last_ranked_at=draw.choice([None, None, MOMENT, MOMENT + timedelta(seconds=draw.randrange(3))]),
                held_at=draw.choice([None, None, MOMENT]),
                tags=["odd"] if n % 2 else [],
            )
    return project


def expected(project: Project, asked: PromptConditions, order: Order) -> list[int]:
    """Sorts all that are meant here: those without a value last."""
    rows = [
        (each, getattr(each, order.column) if order.column else None)
        for each in finding_prompts.meeting(project.prompts.all(), asked)
    ]
    rows.sort(key=lambda row: row[0].pk, reverse=order.from_end)
    having = [row for row in rows if row[1] is not None]
    having.sort(key=lambda row: row[1], reverse=order.falls)
    return [row[0].pk for row in having + [row for row in rows if row[1] is None]]


def onwards(project: Project, asked: PromptConditions, order: Order, size: int) -> Iterator[Page]:
    after, more = None, True
    while more:
        page = find_page(project, asked, order, size=size, after=after)
        yield page
        after = page.after or page.end
        more = after is not None


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("few", [0, 1000])
def test_pages_show_every_prompt_once_in_its_order(
    project: Project, name: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered_prompts, "MOST_SORTED", few)
    order = ORDERS[name]
    for (said, asked), at_once in product(ASKED.items(), (1, 3, 1000)):
        for limit in ("LOOKED_THROUGH", "READ_THROUGH"):
            monkeypatch.setattr(finding_prompts, limit, at_once)
        found: list[int] = []
        for page in onwards(project, asked, order, 2):
            assert len(page.keys) <= 2
            found += page.keys
            assert len(found) <= N
        assert found == expected(project, asked, order), (said, at_once)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("few", [0, 1000])
def test_one_goes_back_from_every_place(project: Project, name: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered_prompts, "MOST_SORTED", few)
    order = ORDERS[name]
    for said, asked in ASKED.items():
        keys = expected(project, asked, order)
        for n, key in enumerate(keys):
            place = ordered_prompts.place_of(project, order, key)
            assert place is not None
            page = find_page(project, asked, order, size=2, before=place)
            # Where less than a page leads to it, the list begins.
            assert page.keys == (keys[n - 2 : n] if n >= 3 else keys[:2]), (said, n)
            assert find_page(project, asked, order, size=2, after=place).keys == keys[n + 1 : n + 3], (said, n)
            from_it = find_page(project, asked, order, size=2, after=ordered_prompts.just_before(place, order))
            assert from_it.keys == keys[n : n + 2], (said, n)


@pytest.mark.parametrize("name", ORDERS)
def test_behind_the_last_stands_the_last_page(project: Project, name: str) -> None:
    order = ORDERS[name]
    keys = expected(project, PromptConditions(), order)
    last = ordered_prompts.place_of(project, order, keys[-1])
    page = find_page(project, PromptConditions(), order, size=5, after=last, or_last=True)
    assert (page.keys, page.after) == (keys[-5:], None)
    assert page.before is not None


@pytest.mark.parametrize("name", ORDERS)
def test_pages_are_counted_off(project: Project, name: str) -> None:
    for asked in (PromptConditions(), PromptConditions(state="waiting")):
        order = ORDERS[name]
        if not ordered_prompts.has_pages(asked, order):
            assert (asked.state, order.column) != ("waiting", "priority")
            continue
        keys = expected(project, asked, order)
        places = [ordered_prompts.place_at(project, asked, order, n) for n in range(len(keys))]
        assert [place and place.key for place in places] == keys
        assert ordered_prompts.place_at(project, asked, order, len(keys)) is None
        assert ordered_prompts.place_at(project, asked, order, finding_prompts.FARTHEST) is None


@pytest.mark.parametrize("name", ORDERS)
def test_some_are_asked_for_by_their_ids_or_since_a_key(project: Project, name: str) -> None:
    order, keys = ORDERS[name], expected(project, PromptConditions(), ORDERS[name])
    names = dict(project.prompts.values_list("pk", "external_id"))
    chosen = sorted(keys)[2:7]
    page = find_page(project, PromptConditions(), order, size=9, names=[names[key] for key in chosen])
    assert page.keys == [key for key in keys if key in chosen]
    since = sorted(keys)[5]
    page = find_page(project, PromptConditions(), order, size=9, since=since)
    assert page.keys == [key for key in keys if key > since]


@pytest.mark.parametrize("place", [Place(17, 9), Place(1, -9), Place(17, MOMENT), Place(17)])
def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    orders = {int: "priority", datetime: "last_ranked", type(None): "last_ranked"}
    assert read_place(str(place), ORDERS[orders[type(place.value)]]) == place


@pytest.mark.parametrize("text", ["", "17", "_", "9_", "a_1", "9_-1", "9_1_1", "32768_1", f"1_{2**63}", "٣_1", "9_1 "])
def test_what_is_no_place_is_none(text: str) -> None:
    assert read_place(text, ORDERS["priority"]) is None


@pytest.mark.parametrize("text", ["17", f"{10**19 - 1}_1", f"-{10**19 - 1}_1"])
def test_what_is_no_moment_is_no_place(text: str) -> None:
    assert read_place(text, ORDERS["last_ranked"]) is None
    assert read_place("_17", ORDERS["priority"]) is None
    assert read_place("1_17", ORDERS["newest"]) is None


def test_a_page_takes_four_statements_at_most(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, (said, asked), order in product((1, 1000), ASKED.items(), ORDERS.values()):
        monkeypatch.setattr(finding_prompts, "LOOKED_THROUGH", limit)
        middle = ordered_prompts.place_at(project, PromptConditions(), order, N // 2)
        for place in ("after", "before"):
            with CaptureQueriesContext(connection) as queries:
                find_page(project, asked, order, size=2, **{place: middle})
            assert len(queries) <= 4, (said, order)
