"""Both lists are searched by words, together with what else narrows them, by page and by API."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from labeling.answers import finding_prompts, rankings
from labeling.answers.search import finding, texts
from labeling.models import Project, Role
from tests import factories
from tests.labeling.api.client import as_user, errors_of
from tests.labeling.views.answers.test_narrowed_api import walked
from tests.labeling.views.answers.test_prompt_list import listed
from tests.labeling.views.test_prompts import reviewer_of, words

PROMPTS, RANKINGS = "/p/work/prompts/", "/p/work/rankings/"
QUESTIONS = ("Bake bread", "Bake a cake", "Mend a bike", "Bake bread in Lisbon")


@pytest.fixture
def project(db: None) -> Project:
    """Four prompts; two people disagree about the first, and one calls the third vague."""
    project = factories.make_project(slug="work", overlap=2)
    for n, question in enumerate(QUESTIONS):
        split = "test" if n % 2 else "train"
        factories.make_prompt(project, external_id=f"row-{n}", k=2, question=question, split=split)
    ada, bo = (factories.join(project, username=name) for name in ("ada", "bo"))
    for labeler, ranks, comment in (
        (ada, (1, 2), ""),
        (bo, (2, 1), "A matter of taste"),
        (ada, (1, 2), ""),
        (ada, (1, 2), "Both are vague"),
    ):
        task = factories.claimed(project, labeler)
        rankings.submit(task, {"tiers": factories.tiers_of(task, ranks), "comment": comment})
    texts.read()
    return project


@pytest.fixture
def reviewer(project: Project) -> Client:
    return reviewer_of(project)


@pytest.fixture
def client(project: Project) -> APIClient:
    return as_user(factories.join(project, Role.REVIEWER))


ASKED = [
    ("q=bread", [0, 3]),
    ("q=bread+-lisbon", [0]),
    ("q=%22bake+a%22", [1]),
    ("q=bake&split=test", [1, 3]),
    ("q=bake&disagreement=yes", [0]),
    ("q=bake&labeler=ada&split=test&disagreement=no", [1]),
    ("q=vague", [2]),  # what was said of it
    ("q=taste&disagreement=yes&split=train", [0]),
    ("q=row-2", [2]),
    ("q=nothing", []),
    ("q=bake&state=waiting", [1, 3]),
]


@pytest.mark.parametrize("most", [finding.MOST, 0])
@pytest.mark.parametrize(("query", "numbers"), ASKED)
def test_prompts_are_found_by_words_with_whatever_else_is_asked(
    reviewer: Client, client: APIClient, query: str, numbers: list[int], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST", most)
    names = [f"row-{n}" for n in numbers]
    assert listed(reviewer, f"?{query}") == names
    assert listed(reviewer, f"?{query}&order=newest") == names[::-1]
    assert [row["id"] for row in walked(client, f"prompts/?{query}")[0]] == names


@pytest.mark.parametrize("most", [finding.MOST, 0])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("q=bread", ["ada 0", "bo 0"]),
        ("q=taste", ["bo 0"]),
        ("q=bake&labeler=ada", ["ada 0", "ada 1"]),
        ("q=bake&labeler=ada&disagreement=no", ["ada 1"]),
        ("q=vague&words=some", ["ada 2"]),
        ("q=nothing", []),
    ],
)
def test_rankings_are_found_by_words_with_whatever_else_is_asked(
    reviewer: Client, client: APIClient, query: str, said: list[str], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST", most)
    rows, _pages = walked(client, f"rankings/?{query}")
    assert [f"{row['labeler']} {row['external_id'][-1]}" for row in rows] == said
    html = reviewer.get(f"{RANKINGS}?{query}").content.decode()
    assert len(re.findall(r"said__prompt", html)) == len(said)


def test_a_search_says_how_many_it_found_also_of_more_than_a_page(
    project: Project, reviewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.views.answers.prompts.SHOWN", 1)
    assert "2 fit." in words(reviewer.get(f"{PROMPTS}?q=bread"))
    assert "1 fits." in words(reviewer.get(f"{PROMPTS}?q=lisbon"))
    assert "None of these fit." in words(reviewer.get(f"{PROMPTS}?q=nothing"))
    monkeypatch.setattr("labeling.views.answers.rankings.SHOWN", 1)
    assert "2 fit." in words(reviewer.get(f"{RANKINGS}?q=bread"))


def test_a_look_for_common_words_ends_and_goes_on(
    project: Project, reviewer: Client, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST", 0)
    monkeypatch.setattr(finding_prompts, "READ_THROUGH", 2)
    page = reviewer.get(f"{PROMPTS}?q=lisbon")
    assert "2 prompts were looked through from here; there are more." in words(page)
    [address] = re.findall(r'href="(\?q=lisbon&amp;after=\d+)">Look further', page.content.decode())
    assert listed(reviewer, address.replace("&amp;", "&")) == ["row-3"]
    rows, pages = walked(client, "prompts/?q=lisbon")
    assert ([row["id"] for row in rows], pages) == (["row-3"], 2)


@pytest.mark.parametrize(
    ("q", "said", "code"),
    [
        ("%3F", "names none", "nothing_asked"),
        ("-bread", "names none", "nothing_asked"),
        ("w+" * 21, "at most 20 words", "too_long"),
    ],
)
def test_what_can_t_be_looked_for_narrows_nothing_and_is_said(
    reviewer: Client, client: APIClient, q: str, said: str, code: str
) -> None:
    for path in (PROMPTS, RANKINGS):
        page = reviewer.get(f"{path}?q={q}")
        assert page.status_code == 200
        assert said in words(page)
    assert len(listed(reviewer, f"?q={q}")) == 4
    for path in ("prompts", "rankings"):
        refused = client.get(f"/api/v1/projects/work/{path}/?q={q}")
        assert refused.status_code == 400
        assert errors_of(refused) == [(code, "q")]
        assert said in refused.json()["errors"][0]["detail"]


def test_texts_that_nobody_has_read_yet_are_spoken_of(project: Project, reviewer: Client) -> None:
    later = "their words are not read yet"
    assert later not in words(reviewer.get(f"{PROMPTS}?q=bread"))
    factories.make_prompt(project, external_id="row-9", question="Bread again")
    assert later in words(reviewer.get(f"{PROMPTS}?q=bread"))
    assert later in words(reviewer.get(f"{RANKINGS}?q=bread"))
    assert later not in words(reviewer.get(PROMPTS))


def test_a_labeler_can_t_search_by_what_they_don_t_see(project: Project) -> None:
    client = as_user(project.memberships.get(user__username="ada").user)
    assert client.get("/api/v1/projects/work/rankings/?q=row-0").status_code == 403
    assert client.get("/api/v1/projects/work/prompts/?q=row-0").status_code == 403


@pytest.mark.parametrize("path", [PROMPTS, RANKINGS])
def test_a_search_costs_as_many_statements_however_much_is_found(
    project: Project, reviewer: Client, path: str, django_assert_max_num_queries: Callable
) -> None:
    for n in range(30):
        factories.make_prompt(project, external_id=f"row-1{n:02}", k=2, question="Bake more bread")
    factories.rank_next(project, factories.join(project), 20)
    texts.read()
    with django_assert_max_num_queries(15):
        reviewer.get(f"{path}?q=bread&split=train&labeler=ada")
    with django_assert_max_num_queries(15):
        reviewer.get(f"{path}?q=bread")
