"""The ranking page as a plain form."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Assignment, Project, Ranking, User
from labeling.queue import claims
from tests import factories

FLAGS = [{"name": "hateful", "label": "Hateful"}]


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="work", flags=FLAGS)
    factories.make_prompt(project, external_id="outside-id-1", question="What is a podium?")
    factories.make_prompt(project, external_id="outside-id-2")
    return project


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project, username="lena")


@pytest.fixture
def client(labeler: User) -> Client:
    client = Client()
    client.force_login(labeler)
    return client


def opened(client: Client, labeler: User) -> Assignment:
    assert client.get("/p/work/rank/").status_code == 200
    return Assignment.objects.get(labeler=labeler, state=Assignment.State.CLAIMED)


def answer(assignment: Assignment, *ranks: int, **more: str) -> dict[str, str]:
    """Ranks of the completions in the shown order; 0 leaves one out."""
    placed = {f"rank-{pk}": str(rank) for pk, rank in zip(factories.ids_of(assignment), ranks, strict=True) if rank}
    return {"assignment": str(assignment.pk), **placed, **more}


def test_a_ranking_is_saved_and_the_next_task_comes(client: Client, labeler: User) -> None:
    first = opened(client, labeler)
    response = client.post("/p/work/rank/", answer(first, 2, 1, 4, 4, comment="ok", active_seconds="12.5"), follow=True)
    assert response.redirect_chain == [("/p/work/rank/", 302)]
    assert b"Saved. 5 pairs, 1 tied." in response.content
    assert b"1 today" in response.content
    ranking = Ranking.objects.get(labeler=labeler)
    assert [place.rank for place in ranking.ranked.order_by("shown_position")] == [2, 1, 3, 3]
    assert (ranking.comment, ranking.active_seconds) == ("ok", 12.5)
    assert opened(client, labeler).prompt_id != first.prompt_id


def test_flags_are_stored_for_their_completion(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    client.post("/p/work/rank/", answer(task, 1, 2, 3, 4) | {f"flag-{factories.ids_of(task)[2]}-hateful": "1"})
    flags = [place.flags for place in Ranking.objects.get(labeler=labeler).ranked.order_by("shown_position")]
    assert flags == [{"hateful": False}, {"hateful": False}, {"hateful": True}, {"hateful": False}]


def test_it_refuses_an_untouched_ranking(client: Client, labeler: User) -> None:
    response = client.post("/p/work/rank/", answer(opened(client, labeler), 0, 0, 0, 0))
    assert response.status_code == 422
    assert b"Nothing is ranked yet. Give every completion a place, then submit." in response.content
    assert not Ranking.objects.exists()


def test_it_refuses_an_incomplete_ranking_and_keeps_what_was_chosen(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    chosen = answer(task, 0, 3, 0, 1, comment="half way") | {f"flag-{factories.ids_of(task)[0]}-hateful": "1"}
    response = client.post("/p/work/rank/", chosen)
    assert response.status_code == 422
    html = response.content.decode()
    assert "A and C have no place yet." in html
    assert html.count(" checked") == 3
    assert f'name="rank-{factories.ids_of(task)[1]}" value="3" required checked' in html
    assert f'name="flag-{factories.ids_of(task)[0]}-hateful" value="1" checked' in html
    assert "half way</textarea>" in html
    assert not Ranking.objects.exists()


@pytest.mark.parametrize("rank", ["5", "0", "-1", "first", "1.5"])
def test_it_refuses_a_slot_that_there_is_not(client: Client, labeler: User, rank: str) -> None:
    task = opened(client, labeler)
    response = client.post("/p/work/rank/", answer(task, 1, 2, 3, 4) | {f"rank-{factories.ids_of(task)[3]}": rank})
    assert response.status_code == 422
    assert b"D has no place yet." in response.content


def test_nothing_is_chosen_before_the_person_chooses(client: Client) -> None:
    assert b" checked" not in client.get("/p/work/rank/").content


def test_the_page_tells_nothing_of_where_a_completion_comes_from(client: Client, labeler: User) -> None:
    html = client.get("/p/work/rank/").content.decode()
    assert "What is a podium?" in html
    assert "secret-model" not in html
    assert "outside-id-1" not in html.replace("to outside-id-1", "")  # the factory's texts name their prompt


def test_a_reload_shows_the_same_task_in_the_same_order(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    again = opened(client, labeler)
    assert (again.pk, again.shown_order) == (task.pk, task.shown_order)
    html = client.get("/p/work/rank/").content.decode()
    places = [html.index(f'name="rank-{pk}"') for pk in factories.ids_of(task)]
    assert places == sorted(places)


def test_the_same_submission_twice_is_saved_once(client: Client, labeler: User) -> None:
    said = answer(opened(client, labeler), 1, 2, 3, 4)
    client.post("/p/work/rank/", said)
    assert b"That ranking was saved already." in client.post("/p/work/rank/", said, follow=True).content
    assert Ranking.objects.count() == 1


def test_another_answer_to_a_ranked_task_is_refused_in_words(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    client.post("/p/work/rank/", answer(task, 1, 2, 3, 4))
    response = client.post("/p/work/rank/", answer(task, 4, 3, 2, 1), follow=True)
    assert b"You ranked this prompt already" in response.content
    assert Ranking.objects.count() == 1


def test_a_lease_that_someone_else_has_now_is_told_in_words(client: Client, labeler: User, project: Project) -> None:
    task = opened(client, labeler)
    Assignment.objects.filter(pk=task.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    other = factories.claimed(project, factories.join(project))
    assert other.prompt_id == task.prompt_id
    response = client.post("/p/work/rank/", answer(task, 1, 2, 3, 4), follow=True)
    assert b"someone else has it now" in response.content
    assert not Ranking.objects.exists()


def test_an_assignment_of_someone_else_does_not_exist(client: Client, project: Project) -> None:
    other = factories.claimed(project, factories.join(project))
    assert client.post("/p/work/rank/", answer(other, 1, 2, 3, 4)).status_code == 404
    for stop in ("skip", "cannot-rank"):
        assert client.post(f"/p/work/rank/{other.pk}/{stop}/", {"reason": "x"}).status_code == 404
    other.refresh_from_db()
    assert other.state == Assignment.State.CLAIMED


@pytest.mark.parametrize("pk", ["", "x", "0", "-1", "99999999999999999999"])
def test_an_assignment_that_there_is_not_is_not_found(client: Client, pk: str) -> None:
    assert client.post("/p/work/rank/", {"assignment": pk}).status_code == 404


def test_an_assignment_of_another_project_is_not_found(client: Client, labeler: User) -> None:
    other = factories.make_project(slug="other")
    factories.make_prompt(other)
    other.memberships.create(user=labeler, role="labeler")
    task = factories.claimed(other, labeler)
    assert client.post("/p/work/rank/", answer(task, 1, 2, 3, 4)).status_code == 404


def test_a_skip_needs_a_reason_and_gives_the_prompt_to_others(client: Client, labeler: User, project: Project) -> None:
    task = opened(client, labeler)
    assert client.post(f"/p/work/rank/{task.pk}/skip/", {"reason": " "}).status_code == 422
    response = client.post(
        f"/p/work/rank/{task.pk}/skip/", {"reason": "too long", "other": "Not my field"}, follow=True
    )
    assert b"Skipped. " in response.content
    task.refresh_from_db()
    assert (task.state, task.skip_reason) == (Assignment.State.SKIPPED, "Not my field")
    other = factories.join(project)
    assert factories.claimed(project, other).prompt_id == task.prompt_id


def test_a_skip_says_whether_others_can_get_the_prompt(client: Client, labeler: User, project: Project) -> None:
    """Who is in the project and active, and has neither ranked nor skipped it: once there is another, once no more."""
    project.memberships.exclude(user=labeler).delete()
    other = factories.join(project)
    said = {True: b"Others in the project can still get", False: b"Nobody is left in the project who could get"}
    for active, words in said.items():
        other.is_active = active
        other.save()
        task = opened(client, labeler)
        response = client.post(f"/p/work/rank/{task.pk}/skip/", {"reason": "too long"}, follow=True)
        assert b"Skipped. " + words in response.content


def test_what_cannot_be_ranked_leaves_the_queue_and_is_shown_to_the_manager(
    client: Client, labeler: User, project: Project
) -> None:
    task = opened(client, labeler)
    client.post(f"/p/work/rank/{task.pk}/cannot-rank/", {"reason": "The prompt makes no sense"})
    assert factories.claimed(project, factories.join(project)).prompt_id != task.prompt_id
    manager = Client()
    manager.force_login(project.memberships.get(role="manager").user)
    assert b"1 prompt is set aside." in manager.get("/p/work/").content
    assert b"The prompt makes no sense" in manager.get("/p/work/prompts/?show=held").content


def test_an_empty_queue_says_why(client: Client, labeler: User, project: Project) -> None:
    factories.make_project(slug="bare").memberships.create(user=labeler, role="labeler")
    assert b"No prompts yet" in client.get("/p/bare/rank/").content
    others = [factories.claimed(project, factories.join(project)) for _ in range(2)]
    assert b"All prompts are with others right now" in client.get("/p/work/rank/").content
    for task in others:
        claims.release(task)
    for _ in range(2):
        factories.rank(project, labeler)
    assert b"You have done them all" in client.get("/p/work/rank/").content


def test_history_shows_own_rankings_only(client: Client, labeler: User, project: Project) -> None:
    colleague = factories.join(project, username="otto")
    factories.rank(project, colleague)
    assert b"Nothing ranked yet" in client.get("/p/work/history/").content
    ranking = factories.rank(project, labeler, (1, 2, 2, 3))
    html = client.get("/p/work/history/").content.decode()
    letters = {place.completion_id: "ABCD"[place.shown_position or 0] for place in ranking.ranked.all()}
    first, *tied, last = [f"completion {letters[place.completion_id]}" for place in ranking.ranked.order_by("rank")]
    assert f"Rank 1: {first}; rank 2, tied: {', '.join(sorted(tied))}; rank 3: {last}." in html
    assert "secret-model" not in html


def test_a_manager_sees_only_own_rankings_in_history_too(labeler: User, project: Project) -> None:
    factories.rank(project, labeler)
    manager = Client()
    manager.force_login(project.memberships.get(role="manager").user)
    assert b"Nothing ranked yet" in manager.get("/p/work/history/").content


def test_an_answer_is_not_refused_for_an_active_time_that_nobody_typed(client: Client, labeler: User) -> None:
    response = client.post("/p/work/rank/", answer(opened(client, labeler), 1, 2, 3, 4, active_seconds="soon"))
    assert response.status_code == 302
    assert Ranking.objects.get().active_seconds is None
