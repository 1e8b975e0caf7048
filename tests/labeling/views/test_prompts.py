"""One prompt with its completions, and putting back into the queue what a labeler set aside."""

from __future__ import annotations

import html
import re

import pytest
from django.http import HttpResponse
from django.test import Client

from labeling.models import Assignment, Project, Prompt, Role, User
from labeling.queue import claims
from tests import factories


@pytest.fixture
def project(db: None) -> Project:
    return factories.make_project(slug="work", overlap=2)


@pytest.fixture
def prompt(project: Project) -> Prompt:
    return factories.make_prompt(project, external_id="row-17", question="What is *a* podium?")


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project, username="otto")


@pytest.fixture
def held(project: Project, prompt: Prompt, labeler: User) -> Prompt:
    claims.cannot_rank(factories.claimed(project, labeler), "The prompt makes no sense")
    return prompt


def as_user(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def reviewer_of(project: Project) -> Client:
    return as_user(factories.join(project, Role.REVIEWER))


def manager_of(project: Project) -> Client:
    return as_user(project.memberships.get(role=Role.MANAGER).user)


def words(response: object) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_a_prompt_opens_for_those_whom_it_is_for(project: Project, held: Prompt, labeler: User) -> None:
    page, back = f"/p/work/prompts/{held.pk}/", f"/p/work/prompts/{held.pk}/put-back/"
    doors = {"reviewer": reviewer_of(project), "labeler": as_user(labeler), "stranger": as_user(factories.make_user())}
    assert {who: door.get(page).status_code for who, door in doors.items()} == {
        "reviewer": 200,
        "labeler": 403,
        "stranger": 404,
    }
    refused = {who: doors[who].post(back).status_code for who in ("labeler", "stranger")}
    assert refused == {"labeler": 403, "stranger": 404}
    for response in (Client().get(page), Client().post(back)):
        assert response["Location"].startswith("/accounts/login/?next=")
    held.refresh_from_db()
    assert held.held_at is not None
    assert manager_of(project).get(page).status_code == 200


def test_a_prompt_shows_its_dialogue_and_completions_rendered(project: Project, prompt: Prompt) -> None:
    response = reviewer_of(project).get(f"/p/work/prompts/{prompt.pk}/")
    assert b"What is <em>a</em> podium?" in response.content
    text = words(response)
    assert "Prompt row-17 waiting 0 of 2 rankings" in text
    assert all(f"{number + 1} Answer {'abcd'[number]} to row-17" in text for number in range(4))


def test_whose_completion_it_is_only_a_manager_sees(project: Project, prompt: Prompt) -> None:
    page = f"/p/work/prompts/{prompt.pk}/"
    assert b"secret-model" not in reviewer_of(project).get(page).content
    assert "2 · b · secret-model-1 Answer b" in words(manager_of(project).get(page))


def test_the_list_says_why_it_was_set_aside_by_whom_and_when(project: Project, held: Prompt) -> None:
    response = reviewer_of(project).get("/p/work/prompts/?show=held")
    assert "can't be ranked The prompt makes no sense Set aside by otto, just now" in words(response)
    assert f'href="/p/work/prompts/{held.pk}/"' in response.content.decode()


def test_the_one_who_set_it_aside_is_not_someone_who_only_skipped_it(project: Project, prompt: Prompt) -> None:
    first, last = factories.join(project, username="skipper"), factories.join(project, username="later")
    claims.skip(factories.claimed(project, first), "Not my field")
    task = factories.claimed(project, last)
    claims.cannot_rank(factories.claimed(project, factories.join(project, username="otto")), "Broken")
    claims.skip(task, "Too long")
    assert "Set aside by otto" in words(reviewer_of(project).get(f"/p/work/prompts/{prompt.pk}/"))


def test_what_is_put_back_goes_to_someone_else(project: Project, held: Prompt, labeler: User) -> None:
    reviewer = reviewer_of(project)
    assert "The prompt makes no sense Set aside by otto, just now Put back into the queue" in words(
        reviewer.get(f"/p/work/prompts/{held.pk}/")
    )
    response = reviewer.post(f"/p/work/prompts/{held.pk}/put-back/", follow=True)
    assert response.redirect_chain == [(f"/p/work/prompts/{held.pk}/", 302)]
    assert "Put back into the queue. It goes to whoever has not had it yet." in words(response)
    assert "Set aside" not in words(response)
    assert claims.claim(project, labeler) is None
    assert factories.claimed(project, factories.join(project)).prompt_id == held.pk


def test_putting_back_twice_changes_nothing_more(project: Project, held: Prompt) -> None:
    manager = manager_of(project)
    for _ in range(2):
        assert manager.post(f"/p/work/prompts/{held.pk}/put-back/").status_code == 302
    assert Assignment.objects.count() == 1
    held.refresh_from_db()
    assert (held.held_at, held.held_reason) == (None, "")


def test_it_is_put_back_by_posting_only(project: Project, held: Prompt) -> None:
    assert manager_of(project).get(f"/p/work/prompts/{held.pk}/put-back/").status_code == 405


@pytest.mark.parametrize("pk", [0, 99999999, 99999999999999999999])
def test_a_prompt_that_there_is_not_is_not_found(project: Project, pk: int) -> None:
    manager = manager_of(project)
    assert manager.get(f"/p/work/prompts/{pk}/").status_code == 404
    assert manager.post(f"/p/work/prompts/{pk}/put-back/").status_code == 404


def test_a_prompt_of_another_project_is_not_found(project: Project) -> None:
    elsewhere = factories.make_prompt(factories.make_project(slug="elsewhere"))
    assert manager_of(project).get(f"/p/work/prompts/{elsewhere.pk}/").status_code == 404


def test_a_set_aside_dialogue_of_several_turns_folds_the_earlier_ones(project: Project) -> None:
    prompt = factories.make_prompt(project)
    prompt.messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Which day is it?"},
    ]
    prompt.save()
    assert "2 earlier turns" in words(reviewer_of(project).get(f"/p/work/prompts/{prompt.pk}/"))


def test_a_prompt_that_nobody_is_left_for_is_shown_as_that(project: Project, prompt: Prompt, labeler: User) -> None:
    """In the list and on its page, until someone joins."""
    claims.skip(factories.claimed(project, labeler), "Not my field")
    reviewer = reviewer_of(project)
    pages = ("/p/work/prompts/", f"/p/work/prompts/{prompt.pk}/")
    assert not any("obody is left" in words(reviewer.get(page)) for page in pages)
    for member in User.objects.filter(memberships__project=project).exclude(pk=labeler.pk):
        claims.skip(factories.claimed(project, member), "Nor mine")
    assert all("obody is left" in words(reviewer.get(page)) for page in pages)
    factories.join(project)
    assert not any("obody is left" in words(reviewer.get(page)) for page in pages)
