"""The doors that the ranking page's script uses: answers as fragments and JSON, drafts, leases, undo."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from labeling.models import Assignment, Project, Ranking, User
from tests import factories
from tests.labeling.views.test_rank import answer, opened

SCRIPT: dict[str, Any] = {"headers": {"X-Requested-With": "rank-desk"}}
FLAGS = [{"name": "hateful", "label": "Hateful"}]
State = Assignment.State


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="work", flags=FLAGS)
    for number in range(4):
        factories.make_prompt(project, external_id=f"outside-id-{number}")
    return project


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project, username="lena")


@pytest.fixture
def client(labeler: User) -> Client:
    client = Client()
    client.force_login(labeler)
    return client


def test_the_script_gets_the_board_alone(client: Client) -> None:
    html = client.get("/p/work/rank/", **SCRIPT).content.decode()
    assert html.lstrip().startswith("<rank-board")
    assert "<html" not in html


def test_the_script_hears_what_was_saved_and_how_to_undo_it(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    said = answer(task, 1, 2, 3, 3, active_seconds="7.4")
    first = client.post("/p/work/rank/", said, **SCRIPT)
    assert first.json() == {
        "said": "Saved. 5 pairs, 1 tied.",
        "undo": f"/p/work/rank/{task.pk}/undo/",
        "undo_seconds": 30,
        "today": 1,
        "seconds": 7,
    }
    again = client.post("/p/work/rank/", said, **SCRIPT)
    assert (again.status_code, again.json()["said"]) == (200, "That ranking was saved already.")
    assert Ranking.objects.count() == 1


def test_the_script_hears_a_refusal_with_its_reason(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    incomplete = client.post("/p/work/rank/", answer(task, 1, 0, 3, 4), **SCRIPT)
    assert (incomplete.status_code, "B has no place yet" in incomplete.json()["detail"]) == (422, True)
    client.post("/p/work/rank/", answer(task, 1, 2, 3, 4), **SCRIPT)
    other = client.post("/p/work/rank/", answer(task, 4, 3, 2, 1), **SCRIPT)
    assert (other.status_code, other.json()["code"]) == (409, "already_ranked")


def test_nothing_to_do_is_told_to_the_script_without_a_page(client: Client, labeler: User, project: Project) -> None:
    for _ in range(4):
        factories.rank(project, labeler)
    response = client.get("/p/work/rank/", **SCRIPT)
    assert (response.status_code, response["X-Queue-Reason"]) == (204, "all_ranked_by_you")


def test_the_task_ahead_is_another_prompt_with_its_own_lease(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    html = client.post(f"/p/work/rank/{task.pk}/ahead/", **SCRIPT).content.decode()
    ahead = Assignment.objects.exclude(pk=task.pk).get(labeler=labeler, state=State.CLAIMED)
    assert f'data-task="{ahead.pk}"' in html
    again = client.post(f"/p/work/rank/{task.pk}/ahead/", **SCRIPT).content.decode()
    assert f'data-task="{ahead.pk}"' in again
    assert "secret-model" not in html
    client.get("/p/work/rank/")  # a reload shows the first one still
    assert Assignment.objects.filter(labeler=labeler, state=State.CLAIMED).count() == 2
    assert f'data-task="{task.pk}"' in client.get("/p/work/rank/").content.decode()


def test_where_nothing_is_left_there_is_none_ahead(client: Client, labeler: User, project: Project) -> None:
    for _ in range(3):
        factories.rank(project, labeler)
    response = client.post(f"/p/work/rank/{opened(client, labeler).pk}/ahead/", **SCRIPT)
    assert response.status_code == 204


def test_leaving_gives_back_the_task_ahead_and_nothing_else(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    client.post(f"/p/work/rank/{task.pk}/ahead/", **SCRIPT)
    ahead = Assignment.objects.exclude(pk=task.pk).get(labeler=labeler, state=State.CLAIMED)
    assert client.post(f"/p/work/rank/{ahead.pk}/leave/").status_code == 204
    assert [a.pk for a in Assignment.objects.filter(labeler=labeler, state=State.CLAIMED)] == [task.pk]


def test_a_draft_is_kept_complete_or_not_and_shown_again(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    flagged = factories.ids_of(task)[2]
    said = answer(task, 2, 0, 1, 0, comment="half", active_seconds="3.5", draft_revision="0")
    said |= {f"flag-{flagged}-hateful": "1", f"note-{flagged}": "It insults."}
    assert client.post(f"/p/work/rank/{task.pk}/draft/", said).json() == {"revision": 1}
    task.refresh_from_db()
    assert task.draft == {
        "ranks": {factories.ids_of(task)[0]: 2, factories.ids_of(task)[2]: 1},
        "flags": {str(flagged): {"hateful": True}},
        "notes": {str(flagged): "It insults."},
        "comment": "half",
        "strength": None,
        "active_seconds": 3.5,
    }
    html = client.get("/p/work/rank/").content.decode()
    assert html.count(" checked") == 3
    assert "half</textarea>" in html
    assert "It insults.</textarea>" in html
    assert 'name="active_seconds" value="3.5"' in html


def test_a_draft_from_a_stale_window_is_refused_with_what_is_there(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    client.post(f"/p/work/rank/{task.pk}/draft/", answer(task, 1, 0, 0, 0, draft_revision="0"))
    stale = client.post(f"/p/work/rank/{task.pk}/draft/", answer(task, 4, 0, 0, 0, draft_revision="0"))
    assert stale.status_code == 409
    assert (stale.json()["code"], stale.json()["revision"]) == ("draft_changed", 1)
    assert stale.json()["fields"] == {f"rank-{factories.ids_of(task)[0]}": "1"}


@pytest.mark.parametrize(
    "draft",
    [
        {"ranks": "x"},
        {"ranks": {"1": {}}},
        {"flags": {"1": 3}},
        {"notes": []},
        {"comment": ["a"]},
        {"strength": "much"},
        {"active_seconds": "soon"},
        {"anything": 1},
    ],
)
def test_a_draft_that_a_program_kept_in_its_own_shape_breaks_no_page(
    client: Client, labeler: User, draft: dict[str, object]
) -> None:
    task = opened(client, labeler)
    Assignment.objects.filter(pk=task.pk).update(draft=draft)
    assert client.get("/p/work/rank/").status_code == 200


def test_the_heartbeat_extends_both_leases_and_tells_the_drafts_revision(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    client.post(f"/p/work/rank/{task.pk}/ahead/", **SCRIPT)
    ahead = Assignment.objects.exclude(pk=task.pk).get(labeler=labeler)
    before = ahead.expires_at
    response = client.post(f"/p/work/rank/{task.pk}/keep/", {"ahead": str(ahead.pk)}, **SCRIPT)
    assert response.json() == {"revision": 0, "ahead": str(ahead.pk)}
    ahead.refresh_from_db()
    assert ahead.expires_at > before
    client.post("/p/work/rank/", answer(task, 1, 2, 3, 4))
    assert client.post(f"/p/work/rank/{task.pk}/keep/", **SCRIPT).status_code == 409


def test_undo_gives_the_task_back_with_what_was_said(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    client.post("/p/work/rank/", answer(task, 3, 1, 2, 4, comment="so"))
    html = client.post(f"/p/work/rank/{task.pk}/undo/", **SCRIPT).content.decode()
    assert f'data-task="{task.pk}"' in html
    assert html.count(" checked") == 4
    assert "so</textarea>" in html
    assert not Ranking.objects.filter(live=True).exists()


def test_undo_by_form_leads_back_to_the_task(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    client.post("/p/work/rank/", answer(task, 3, 1, 2, 4))
    assert f"/p/work/rank/{task.pk}/undo/" in client.get("/p/work/rank/").content.decode()
    response = client.post(f"/p/work/rank/{task.pk}/undo/", follow=True)
    assert b"Taken back." in response.content
    assert f'data-task="{task.pk}"'.encode() in response.content


def test_an_undo_that_comes_too_late_says_what_to_do(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    client.post("/p/work/rank/", answer(task, 3, 1, 2, 4))
    long_ago = Ranking.objects.get().created_at.replace(year=2020)
    Ranking.objects.update(created_at=long_ago)
    response = client.post(f"/p/work/rank/{task.pk}/undo/", follow=True)
    assert b"history" in response.content.lower()
    assert Ranking.objects.get().live
    assert b"/undo/" not in client.get("/p/work/rank/").content


@pytest.mark.parametrize("stop", ["skip", "cannot-rank"])
def test_the_script_hears_how_to_undo_a_skip(client: Client, labeler: User, stop: str) -> None:
    task = opened(client, labeler)
    said = client.post(f"/p/work/rank/{task.pk}/{stop}/", {"reason": "too long"}, **SCRIPT).json()
    assert (said["undo"], said["undo_seconds"]) == (f"/p/work/rank/{task.pk}/undo/", 30)
    for _twice in range(2):
        html = client.post(f"/p/work/rank/{task.pk}/undo/", **SCRIPT).content.decode()
        assert f'data-task="{task.pk}"' in html


def test_without_a_script_the_last_act_is_what_undo_takes_back(client: Client, labeler: User) -> None:
    ranked = opened(client, labeler)
    client.post("/p/work/rank/", answer(ranked, 3, 1, 2, 4))
    skipped = opened(client, labeler)
    client.post(f"/p/work/rank/{skipped.pk}/skip/", {"reason": "too long"})
    html = client.get("/p/work/rank/").content.decode()
    assert f"/p/work/rank/{skipped.pk}/undo/" in html
    assert f"/p/work/rank/{ranked.pk}/undo/" not in html
    response = client.post(f"/p/work/rank/{skipped.pk}/undo/", follow=True)
    assert f'data-task="{skipped.pk}"' in response.content.decode()
    assert f"/p/work/rank/{ranked.pk}/undo/" in response.content.decode()


@pytest.mark.parametrize("door", ["ahead", "draft", "keep", "leave", "undo", "compare"])
def test_the_doors_of_a_task_open_to_its_labeler_alone(client: Client, project: Project, door: str) -> None:
    other = factories.claimed(project, factories.join(project))
    call = client.get if door == "compare" else client.post
    assert call(f"/p/work/rank/{other.pk}/{door}/").status_code == 404
    nobody = Client()
    call = nobody.get if door == "compare" else nobody.post
    assert call(f"/p/work/rank/{other.pk}/{door}/").status_code == 302
    stranger = Client()
    stranger.force_login(factories.make_user())
    call = stranger.get if door == "compare" else stranger.post
    assert call(f"/p/work/rank/{other.pk}/{door}/").status_code == 404


def test_notes_and_strength_are_stored_and_asked_only_where_they_make_sense(client: Client, labeler: User) -> None:
    task = opened(client, labeler)
    note = {f"note-{factories.ids_of(task)[1]}": "Wrong year.", "strength": "3"}
    client.post("/p/work/rank/", answer(task, 1, 2, 3, 4) | note)
    ranking = Ranking.objects.get()
    assert [place.note for place in ranking.ranked.order_by("shown_position")] == ["", "Wrong year.", "", ""]
    assert ranking.strength is None  # with four completions nobody asked


def test_the_goal_of_the_day_stands_beside_the_count(client: Client, labeler: User) -> None:
    labeler.daily_goal = 40
    labeler.save()
    client.post("/p/work/rank/", answer(opened(client, labeler), 1, 2, 3, 4, active_seconds="20"))
    assert "1 of 40 today, 20 s each" in client.get("/p/work/rank/").content.decode()


def test_who_comes_for_the_first_time_is_offered_a_practice_task(client: Client, labeler: User) -> None:
    assert b"First time here?" in client.get("/p/work/rank/").content
    client.post("/p/work/rank/", answer(opened(client, labeler), 1, 2, 3, 4))
    assert b"First time here?" not in client.get("/p/work/rank/").content
