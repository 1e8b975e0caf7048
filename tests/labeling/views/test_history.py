"""A person's own rankings: found again, and changed in a new revision."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.models import Assignment, PreferencePair, Project, Ranking, Role, User
from labeling.queue import claims
from labeling.views import history
from tests import factories

HISTORY = "/p/work/history/"
FLAGS = [{"name": "factual_error", "label": "Factual error"}, {"name": "rude", "label": "Rude"}]


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="work", flags=FLAGS, overlap=2)
    for question in ("What is a podium?", "How high is 100 % of a hill?", "Who was first?"):
        factories.make_prompt(project, question=question)
    return project


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


def words(response: object) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def said(project: Project, labeler: User, *ranks: int, **more: object) -> Assignment:
    """Ranks in the shown order, so that they are those of A, B, C and D."""
    assignment = factories.claimed(project, labeler)
    rankings.submit(assignment, {"tiers": tiers(assignment, ranks), **more})
    return assignment


def tiers(assignment: Assignment, ranks: Sequence[int]) -> list[list[str]]:
    placed = list(zip(factories.ids_of(assignment), ranks, strict=True))
    return [[str(pk) for pk, own in placed if own == rank] for rank in sorted(set(ranks))]


def answer(assignment: Assignment, *ranks: int, **more: str) -> dict[str, str]:
    return {
        f"rank-{pk}": str(rank) for pk, rank in zip(factories.ids_of(assignment), ranks, strict=True) if rank
    } | more


def edit(assignment: Assignment, slug: str = "work") -> str:
    return f"/p/{slug}/history/{assignment.pk}/"


def test_an_entry_tells_the_prompt_the_order_and_what_was_remarked(
    client: Client, project: Project, labeler: User
) -> None:
    assignment = factories.claimed(project, labeler)
    second = factories.ids_of(assignment)[1]
    remarks = {
        "flags": {second: {"factual_error": True, "rude": False}},
        "notes": {second: "It is no place to stand."},
        "comment": "B is odd.",
    }
    rankings.submit(assignment, {"tiers": tiers(assignment, (3, 1, 3, 2)), **remarks})
    text = words(client.get(HISTORY))
    assert "What is a podium? Rank 1: completion B; rank 2: completion D; rank 3, tied:" in text
    assert "completion C. B > D > A = C just now" in text
    assert "B Factual error It is no place to stand." in text
    assert "Your comment: B is odd." in text
    assert "Rude" not in text
    assert "revision" not in text


def test_how_much_better_is_told_where_it_was_asked(client: Client, project: Project, labeler: User) -> None:
    project.ask_strength = True
    project.save()
    project.prompts.all().delete()
    factories.make_prompt(project, k=2)
    said(project, labeler, 2, 1, strength=3)
    assert "B > A Much better" in words(client.get(HISTORY))


def test_newest_come_first_and_are_paged(client: Client, project: Project, labeler: User) -> None:
    for number in range(25):
        factories.make_prompt(project, question=f"Number {number}?")
    for _ in range(28):
        factories.rank(project, labeler)
    pages = [client.get(HISTORY)]
    while following := link(pages[-1], "next"):
        pages.append(client.get(HISTORY + following))
    first, second = map(words, pages)
    assert first.index("Number 24?") < first.index("Number 5?")
    assert "What is a podium?" not in first
    assert "What is a podium?" in second
    assert words(client.get(HISTORY + link(pages[1], "prev"))) == first
    assert words(client.get(HISTORY + link(pages[1], "first"))) == first
    assert "Number 24?" in words(client.get(f"{HISTORY}?page=2")), "an old address leads to the list"


def link(response: object, rel: str) -> str:
    assert isinstance(response, HttpResponse)
    found = re.search(rf'href="([^"]*)"\s+rel="{rel}"', response.content.decode())
    return html.unescape(found[1]) if found else ""


def test_a_long_history_takes_no_more_queries_than_a_short_one(client: Client, project: Project, labeler: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(HISTORY)
        return len(captured)

    first = said(project, labeler, 1, 2, 3, 4)
    rankings.amend(first, {"tiers": tiers(first, (4, 3, 2, 1))})
    few = queries()
    for _ in range(2):
        assignment = said(project, labeler, 1, 2, 3, 4)
        rankings.amend(assignment, {"tiers": tiers(assignment, (4, 3, 2, 1))})
    assert queries() == few


def test_a_search_says_how_many_it_found_and_keeps_the_words(client: Client, project: Project, labeler: User) -> None:
    for _ in range(3):
        factories.rank(project, labeler)
    response = client.get(f"{HISTORY}?q=PODIUM")
    assert "1 ranking with “PODIUM”. Show all" in words(response)
    assert "What is a podium?" in words(response)
    assert "Who was first?" not in words(response)
    assert 'name="q" value="PODIUM"' in response.content.decode()


def test_a_search_that_finds_nothing_says_so(client: Client, project: Project, labeler: User) -> None:
    factories.rank(project, labeler)
    text = words(client.get(f"{HISTORY}?q=elephant"))
    assert "0 rankings with “elephant”. Show all" in text
    assert "Fewer or other words may find it." in text
    assert "Nothing ranked yet" not in text


def test_signs_are_searched_as_they_are(client: Client, project: Project, labeler: User) -> None:
    for _ in range(3):
        factories.rank(project, labeler)
    assert "1 ranking with" in words(client.get(HISTORY, {"q": "100 %"}))
    for odd in ("%", "_", "\\", "'", '"', "<b>", "\x00", "((", " "):
        assert client.get(HISTORY, {"q": odd}).status_code == 200
    assert "<b>" not in client.get(HISTORY, {"q": "<b>"}).content.decode()


def test_the_pages_of_a_search_stay_in_the_search(client: Client, project: Project, labeler: User) -> None:
    for number in range(22):
        factories.make_prompt(project, question=f"Tell me & Bo about {number}")
    for _ in range(25):
        factories.rank(project, labeler)
    response = client.get(HISTORY, {"q": "me & bo"})
    assert "22 rankings with" in words(response)
    assert "?q=me+%26+bo&page=2" in html.unescape(response.content.decode())
    assert "Tell me & Bo about 0" in words(client.get(HISTORY, {"q": "me & bo", "page": "2"}))


def test_a_search_of_a_long_history_says_how_far_it_looked_and_goes_on(
    client: Client, project: Project, labeler: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOKED_THROUGH", 2)
    for _ in range(3):
        factories.rank(project, labeler)
    response = client.get(HISTORY, {"q": "podium"})
    assert "0 rankings with “podium”. Show all 2 answers were looked through, back to" in words(response)
    [further] = re.findall(r'href="([^"]*)">Search further back', response.content.decode())
    last = client.get(HISTORY + html.unescape(further))
    assert "1 ranking with “podium”. Show all" in words(last)
    assert "looked through" not in words(last)


def test_what_was_said_before_stays_readable(client: Client, project: Project, labeler: User) -> None:
    assignment = said(project, labeler, 1, 2, 3, 4, comment="First thought")
    rankings.amend(assignment, {"tiers": tiers(assignment, (4, 3, 2, 1)), "comment": "Second thought"})
    text = words(client.get(HISTORY))
    assert "D > C > B > A just now revision 2" in text
    assert "1 earlier revision Rank 1: completion A;" in text
    assert "A > B > C > D revision 1, said just now , stood until just now" in text
    assert text.index("Second thought") < text.index("First thought")


def test_the_board_is_filled_with_what_was_said(client: Client, project: Project, labeler: User) -> None:
    assignment = factories.claimed(project, labeler)
    last = factories.ids_of(assignment)[3]
    remarks = {"flags": {last: {"rude": True}}, "notes": {last: "Rude to Bo."}, "comment": "Hm."}
    rankings.submit(assignment, {"tiers": tiers(assignment, (2, 1, 2, 3)), **remarks})
    response = client.get(edit(assignment))
    assert response.status_code == 200
    page = response.content.decode()
    for pk, rank in zip(factories.ids_of(assignment), (2, 1, 2, 3), strict=True):
        assert f'name="rank-{pk}" value="{rank}" required checked' in page
    assert f'name="flag-{last}-rude" value="1" checked' in page
    assert page.count(" checked") == 5
    assert ">Rude to Bo.</textarea>" in page
    assert ">Hm.</textarea>" in page
    assert "Save as a new revision" in page
    assert 'id="skip"' not in page
    assert "secret-model" not in page


def test_a_change_is_a_new_revision_with_its_own_pairs(client: Client, project: Project, labeler: User) -> None:
    assignment = said(project, labeler, 1, 2, 3, 4)
    response = client.post(edit(assignment), answer(assignment, 4, 3, 1, 1, comment="Better"), follow=True)
    assert response.redirect_chain == [(HISTORY, 302)]
    assert "Saved as revision 2. 5 pairs, 1 tied." in words(response)
    live = Ranking.objects.get(assignment=assignment, live=True)
    assert (live.revision, live.comment) == (2, "Better")
    assert [place.rank for place in live.ranked.order_by("shown_position")] == [3, 2, 1, 1]
    assert set(PreferencePair.objects.values_list("ranking_id", flat=True)) == {live.pk}
    assert Ranking.objects.count() == 2


def test_the_same_again_changes_nothing(client: Client, project: Project, labeler: User) -> None:
    assignment = said(project, labeler, 1, 2, 2, 4)
    response = client.post(edit(assignment), answer(assignment, 1, 3, 3, 4), follow=True)
    assert "Nothing was changed." in words(response)
    assert Ranking.objects.count() == 1


def test_looking_and_leaving_changes_nothing(client: Client, project: Project, labeler: User) -> None:
    assignment = said(project, labeler, 1, 2, 3, 4)
    client.get(edit(assignment))
    client.get(HISTORY)
    after = Assignment.objects.get(pk=assignment.pk)
    assert (after.state, after.draft) == (Assignment.State.RANKED, None)
    assert Ranking.objects.get().live


def test_what_is_not_complete_is_refused_and_kept(client: Client, project: Project, labeler: User) -> None:
    assignment = said(project, labeler, 1, 2, 3, 4)
    response = client.post(edit(assignment), answer(assignment, 3, 0, 0, 1, comment="half way"))
    assert response.status_code == 422
    assert "B and C have no place yet." in words(response)
    page = response.content.decode()
    assert page.count(" checked") == 2
    assert "half way</textarea>" in page
    assert Ranking.objects.get().comment == ""


def test_someone_elses_and_another_projects_do_not_exist(client: Client, project: Project, labeler: User) -> None:
    colleague = factories.join(project)
    theirs = said(project, colleague, 1, 2, 3, 4)
    elsewhere = factories.make_project(slug="elsewhere")
    factories.make_prompt(elsewhere)
    elsewhere.memberships.create(user=labeler, role=Role.LABELER)
    own = said(elsewhere, labeler, 1, 2, 3, 4)
    for address, assignment in ((edit(theirs), theirs), (edit(own), own), (edit(own)[:-1] + "9/", own)):
        assert client.get(address).status_code == 404
        assert client.post(address, answer(assignment, 4, 3, 2, 1)).status_code == 404
    assert client.get(edit(own, "elsewhere")).status_code == 200
    assert Ranking.objects.filter(live=True).count() == Ranking.objects.count() == 2


def test_a_manager_changes_their_own_rankings_only(client: Client, project: Project, labeler: User) -> None:
    assignment = said(project, labeler, 1, 2, 3, 4)
    for role in (Role.MANAGER, Role.REVIEWER):
        boss = as_user(factories.join(project, role))
        assert boss.get(edit(assignment)).status_code == 404
        assert boss.post(edit(assignment), answer(assignment, 4, 3, 2, 1)).status_code == 404
    assert words(as_user(factories.join(project, Role.MANAGER)).get(f"{HISTORY}?q=podium")).count("0 rankings") == 1


def test_a_stranger_learns_nothing_and_nobody_logs_in_first(project: Project, labeler: User) -> None:
    assignment = said(project, labeler, 1, 2, 3, 4)
    stranger = as_user(factories.make_user())
    for address in (HISTORY, edit(assignment)):
        assert stranger.get(address).status_code == 404
        assert Client().get(address)["Location"].startswith("/accounts/login/?next=")
    assert stranger.post(edit(assignment)).status_code == 404


def test_a_task_without_an_answer_has_nothing_to_change(client: Client, project: Project, labeler: User) -> None:
    assignment = factories.claimed(project, labeler)
    assert client.get(edit(assignment)).status_code == 404


def test_an_answer_that_was_taken_back_meanwhile_is_told_in_words(
    client: Client, project: Project, labeler: User
) -> None:
    assignment = said(project, labeler, 1, 2, 3, 4)
    rankings.withdraw(assignment)
    response = client.post(edit(assignment), answer(assignment, 4, 3, 2, 1), follow=True)
    assert response.redirect_chain == [(HISTORY, 302)]
    assert "There is no answer of yours to this task; nothing was changed." in words(response)
    assert not Ranking.objects.filter(live=True).exists()


def test_what_was_skipped_stands_with_its_reason_and_is_taken_up_again(project: Project, labeler: User) -> None:
    client = as_user(labeler)
    task = factories.claimed(project, labeler)
    claims.skip(task, "Not my field")
    page = client.get(f"{HISTORY}?show=skipped")
    assert "What is a podium? Not my field just now Take it up again" in words(page)
    response = client.post(f"/p/work/rank/{task.pk}/undo/", follow=True)
    assert f'data-task="{task.pk}"' in response.content.decode()
    assert "You skipped nothing here." in words(client.get(f"{HISTORY}?show=skipped"))


def test_a_skip_that_can_not_be_taken_up_says_why(project: Project, labeler: User) -> None:
    client = as_user(labeler)
    project.prompts.update(overlap=1)
    claims.skip(factories.claimed(project, labeler), "Not my field")
    claims.cannot_rank(factories.claimed(project, labeler), "Broken")
    factories.claimed(project, factories.join(project))
    page = client.get(f"{HISTORY}?show=skipped")
    assert "Take it up again" not in words(page)
    assert "Broken just now It was set aside until a reviewer decides." in words(page)
    assert "Not my field just now It can't be taken up now: others have it" in words(page)


def test_the_skips_of_others_are_in_nobody_elses_history(project: Project, labeler: User) -> None:
    other = factories.join(project)
    claims.skip(factories.claimed(project, other), "Their reason")
    for person in (labeler, project.created_by):
        assert "Their reason" not in words(as_user(person).get(f"{HISTORY}?show=skipped"))
