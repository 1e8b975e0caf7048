"""The list of all rankings: what a row says, what narrows it, and where a look ends."""

from __future__ import annotations

import pytest

from labeling.answers import finding, rankings
from labeling.models import Project, Ranking
from tests import factories
from tests.labeling.views.answers.test_sides import submit
from tests.labeling.views.test_prompts import as_user, reviewer_of, words

PAGE = "/p/work/rankings/"
FLAGS = ({"name": "wrong", "label": "Factual error"},)


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="work", overlap=4, flags=FLAGS)
    factories.make_prompt(project, external_id="row-1", k=3, split="train")
    return project


def listed(project: Project, query: str = "") -> str:
    response = reviewer_of(project).get(f"{PAGE}{query}")
    assert response.status_code == 200
    return words(response)


def test_a_row_says_who_ranked_what_how_and_with_which_words(project: Project) -> None:
    ranking = submit(
        project, "ada", (2, 1, 2), comment="Close & short.", note="No.", flags={"wrong": True}, active_seconds=47.4
    )
    text = listed(project)
    assert "1 in all." in text
    a, b, c = ("ABC"[place.shown_position or 0] for place in ranking.ranked.order_by("completion__position"))
    assert "Question row-1? ada Rank 1: completion 2, seen as" in text
    assert f"2 {b} > 1 {a} = 3 {c} just now 47 s Train 1 Factual error No. Close & short." in text


def test_nothing_is_there_yet_and_nothing_fits(project: Project) -> None:
    text = listed(project)
    assert "Nobody has answered yet." in text
    assert "in all" not in text
    submit(project, "ada", (1, 2, 3))
    assert "None of these fit. Show all" in listed(project, "?labeler=bo")


def test_what_is_asked_narrows_it_and_stays_in_the_form_and_the_links(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.views.answers.rankings.SHOWN", 1)
    for name in ("ada", "bo", "cy"):
        submit(project, name, (1, 2, 3), comment="" if name == "cy" else "Hm.")
    response = reviewer_of(project).get(f"{PAGE}?words=some&split=train")
    text, page = words(response), response.content.decode()
    assert ("bo" in text.split(), "ada" in text.split(), "cy" in text.split()) == (True, False, False)
    assert '<option value="some" selected>' in page
    assert '<details class="fold" open>' in page
    assert f"?split=train&amp;words=some&amp;after={Ranking.objects.get(labeler__username='bo').pk}" in page


@pytest.mark.parametrize(
    "query",
    ["from_day=31.12.2026", "from_day=9999-12-31&to_day=9999-12-31", "flag=rude", "split=x", "least_seconds=-1"],
)
def test_what_can_t_be_read_is_said_and_narrows_nothing(project: Project, query: str) -> None:
    submit(project, "ada", (1, 2, 3))
    response = reviewer_of(project).get(f"{PAGE}?{query}")
    assert response.status_code == 200
    if "9999" not in query:
        assert b"field__error" in response.content
        assert "ada" in words(response).split()


def test_the_last_day_is_included(project: Project) -> None:
    said = submit(project, "ada", (1, 2, 3)).created_at.date()
    assert "1 fits" in listed(project, f"?from_day={said}&to_day={said}")


def test_replaced_and_withdrawn_ones_are_shown_where_they_are_asked_for(project: Project) -> None:
    first = submit(project, "ada", (1, 2, 3))
    rankings.amend(first.assignment, {"tiers": factories.tiers_of(first.assignment, (3, 2, 1))})
    assert "1 in all" in listed(project)
    text = listed(project, "?state=all")
    assert "2 fit." in text
    assert text.count("replaced or withdrawn") == 1


def test_a_look_that_found_nothing_says_how_far_back_it_went_and_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "LOOKED_THROUGH", 1)
    for name in ("ada", "bo", "cy"):
        submit(project, name, (1, 2, 3))
    client = reviewer_of(project)
    response = client.get(f"{PAGE}?labeler=ada")
    assert "None of these fit." in words(response)
    assert "Look further back" in words(response)
    end = Ranking.objects.get(labeler__username="bo").pk
    assert f"?labeler=ada&amp;after={end}" in response.content.decode()
    further = words(client.get(f"{PAGE}?labeler=ada&after={end}"))
    assert "Question row-1? ada" in further
    assert "Look further back" not in further
    nothing = words(client.get(f"{PAGE}?labeler=cy&after={end}"))
    assert "None of these fit." in nothing
    assert "Question" not in nothing


def test_an_answer_to_questions_is_told_by_its_text(db: None) -> None:
    project = factories.make_project(kind="classification", slug="work", flags=FLAGS)
    factories.make_prompt(project, question="", texts=["You are late again."])
    factories.answer(project, factories.join(project, username="ada"), wrong=True)
    text = listed(project)
    assert "Answers" in text
    assert "You are late again. ada just now" in text
    assert "Factual error: yes" in text


def test_other_projects_rankings_are_not_there(project: Project) -> None:
    other = factories.make_project(slug="other")
    factories.make_prompt(other)
    factories.rank(other, factories.join(other, username="zoe"))
    assert "zoe" not in listed(project)


def test_a_labeler_and_a_stranger_see_nothing(project: Project) -> None:
    ranking = submit(project, "ada", (1, 2, 3))
    assert as_user(ranking.labeler).get(PAGE).status_code == 403
    assert as_user(factories.make_user()).get(PAGE).status_code == 404


def test_the_address_keeps_what_narrows_and_no_empty_field(project: Project) -> None:
    client = reviewer_of(project)
    for query, kept in (("labeler=&flag=wrong&split=", f"{PAGE}?flag=wrong"), ("labeler=&flag=", PAGE)):
        response = client.get(f"{PAGE}?{query}", headers={"HX-Request": "true"})
        assert response["HX-Push-Url"] == kept
