"""Lists that may be a million rows long: paged by key, each filter by an index, at any depth."""

from __future__ import annotations

import html
import re
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from labeling.answers import finding_prompts, ordered_prompts
from labeling.answers.ordered_prompts import place_of
from labeling.answers.prompt_orders import ORDERS
from labeling.data.withdrawing import withdrawals
from labeling.models import Project, Prompt, Ranking, Role, User
from labeling.quality.agreement import Looked, latest_prompts, project_agreement, prompts_since
from labeling.queue import claims
from labeling.views.answers import prompts
from tests import factories
from tests.labeling.plans import READ, explained, fill

LIST = "/p/long/prompts/"
ROWS = 4000


@pytest.fixture
def project(db: None) -> Project:
    return factories.make_project(slug="long")


@pytest.fixture
def manager(project: Project) -> Client:
    client = Client()
    client.force_login(project.memberships.get(role=Role.MANAGER).user)
    return client


@pytest.fixture
def few_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "SHOWN", 3)


def listed(answer: Any) -> list[str]:
    return re.findall(r'<span class="soft small">([^<]*)</span>', answer.content.decode())


def link(answer: Any, rel: str) -> str:
    found = re.search(rf'href="([^"]*)"\s+rel="{rel}"', answer.content.decode())
    return html.unescape(found[1]) if found else ""


def test_next_and_previous_show_every_prompt_once_in_the_order_of_import(
    project: Project, manager: Client, few_a_page: None
) -> None:
    names = [factories.make_prompt(project, external_id=f"row {n}").external_id for n in range(8)]
    pages = [manager.get(LIST)]
    while following := link(pages[-1], "next"):
        pages.append(manager.get(LIST + following))
    assert [listed(page) for page in pages] == [names[:3], names[3:6], names[6:]]
    assert "8 prompts" in pages[1].content.decode()
    assert listed(manager.get(LIST + link(pages[2], "prev"))) == names[3:6]
    assert listed(manager.get(LIST + link(pages[1], "prev"))) == names[:3]
    assert listed(manager.get(LIST + link(pages[2], "first"))) == names[:3]
    assert not link(pages[0], "prev")
    assert not link(pages[0], "first")


def test_what_was_imported_or_ranked_meanwhile_moves_no_other_prompt(
    project: Project, manager: Client, few_a_page: None
) -> None:
    for n in range(7):
        factories.make_prompt(project, external_id=f"row {n}")
    following = link(manager.get(f"{LIST}?show=waiting"), "next")
    assert following.startswith("?state=waiting&")
    factories.rank_next(project, factories.join(project), 2)
    assert listed(manager.get(LIST + following)) == ["row 3", "row 4", "row 5"]
    assert listed(manager.get(f"{LIST}?show=ranked")) == ["row 0", "row 1"]


@pytest.mark.parametrize("query", ["?page=20000", "?after=x", "?after=-1", "?before=0", f"?before={10**30}", "?after="])
def test_an_address_that_names_no_place_leads_to_the_beginning(
    project: Project, manager: Client, few_a_page: None, query: str
) -> None:
    for n in range(4):
        factories.make_prompt(project, external_id=f"row {n}")
    assert listed(manager.get(LIST + query)) == ["row 0", "row 1", "row 2"]


def test_behind_the_last_stands_the_last_that_there_is(project: Project, manager: Client, few_a_page: None) -> None:
    for n in range(4):
        factories.make_prompt(project, external_id=f"row {n}")
    last = Prompt.objects.latest("pk").pk
    answer = manager.get(f"{LIST}?after={last}")
    assert listed(answer) == ["row 1", "row 2", "row 3"]
    assert not link(answer, "next")


def test_each_filter_shows_its_own_and_says_how_many(project: Project, manager: Client) -> None:
    for n in range(6):
        factories.make_prompt(project, external_id=f"row {n}")
    withdrawals.withdraw(project, ["row 5"])
    labeler = factories.join(project)
    claims.cannot_rank(factories.claimed(project, labeler), "Broken")
    factories.rank_next(project, labeler, 2)
    shown = {name: manager.get(f"{LIST}?show={name}") for name in (*prompts.FILTERS, "unknown")}
    assert {name: listed(page) for name, page in shown.items()} == {
        "all": [f"row {n}" for n in range(6)],
        "waiting": ["row 3", "row 4"],
        "ranked": ["row 1", "row 2"],
        "held": ["row 0"],
        "gold": [],
        "withdrawn": ["row 5"],
        "unknown": [f"row {n}" for n in range(6)],
    }
    for name, page in shown.items():
        assert re.search(rf"\s{len(listed(page))} prompt", page.content.decode()), name


# --- By an index ------------------------------------------------------------------------------------------------------


@pytest.fixture
def large(project: Project) -> User:
    """Thousands of prompts: every fourth held or withdrawn, of the others every second ranked, all by one person."""
    labeler = factories.join(project)
    fill(project, labeler, ROWS)
    return labeler


def test_every_list_is_read_by_an_index_wherever_one_looks(project: Project, manager: Client, large: User) -> None:
    """No list's statement sorts more than it shows or reads its table from the beginning."""
    middle = project.prompts.order_by("pk")[ROWS // 2].pk
    labeler = Client()
    labeler.force_login(large)
    said = Ranking.objects.filter(labeler=large).order_by("pk")[ROWS // 8].pk
    asked = [(manager, f"{LIST}?show={name}&{place}={middle}") for name in prompts.FILTERS for place in PLACES]
    asked += [(labeler, f"/p/long/history/?{place}={said}") for place in PLACES]
    for client, address in asked:
        with explained("labeling_prompt", "labeling_ranking") as plans:
            assert client.get(address).status_code == 200
        assert any("Limit" in plan for plan in plans), address
        for plan in plans:
            assert not re.search(r"Seq Scan on labeling_(prompt|ranking)\b", plan), f"{address}\n{plan}"
            assert not any(int(n or removed) > 2 * prompts.SHOWN for n, removed in READ.findall(plan)), (
                f"{address}\n{plan}"
            )


PLACES = ("from", "after", "before")


@pytest.mark.parametrize("name", [name for name, order in ORDERS.items() if order.column])
def test_a_list_in_another_order_is_read_by_its_index_wherever_one_looks(
    project: Project, manager: Client, large: User, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many a look along the order's index is taken, of 40; of few, which an index names, those are sorted."""
    monkeypatch.setattr(prompts, "SHOWN", 3)
    monkeypatch.setattr(finding_prompts, "LOOKED_THROUGH", 40)
    monkeypatch.setattr(ordered_prompts, "MOST_SORTED", 60)
    keys = list(project.prompts.order_by("pk").values_list("pk", flat=True))
    Prompt.objects.filter(pk__in=keys[:: ROWS // 40]).update(tags=["few"])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE labeling_prompt")
    middle = place_of(project, ORDERS[name], keys[ROWS // 2])
    narrowed = ("", "&state=waiting", "&state=ranked", "&state=held&split=train", "&split=test", "&tag=few")
    for each, place in product(narrowed, PLACES):
        with explained("labeling_prompt") as plans:
            address = f"{LIST}?order={name}{each}&{place}={middle}"
            assert manager.get(address).status_code == 200
        for plan in plans:
            assert not re.search(r"Seq Scan on labeling_prompt\b", plan), f"{address}\n{plan}"
            # Where something narrows the list, what one look goes through may be sorted.
            assert each or not re.search(r"Sort Key:.*(priority|last_ranked_at)", plan), f"{address}\n{plan}"
            assert not any(int(n or removed) > 2 * 62 for n, removed in READ.findall(plan)), f"{address}\n{plan}"


@pytest.mark.parametrize("name", [name for name, order in ORDERS.items() if order.column])
def test_a_page_of_another_order_is_counted_off_by_its_index(
    project: Project, manager: Client, large: User, name: str
) -> None:
    with explained("labeling_prompt") as plans:
        response = manager.get(f"{LIST}?order={name}&page=4")
    assert response["Location"].startswith(f"{LIST}?order={name}&after=")
    assert not any("Seq Scan on labeling_prompt" in plan for plan in plans)
    assert len(listed(manager.get(response["Location"]))) == prompts.SHOWN


# --- Agreement --------------------------------------------------------------------------------------------------------


def test_agreement_is_that_of_the_prompts_ranked_last_where_there_are_many(project: Project) -> None:
    project.overlap = 2
    project.save()
    for _ in range(4):
        factories.make_prompt(project, k=2)
    one, two = factories.join(project), factories.join(project)
    for who, ranks in ((one, [(1, 2)] * 4), (two, [(2, 1), (2, 1), (1, 2), (1, 2)])):
        for each in ranks:
            factories.rank(project, who, each)
    every = project_agreement(project)
    assert (every.value, every.n_pairs, every.n_prompts, every.of_latest) == (0.5, 4, 4, False)
    last = project_agreement(project, latest=2)
    assert (last.value, last.n_pairs, last.n_prompts, last.of_latest) == (1.0, 2, 2, True)


def test_a_long_time_is_looked_at_from_its_first_to_its_last_ranking(project: Project) -> None:
    """Of 61 rankings after the first, of a pair each: the last 10, and the first of each tenth of the time."""
    for _ in range(62):
        factories.make_prompt(project, k=2)
    made = factories.rank_next(project, factories.join(project), 62)
    first, *rest = made
    assert prompts_since(project, first.pk, pairs=61) == Looked([ranking.prompt_id for ranking in rest], True)
    since = prompts_since(project, first.pk, pairs=20)
    assert since == Looked([each.prompt_id for each in [*rest[:51:6], *rest[-10:]]], False)
    assert latest_prompts(project, pairs=3) == Looked([ranking.prompt_id for ranking in made[-3:]], False)
    assert latest_prompts(project, pairs=62) == Looked([ranking.prompt_id for ranking in made], True)
    assert prompts_since(project, made[-1].pk, pairs=20) == Looked([], True)
