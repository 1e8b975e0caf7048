"""The list of prompts: what narrows it, what is counted, a place that is gone to, and where a look ends."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.answers import finding_prompts, rankings
from labeling.data.withdrawing import withdrawals
from labeling.models import Project, Role, User
from labeling.queue import claims
from labeling.views.answers import prompts
from tests import factories
from tests.labeling.views.test_prompts import as_user, reviewer_of, words

PAGE = "/p/work/prompts/"
FLAGS = ({"name": "wrong", "label": "Factual error"},)
N = 6


@pytest.fixture
def project(db: None) -> Project:
    """Six prompts, of which the first two were ranked, by two people who disagree about the first."""
    project = factories.make_project(slug="work", overlap=2, flags=FLAGS)
    for n in range(N):
        factories.make_prompt(project, external_id=f"row-{n}", k=2, split="test" if n % 2 else "train")
    project.prompts.get(external_id="row-1").completions.filter(position=0).update(model_name="gamma")
    ada, bo = (factories.join(project, username=name) for name in ("ada", "bo"))
    for labeler, ranks, flags in (
        (ada, (1, 2), {}),
        (bo, (2, 1), {}),
        (ada, (1, 2), {"wrong": True}),
        (bo, (1, 2), {}),
    ):
        task = factories.claimed(project, labeler)
        tiers = factories.tiers_of(task, ranks)
        rankings.submit(task, {"tiers": tiers, "flags": {tiers[0][0]: flags}})
    return project


@pytest.fixture
def reviewer(project: Project) -> Client:
    return reviewer_of(project)


def listed(client: Client, query: str) -> list[str]:
    response = client.get(f"{PAGE}{query}", follow=True)
    assert response.status_code == 200
    return re.findall(r'<span class="soft small">(row-\d+)</span>', response.content.decode())


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", range(N)),
        ("?order=newest", [5, 4, 3, 2, 1, 0]),
        ("?split=test", [1, 3, 5]),
        ("?split=test&state=ranked", [1]),
        ("?disagreement=yes", [0]),
        ("?disagreement=no&state=ranked", [1]),
        ("?labeler=ada", [0, 1]),
        ("?labeler=nobody", []),
        ("?flag=wrong", [1]),
        ("?labeler=bo&flag=wrong", []),
        ("?model=gamma", [1]),
        ("?model=gamma&disagreement=yes", []),
        ("?labeler=ada&split=test&model=gamma&state=ranked", [1]),
        ("?from_day=2099-01-01", []),
        ("?to_day=2099-01-01", [0, 1]),
        ("?show=waiting", [2, 3, 4, 5]),
        ("?show=waiting&order=newest&split=train", [4, 2]),
        ("?split=x&order=x&state=x", range(N)),
    ],
)
def test_conditions_combine(reviewer: Client, query: str, numbers: list[int]) -> None:
    assert listed(reviewer, query) == [f"row-{n}" for n in numbers]


def test_what_the_counters_know_is_said_and_what_was_found_whole(project: Project, reviewer: Client) -> None:
    claims.cannot_rank(factories.claimed(project, factories.join(project)), "Broken")
    withdrawals.withdraw(project, ["row-5"])
    for query, said in {
        "": "6 prompts",
        "?split=test": "3 prompts",
        "?state=held": "1 prompt",
        "?state=withdrawn&split=test": "1 prompt",
        "?state=withdrawn&split=train": "0 prompts",
        "?labeler=ada": "2 fit. Show all",
        "?labeler=nobody": "None of these fit. Show all",
    }.items():
        text = words(reviewer.get(f"{PAGE}{query}"))
        assert said in text, query
    assert "prompts Those that fit." not in text


def test_a_state_keeps_what_else_narrows_the_list(reviewer: Client) -> None:
    page = reviewer.get(f"{PAGE}?labeler=ada&state=ranked").content.decode()
    assert 'href="?state=waiting&amp;labeler=ada"' in page
    assert 'href="?labeler=ada"' in page
    assert '<input type="hidden" name="state" value="ranked">' in page


def test_ranked_rows_lead_to_their_rankings_and_say_where_people_disagree(project: Project, reviewer: Client) -> None:
    page = reviewer.get(PAGE).content.decode()
    first = project.prompts.get(external_id="row-0")
    assert f'<a href="/p/work/prompts/{first.pk}/#rankings">2</a>' in page
    assert page.count("people disagree") == 1


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("?go=row-3", "row-3"),
        ("?go=4", "row-3"),
        ("?go=1", "row-0"),
        ("?go=row-3&order=newest", "row-3"),
        ("?go=2&state=waiting", "row-2"),
        ("?go=row-2&split=test", "row-3"),
    ],
)
def test_a_prompt_is_gone_to_by_its_id_or_number(reviewer: Client, query: str, first: str) -> None:
    assert listed(reviewer, query)[0] == first


def test_an_id_comes_before_a_number(project: Project, reviewer: Client) -> None:
    factories.make_prompt(project, external_id="2")
    response = reviewer.get(f"{PAGE}?go=2")
    key = project.prompts.get(external_id="2").pk
    assert response["Location"] == f"{PAGE}?after={key - 1}"


@pytest.mark.parametrize("name", ["7", "0", "row-9", "-1", "٣", "9" * 40, "1000001"])
def test_a_place_that_is_none_is_said(reviewer: Client, name: str) -> None:
    response = reviewer.get(PAGE, {"go": name})
    assert response.status_code == 200
    assert f"“{name}” is no prompt's id here" in words(response)


def test_a_look_that_found_nothing_goes_on_either_way(reviewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("LOOKED_THROUGH", "READ_THROUGH"):
        monkeypatch.setattr(finding_prompts, limit, 2)
    response = reviewer.get(f"{PAGE}?split=test&model=nobody")
    assert "2 prompts were looked through from here; there are more." in words(response)
    for order in ("", "&order=newest"):
        seen, query = [], f"?split=test{order}&to_day=2099-01-01&disagreement=no"
        for _page in range(N):
            response = reviewer.get(f"{PAGE}{query}")
            seen += re.findall(r'<span class="soft small">(row-\d+)</span>', response.content.decode())
            link = re.search(r'href="(\?[^"]*after=\d+)"', response.content.decode())
            if not link:
                break
            query = link[1].replace("&amp;", "&")
        assert seen == ["row-1"]
        assert not link


def test_one_finds_the_way_back(reviewer: Client, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("LOOKED_THROUGH", "READ_THROUGH"):
        monkeypatch.setattr(finding_prompts, limit, 2)
    last = project.prompts.get(external_id="row-5").pk
    page = reviewer.get(f"{PAGE}?model=gamma&before={last}").content.decode()
    assert "Look further back" in page
    back = re.search(r'href="(\?[^"]*before=\d+)"', page)
    assert back
    assert listed(reviewer, back[1].replace("&amp;", "&")) == ["row-1"]


def test_pages_follow_one_another_while_narrowed(reviewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "SHOWN", 1)
    page = reviewer.get(f"{PAGE}?split=test&order=newest").content.decode()
    link = re.search(r'href="(\?[^"]*after=\d+)"', page)
    assert link
    assert listed(reviewer, link[1].replace("&amp;", "&")) == ["row-3"]


def test_the_address_keeps_what_narrows_and_no_empty_field(reviewer: Client) -> None:
    response = reviewer.get(f"{PAGE}?labeler=&split=test&state=all", headers={"HX-Request": "true"})
    assert response["HX-Push-Url"] == f"{PAGE}?split=test"


def test_a_labeler_and_a_stranger_see_nothing(project: Project) -> None:
    assert as_user(User.objects.get(username="ada")).get(f"{PAGE}?go=1").status_code == 403
    assert as_user(factories.make_user()).get(f"{PAGE}?go=1").status_code == 404


def test_files_are_sent_on_the_list_while_it_is_empty_and_on_the_imports_page_then(db: None) -> None:
    project = factories.make_project(slug="young")
    manager, box = as_user(project.created_by), b"drop-zone"
    assert box in manager.get("/p/young/prompts/").content
    assert box not in as_user(factories.join(project, Role.REVIEWER)).get("/p/young/prompts/").content
    for narrowed in ("?state=held", "?tag=x", "?flag=none"):
        assert box not in manager.get(f"/p/young/prompts/{narrowed}").content
    factories.make_prompt(project)
    page = manager.get("/p/young/prompts/").content
    assert (box in page, b'href="/p/young/imports/"' in page) == (False, True)
    assert box in manager.get("/p/young/imports/").content


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?page=1", [0, 1]),
        ("?page=2", [2, 3]),
        ("?page=3", [4, 5]),
        ("?page=2&order=newest", [3, 2]),
        ("?page=2&state=waiting", [4, 5]),
        ("?page=1&state=ranked&order=newest", [1, 0]),
    ],
)
def test_a_page_is_gone_to_by_its_number(
    reviewer: Client, monkeypatch: pytest.MonkeyPatch, query: str, numbers: list[int]
) -> None:
    monkeypatch.setattr(prompts, "SHOWN", 2)
    assert listed(reviewer, query) == [f"row-{n}" for n in numbers]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?page=4", "The list has 3 pages; got 4."),
        ("?page=2&state=ranked", "The list has 1 page; got 2."),
        ("?page=2147483647", "The list has 3 pages"),
        ("?page=0", "greater than or equal to 1"),
        ("?page=x", "Enter a whole number."),
        ("?page=99999999999999999999", "less than or equal to"),
        ("?page=1&split=test", "Pages have numbers where"),
        ("?page=1&labeler=ada", "Pages have numbers where"),
    ],
)
def test_a_page_that_there_is_not_is_said(
    reviewer: Client, monkeypatch: pytest.MonkeyPatch, query: str, said: str
) -> None:
    monkeypatch.setattr(prompts, "SHOWN", 2)
    response = reviewer.get(f"{PAGE}{query}")
    assert response.status_code == 200
    assert said in words(response)


@pytest.mark.parametrize("state", ["", *finding_prompts.STATES])
@pytest.mark.parametrize("down", [False, True])
def test_a_page_is_found_by_an_index_without_a_sort(project: Project, state: str, down: bool) -> None:
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as asked:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        finding_prompts.key_at(project, state, 3, down=down)
        cursor.execute(f"EXPLAIN {asked.captured_queries[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index" in plan
    assert "Sort" not in plan
    assert finding_prompts.key_at(project, state, finding_prompts.FARTHEST, down=down) is None
