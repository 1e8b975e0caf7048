from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from labeling.models import Assignment, PreferencePair, Project, Prompt, Ranking, User
from labeling.queue.claims import shown_completions
from tests.factories import join, make_project, make_prompt
from tests.labeling.api.client import as_user, errors_of

pytestmark = pytest.mark.django_db
NEXT = "/api/v1/projects/helpful/assignments/next/"


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful", flags=[{"name": "hateful", "label": "Hateful"}])


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project, username="ann")


@pytest.fixture
def client(labeler: User) -> APIClient:
    return as_user(labeler)


def url(task: dict[str, Any], door: str) -> str:
    return f"/api/v1/assignments/{task['id']}/{door}/"


def in_order(task: dict[str, Any]) -> dict[str, Any]:
    return {"tiers": [[completion["id"]] for completion in task["completions"]]}


def test_a_task_holds_what_a_labeler_needs(project: Project, client: APIClient) -> None:
    prompt = make_prompt(project)
    task = client.post(NEXT).json()
    assert set(task) == {
        "id",
        "prompt",
        "completions",
        "flags",
        "ask_strength",
        "ask_acceptable",
        "ask_reasons",
        "justification",
        "attributes",
        "ask_rewrite",
        "top_k",
        "expires_at",
        "draft",
        "draft_revision",
    }
    assert task["prompt"] == prompt.messages
    assert task["flags"] == [{"name": "hateful", "label": "Hateful"}]
    assert task["draft"] is None
    assert all(set(completion) == {"id", "text"} for completion in task["completions"])
    shown = shown_completions(Assignment.objects.get())
    assert [completion["text"] for completion in task["completions"]] == [completion.text for completion in shown]


def test_a_labeler_is_never_told_a_model_or_an_imported_id(project: Project, client: APIClient) -> None:
    make_prompt(project, external_id="secret-prompt", question="?", texts=["One.", "Two."])
    task = client.post(NEXT)
    client.post(url(task.json(), "ranking"), in_order(task.json()))
    for answer in [
        task,
        client.get("/api/v1/projects/helpful/rankings/"),
        client.get("/api/v1/projects/helpful/pairs/"),
    ]:
        assert answer.status_code == 200
        assert "secret" not in answer.content.decode()


def test_asking_again_gives_the_same_task(project: Project, client: APIClient) -> None:
    make_prompt(project)
    make_prompt(project)
    first, second = client.post(NEXT).json(), client.post(NEXT).json()
    assert first["id"] == second["id"]
    assert first["completions"] == second["completions"]


def test_nothing_to_do_says_why(project: Project, client: APIClient) -> None:
    def reason() -> str:
        response = client.post(NEXT)
        assert (response.status_code, response.content) == (204, b"")
        return str(response["X-Queue-Reason"])

    assert reason() == "no_prompts"
    make_prompt(project)
    other = as_user(join(project))
    task = other.post(NEXT).json()
    assert reason() == "all_taken"
    other.post(url(task, "ranking"), in_order(task))
    assert reason() == "all_done"


def test_who_ranked_everything_is_told_so(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    client.post(url(task, "ranking"), in_order(task))
    assert client.post(NEXT)["X-Queue-Reason"] == "all_ranked_by_you"


def test_a_ranking_is_stored_once_however_often_it_is_sent(project: Project, client: APIClient) -> None:
    make_prompt(project, k=4)
    task = client.post(NEXT).json()
    ids = [completion["id"] for completion in task["completions"]]
    body = {"tiers": [[ids[0]], [ids[1], ids[2]], [ids[3]]], "flags": {ids[0]: {"hateful": True}}, "comment": "Close."}
    first = client.post(url(task, "ranking"), body)
    again = client.post(url(task, "ranking"), body)
    ranking = Ranking.objects.get()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == {"id": ranking.pk, "pairs": 5, "ties": 1}
    assert ranking.comment == "Close."
    assert PreferencePair.objects.count() == 5


def test_another_ranking_of_the_same_task_is_a_conflict(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    client.post(url(task, "ranking"), in_order(task))
    response = client.post(url(task, "ranking"), {"tiers": in_order(task)["tiers"][::-1]})
    assert (response.status_code, errors_of(response)) == (409, [("already_ranked", None)])
    assert Ranking.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda ids: {}, ("tiers_not_lists", "tiers")),
        (lambda ids: [], ("not_an_object", None)),
        (lambda ids: {"tiers": []}, ("nothing_ranked", "tiers")),
        (lambda ids: {"tiers": [[ids[0]]]}, ("not_all_ranked", "tiers")),
        (lambda ids: {"tiers": [ids, [ids[0]]]}, ("ranked_twice", "tiers")),
        (lambda ids: {"tiers": [[*ids, "999999"]]}, ("unknown_completion", "tiers")),
        (lambda ids: {"tiers": [ids], "flags": {ids[0]: {"rude": True}}}, ("unknown_flag", "flags")),
        (lambda ids: {"tiers": [ids], "active_seconds": -1}, ("seconds_invalid", "active_seconds")),
    ],
)
def test_a_wrong_ranking_is_refused_by_field(
    project: Project, client: APIClient, change: Any, error: tuple[str, str | None]
) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    ids = [completion["id"] for completion in task["completions"]]
    response = client.post(url(task, "ranking"), change(ids))
    assert (response.status_code, errors_of(response)) == (400, [error])
    assert not Ranking.objects.exists()


def test_a_task_that_someone_else_took_over_is_a_conflict(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    Assignment.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert as_user(join(project)).post(NEXT).status_code == 200
    response = client.post(url(task, "ranking"), in_order(task))
    assert (response.status_code, errors_of(response)) == (409, [("lease_expired", None)])


def test_a_draft_comes_back_with_the_task_and_keeps_the_lease(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    draft = {"tiers": [[task["completions"][0]["id"]], []], "comment": "so far"}
    saved = client.put(url(task, "draft"), draft)
    assert (saved.status_code, saved.json()["state"]) == (200, "claimed")
    assert saved.json()["expires_at"] > task["expires_at"]
    assert client.post(NEXT).json()["draft"] == draft


def test_a_draft_is_an_object(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    response = client.put(url(task, "draft"), ["a"])
    assert (response.status_code, errors_of(response)) == (400, [("not_a_dict", None)])


def test_a_draft_says_which_it_goes_on_from(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    first, second = {"comment": "first tab"}, {"comment": "second tab"}
    saved = client.put(url(task, "draft"), first, headers={"If-Match": f'"{task["draft_revision"]}"'})
    assert (saved.status_code, saved["ETag"], saved.json()["draft_revision"]) == (200, '"1"', 1)
    refused = client.put(url(task, "draft"), second, headers={"If-Match": '"0"'})
    assert (refused.status_code, errors_of(refused)) == (412, [("draft_changed", None)])
    stands = client.get(url(task, "draft"))
    assert (stands.json(), stands["ETag"]) == (first, '"1"')
    assert client.put(url(task, "draft"), second, headers={"If-Match": stands["ETag"]}).status_code == 200
    assert client.put(url(task, "draft"), first, headers={"If-Match": "*"}).status_code == 200
    assert client.post(NEXT).json()["draft_revision"] == 3


def test_a_task_without_a_draft_has_an_empty_one(project: Project, client: APIClient) -> None:
    make_prompt(project)
    response = client.get(url(client.post(NEXT).json(), "draft"))
    assert (response.json(), response["ETag"]) == ({}, '"0"')


@pytest.mark.parametrize("tag", ["0", 'W/"0"', '"0", "1"', '"x"', '"' + "9" * 30 + '"'])
def test_a_draft_goes_on_from_one_revision(project: Project, client: APIClient, tag: str) -> None:
    make_prompt(project)
    response = client.put(url(client.post(NEXT).json(), "draft"), {}, headers={"If-Match": tag})
    assert (response.status_code, errors_of(response)) == (400, [("invalid", "If-Match")])


def test_a_draft_that_is_too_long_is_refused(project: Project, client: APIClient) -> None:
    make_prompt(project)
    response = client.put(url(client.post(NEXT).json(), "draft"), {"comment": "x" * 170_000})
    assert (response.status_code, errors_of(response)) == (400, [("draft_too_large", None)])


def test_an_answer_is_taken_back_for_a_moment(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    assert errors_of(client.post(url(task, "undo"))) == [("not_ranked", None)]
    client.post(url(task, "ranking"), {**in_order(task), "comment": "Hm."})
    undone, again = client.post(url(task, "undo")), client.post(url(task, "undo"))
    assert (undone.status_code, again.status_code) == (200, 200)
    back = undone.json()
    assert (back["id"], back["completions"]) == (task["id"], task["completions"])
    assert back["draft"]["comment"] == "Hm."
    assert back["draft"]["ranks"] == {said["id"]: rank for rank, said in enumerate(task["completions"], start=1)}
    assert client.post(NEXT).json()["draft"] == back["draft"]
    assert not PreferencePair.objects.exists()


def test_after_half_a_minute_it_is_too_late_to_take_it_back(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    client.post(url(task, "ranking"), in_order(task))
    Ranking.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    response = client.post(url(task, "undo"))
    assert (response.status_code, errors_of(response)) == (409, [("undo_too_late", None)])


def test_an_answer_is_changed_by_a_new_revision(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    refused = client.put(url(task, "ranking"), in_order(task))
    assert (refused.status_code, errors_of(refused)) == (409, [("not_ranked", None)])
    client.post(url(task, "ranking"), in_order(task))
    changed = {"tiers": in_order(task)["tiers"][::-1], "notes": {task["completions"][0]["id"]: "Wrong year."}}
    first, again = client.put(url(task, "ranking"), changed), client.put(url(task, "ranking"), changed)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == {"id": Ranking.objects.get(live=True).pk, "pairs": 6, "ties": 0}
    [row] = client.get("/api/v1/projects/helpful/rankings/").json()["results"]
    assert (row["revision"], {said["id"]: said["note"] for said in row["ranked"] if said["note"]}) == (
        2,
        changed["notes"],
    )


def test_a_strength_is_asked_of_two_and_kept_as_the_margin(project: Project, client: APIClient) -> None:
    assert as_user(project.created_by).patch("/api/v1/projects/helpful/", {"ask_strength": True}).json()["ask_strength"]
    make_prompt(project, k=2)
    make_prompt(project, k=3)
    task = client.post(NEXT).json()
    assert task["ask_strength"] is True
    refused = client.post(url(task, "ranking"), {**in_order(task), "strength": 4})
    assert (refused.status_code, errors_of(refused)) == (400, [("strength_invalid", "strength")])
    assert client.post(url(task, "ranking"), {**in_order(task), "strength": 3}).status_code == 201
    [pair] = client.get("/api/v1/projects/helpful/pairs/").json()["results"]
    [ranking] = client.get("/api/v1/projects/helpful/rankings/").json()["results"]
    assert (pair["margin"], ranking["strength"]) == (3, 3)
    assert client.post(NEXT).json()["ask_strength"] is False


def test_a_skip_needs_a_reason_and_leaves_the_prompt_to_others(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    refused = client.post(url(task, "skip"), {})
    assert (refused.status_code, errors_of(refused)) == (400, [("reason_required", "reason")])
    assert client.post(url(task, "skip"), {"reason": "Not my field."}).status_code == 204
    assert client.post(NEXT).status_code == 204
    assert as_user(join(project)).post(NEXT).status_code == 200


def test_a_skip_is_taken_back_and_twice_is_harmless(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    answers = [client.delete(url(task, "skip"))]
    client.post(url(task, "skip"), {"reason": "Not my field."})
    answers += [client.delete(url(task, "skip")), client.delete(url(task, "skip"))]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[-1].json()["completions"] == task["completions"] == client.post(NEXT).json()["completions"]
    ids = [shown["id"] for shown in task["completions"]]
    assert client.post(url(task, "ranking"), {"tiers": [ids]}).status_code == 201
    refused = client.delete(url(task, "skip"))
    assert (refused.status_code, errors_of(refused)) == (409, [("not_skipped", None)])


def test_what_nobody_can_rank_leaves_the_queue(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    client.post(url(task, "skip"), {"reason": "Both are empty.", "for_everyone": True})
    assert as_user(join(project)).post(NEXT).status_code == 204
    assert Prompt.objects.get().held_reason == "Both are empty."


def test_a_released_task_is_free_at_once(project: Project, client: APIClient) -> None:
    make_prompt(project)
    task = client.post(NEXT).json()
    assert client.post(url(task, "release")).status_code == 204
    assert client.post(url(task, "release")).status_code == 204
    assert as_user(join(project)).post(NEXT).status_code == 200


def test_an_id_beyond_any_is_a_404(client: APIClient) -> None:
    assert client.post(f"/api/v1/assignments/{10**30}/release/").status_code == 404
