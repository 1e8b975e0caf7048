"""The practice task and the tour: marked and explained at once, and nothing of it stored."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.models import Assignment, Project, Ranking, Role, User
from labeling.quality.practising.sample import COMPLETIONS, REFERENCE
from tests import factories

PAGE = "/p/work/practice/"


@pytest.fixture
def project(db: None) -> Project:
    return factories.make_project(slug="work", flags=[{"name": "hateful", "label": "Hateful"}])


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project, username="lena")


@pytest.fixture
def client(labeler: User) -> Client:
    return as_user(labeler)


def as_user(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def answer(*ranks: int) -> dict[str, str]:
    """Ranks of A, B, C and D; 0 leaves one out."""
    return {f"rank-{pk}": str(rank) for pk, rank in zip(COMPLETIONS, ranks, strict=True) if rank}


def words(response: object) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


@pytest.mark.parametrize("role", [Role.LABELER, Role.REVIEWER, Role.MANAGER])
def test_every_member_may_practise(project: Project, role: Role) -> None:
    member = as_user(factories.join(project, role))
    assert member.get(PAGE).status_code == 200
    assert member.post(PAGE, answer(1, 2, 3, 4)).status_code == 200


def test_a_stranger_learns_nothing_of_it_and_nobody_logs_in_first(project: Project) -> None:
    stranger = as_user(factories.make_user())
    assert [stranger.get(PAGE).status_code, stranger.post(PAGE, answer(1, 2, 3, 4)).status_code] == [404, 404]
    for response in (Client().get(PAGE), Client().post("/tour/seen/")):
        assert response["Location"].startswith("/accounts/login/?next=")


def test_the_page_says_that_it_is_practice_and_shows_the_texts(client: Client) -> None:
    text = words(client.get(PAGE))
    assert "Practice Nothing here is stored." in text
    assert "Why do some years have 366 days?" in text
    assert all(str(completion) in text for completion in COMPLETIONS.values())
    assert "Right and complete" not in text
    assert " checked" not in client.get(PAGE).content.decode()


def test_a_ranking_is_marked_and_each_comparison_explained(client: Client) -> None:
    text = words(client.post(PAGE, answer(3, 4, 1, 1)))
    assert "5 of 6 comparisons as the sample's rule has them" in text
    assert "C = D > A > B The sample's rule" in text
    assert "completion B. C > D > A > B" in text
    assert "C over D you tied them Both are right." in text
    assert "C over A you too They explain it the same way" in text
    assert "A over B you too In spite of its mistake" in text


def test_what_is_the_other_way_round_says_so(client: Client) -> None:
    text = words(client.post(PAGE, answer(1, 4, 2, 3)))
    assert "4 of 6 comparisons" in text
    assert "C over A you put A first" in text
    assert "D over A you put A first Short and right is better than long and wrong." in text


def test_the_completions_are_explained_best_first(client: Client) -> None:
    text = words(client.post(PAGE, answer(1, 2, 3, 4)))
    places = [text.index(str(COMPLETIONS[pk])) for pk in REFERENCE]
    assert places == sorted(places)
    assert "C Right and complete, in the length that was asked for." in text


def test_what_is_not_complete_is_refused_and_kept(client: Client) -> None:
    response = client.post(PAGE, answer(2, 0, 1, 0) | {"comment": "half way"})
    assert response.status_code == 422
    assert "B and D have no place yet." in words(response)
    page = response.content.decode()
    assert page.count(" checked") == 2
    assert 'name="rank-1" value="2" required checked' in page
    assert "half way</textarea>" in page
    assert client.post(PAGE).status_code == 422


@pytest.mark.parametrize("rank", ["0", "5", "first"])
def test_a_slot_that_there_is_not_is_refused(client: Client, rank: str) -> None:
    assert client.post(PAGE, answer(1, 2, 3, 4) | {"rank-1": rank}).status_code == 422


def test_two_of_its_completions_are_compared(client: Client) -> None:
    for query in ("", "?one=C&two=D", "?one=Z&two="):
        response = client.get(f"{PAGE}compare/{query}")
        assert response.status_code == 200
    assert as_user(factories.make_user()).get(f"{PAGE}compare/").status_code == 404


def test_it_stores_nothing(client: Client, labeler: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get(PAGE)
        client.post(PAGE, answer(1, 2, 3, 4))
        client.post(PAGE, answer(1, 0, 0, 0))
    assert [query["sql"] for query in queries if not query["sql"].lstrip().startswith("SELECT")] == []
    assert not Assignment.objects.exists()
    assert not Ranking.objects.exists()


def test_the_tour_comes_by_itself_until_it_was_seen(client: Client, labeler: User) -> None:
    assert not tour_is_hidden(client.get(PAGE))
    assert tour_is_hidden(client.post(PAGE, answer(1, 0, 0, 0)))
    response = client.post("/tour/seen/", {"next": PAGE})
    assert (response.status_code, response["Location"]) == (302, PAGE)
    labeler.refresh_from_db()
    seen_at = labeler.tour_seen_at
    assert seen_at is not None
    assert tour_is_hidden(client.get(PAGE))
    assert not tour_is_hidden(client.get(f"{PAGE}?tour=1"))
    client.post("/tour/seen/")
    labeler.refresh_from_db()
    assert labeler.tour_seen_at == seen_at


def tour_is_hidden(response: object) -> bool:
    assert isinstance(response, HttpResponse)
    found = re.search(r"<rank-tour[^>]*>", response.content.decode())
    assert found is not None
    return " hidden" in found[0]


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
def test_the_tour_leads_nowhere_else(client: Client, target: str) -> None:
    assert client.post("/tour/seen/", {"next": target})["Location"] == "/"


def test_seeing_the_tour_is_told_by_posting_only(client: Client, labeler: User) -> None:
    assert client.get("/tour/seen/").status_code == 405
    labeler.refresh_from_db()
    assert labeler.tour_seen_at is None


def test_who_ranks_for_the_first_time_is_led_to_practice(client: Client, project: Project, labeler: User) -> None:
    factories.make_prompt(project)
    factories.make_prompt(project)
    assert PAGE in client.get("/p/work/rank/").content.decode()
    factories.rank(project, labeler)
    assert PAGE not in client.get("/p/work/rank/").content.decode()
    assert PAGE in client.get("/p/work/guidelines/").content.decode()
