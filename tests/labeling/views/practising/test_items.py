"""The pages of a project's own practice items: its order and its reasons once somebody answered, and not before."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.models import Assignment, GoldAnswer, Project, Ranking, Role
from labeling.quality.checks import golds
from tests import factories
from tests.labeling.quality.practising.test_items import make_item
from tests.labeling.views.practising.test_practice import as_user, words

pytestmark = pytest.mark.django_db
PAGE = "/p/work/practice/"
WHY = "The first <b>alone</b> is a prime."


@pytest.fixture
def project() -> Project:
    project = factories.make_project(slug="work", flags=[{"name": "hateful", "label": "Hateful"}])
    Project.objects.update(guidelines="Be *exact* above all.")
    return project


@pytest.fixture
def client(project: Project) -> Client:
    return as_user(factories.join(project))


def answer(page: str, best_first: list[str]) -> dict[str, str]:
    """Ranks the page's completions by the order of their texts."""
    names = dict.fromkeys(re.findall(r'name="(rank-[a-z0-9]+)"', page))
    shown = sorted(best_first, key=page.index)
    return {name: str(best_first.index(text) + 1) for name, text in zip(names, shown, strict=True)}


def test_the_answer_and_why_are_there_once_it_was_given_and_nothing_is_stored(project: Project, client: Client) -> None:
    prompt = make_item(project, explanation=WHY)
    page = client.get(PAGE)
    html = page.content.decode()
    assert "Practice, 1 of 1" in words(page)
    assert "this project's guidelines" in words(page)
    assert "Be <em>exact</em> above all." in html  # one key away
    assert "alone" not in html
    assert "A sample" not in html
    texts = [each.text for each in prompt.completions.order_by("position")]
    said = client.post(f"{PAGE}1/", answer(html, texts))
    assert "6 of 6 as this project has them" in words(said)
    assert "The first &lt;b&gt;alone&lt;/b&gt; is a prime." in said.content.decode()
    assert "Be <em>exact</em> above all." in said.content.decode()
    assert words(said).count("you too") == 6
    turned = client.post(f"{PAGE}1/", answer(html, texts[::-1]))
    assert "0 of 6 as this project has them" in words(turned)
    assert not Assignment.objects.exists()
    assert not Ranking.objects.exists()


def test_two_pages_that_differ_in_their_known_order_are_the_same_before_it_is_given(
    project: Project, client: Client
) -> None:
    make_item(project)
    GoldAnswer.objects.update(flags={})
    before = client.get(PAGE).content.decode()
    gold = GoldAnswer.objects.get()
    GoldAnswer.objects.update(ranks={key: 5 - rank for key, rank in gold.ranks.items()}, explanation="Other.")
    after = client.get(PAGE).content.decode()
    token = re.compile(r'(csrfmiddlewaretoken" value="|nonce=")[^"]*|"csrfmiddlewaretoken": "[^"]*')
    assert token.sub("", before) == token.sub("", after)


def test_one_after_another(project: Project, client: Client) -> None:
    for _ in range(2):
        make_item(project)
    html = client.get(f"{PAGE}2/").content.decode()
    names = dict.fromkeys(re.findall(r'name="(rank-[a-z0-9]+)"', html))
    said = client.post(f"{PAGE}2/", dict.fromkeys(names, "1"))
    assert "3 of 6 as this project has them" in words(said)
    assert words(said).count("you tied them") == 6
    assert f"{PAGE}1/" in said.content.decode()
    assert client.get(f"{PAGE}2/compare/?one=B&two=A").status_code == 200
    assert [client.get(f"{PAGE}{place}/").status_code for place in (0, 3, 99999)] == [404] * 3


def test_what_is_not_complete_is_refused_and_of_another_item_too(project: Project, client: Client) -> None:
    make_item(project)
    response = client.post(f"{PAGE}1/", {"rank-1": "1"})
    assert response.status_code == 422
    assert "Nothing is ranked yet." in words(response)


def test_questions_are_asked_and_marked(project: Project) -> None:
    texts = factories.make_project(slug="texts", kind="classification", flags=[{"name": "rude", "label": "Rude"}])
    prompt = factories.make_prompt(texts, k=1, question="", texts=["Go away."])
    known = golds.Known(flags={prompt.completions.get().pk: {"rude": True}})
    golds.make(texts, prompt, known, source="typed", by=None, explanation="An order to go.", practice=True)
    client = as_user(factories.join(texts))
    assert "/p/texts/practice/" in client.get("/p/texts/guidelines/").content.decode()
    html = client.get("/p/texts/practice/").content.decode()
    [name] = set(re.findall(r'name="(flag-[a-z0-9]+-rude)"', html))
    assert "An order to go." not in html
    said = words(client.post("/p/texts/practice/1/", {name: "0"}))
    assert "0 of 1 as this project has them" in said
    assert "Rude: yes you said no" in said
    assert "An order to go." in said
    assert client.get("/p/texts/practice/1/compare/").status_code == 404


def test_the_costs_do_not_grow_with_items(project: Project, client: Client) -> None:
    def statements(n: int) -> int:
        for _ in range(n):
            make_item(project)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(PAGE).status_code == 200
        return len(queries)

    assert statements(1) == statements(5)


def test_a_manager_makes_them_of_a_ranking_or_of_gold(project: Project) -> None:
    manager = as_user(factories.join(project, Role.MANAGER))
    factories.make_prompt(project)
    ranking = factories.rank(project, factories.join(project))
    address = f"/p/work/prompts/{ranking.prompt_id}/gold/"
    sent = {"ranking": ranking.pk, "explanation": WHY, "use": "practice"}
    page = words(manager.post(address, sent, follow=True))
    assert "Labelers practise on it now" in page
    assert "Gold to practise on" in page
    assert "practice" in words(manager.get("/p/work/gold/"))
    manager.post(address, {"act": "take_back"})
    manager.post(address, {"ranking": ranking.pk})
    assert not GoldAnswer.objects.get().practice
    assert "Labelers practise on it now" in words(manager.post(address, {"act": "practise"}, follow=True))
    assert GoldAnswer.objects.get().practice


def test_by_api(project: Project) -> None:
    manager = as_user(factories.join(project, Role.MANAGER))
    factories.make_prompt(project, external_id="row-1")
    sent = {"prompt": "row-1", "tiers": [["a"], ["b"], ["c", "d"]], "practice": True}
    golds_of = "/api/v1/projects/work/golds/"
    assert manager.post(golds_of, sent, content_type="application/json").json()["practice"] is True
    assert manager.get(golds_of).json()["results"][0]["practice"] is True
    labeler = as_user(factories.join(project))
    assert labeler.get(golds_of).status_code == 403
