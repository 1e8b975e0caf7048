"""Where a labeler's queue begins: nobody walks past all that they had, and what comes back is served in its turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from labeling.answers import rankings
from labeling.models import Assignment, Project, Prompt, QueuePosition, User
from labeling.queue import claims, slots
from tests.factories import claimed, join, make_project, make_prompt, rank, rank_next

pytestmark = pytest.mark.django_db

MANY = 130  # more than a stride


@pytest.fixture
def project() -> Project:
    return make_project(overlap=2)


@pytest.fixture
def prompts(project: Project) -> list[Prompt]:
    """Copies of one, as quickly as that can be."""
    first = make_prompt(project, k=2)
    copies = Prompt.objects.bulk_create(
        Prompt(project=project, external_id=f"copy {n}", messages=first.messages, overlap=2, split=first.split,
               content_sha256=first.content_sha256)
        for n in range(MANY)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO labeling_completion (prompt_id, external_id, text, model_name, position)"
            " SELECT p.id, c.external_id, c.text, '', c.position FROM labeling_prompt p, labeling_completion c"
            " WHERE p.id > %s AND c.prompt_id = %s",
            [first.pk, first.pk],
        )
    return [first, *copies]


@pytest.fixture
def ahead(project: Project, prompts: list[Prompt]) -> User:
    """A labeler who has ranked all but a few, each of which others shall rank too, and asks for the next one."""
    labeler = join(project)
    rank_next(project, labeler, MANY - 10)
    assert rank(project, labeler).prompt == prompts[MANY - 10]
    assert position(project, labeler) > prompts[100].pk
    return labeler


def position(project: Project, labeler: User) -> int:
    return QueuePosition.objects.get(project=project, labeler=labeler).begins


def hold(prompt: Prompt) -> None:
    Prompt.objects.filter(pk=prompt.pk).update(held_at=timezone.now())


def settle(prompt: Prompt) -> None:
    for _ in range(prompt.overlap):
        assert rank(prompt.project, join(prompt.project)).prompt == prompt


def ask_one_more(prompt: Prompt) -> None:
    Prompt.objects.filter(pk=prompt.pk).update(overlap=F("overlap") + 1)


def serve_last(prompt: Prompt) -> None:
    slots.serve([prompt.pk], priority=slots.LAST)


def serve_in_turn(prompt: Prompt) -> None:
    slots.serve([prompt.pk], priority=slots.IN_TURN)


def test_who_is_ahead_begins_where_they_stand_and_others_at_the_first(
    project: Project, prompts: list[Prompt], ahead: User
) -> None:
    assert claimed(project, ahead).prompt == prompts[MANY - 9]
    assert claimed(project, join(project)).prompt == prompts[0]


@pytest.mark.parametrize(
    ("leave", "come_back"), [(hold, claims.return_to_queue), (settle, ask_one_more), (serve_last, serve_in_turn)]
)
def test_a_prompt_that_comes_back_is_served_to_who_is_beyond_it(
    project: Project, prompts: list[Prompt], leave: Callable[[Prompt], None], come_back: Callable[[Prompt], None]
) -> None:
    leave(prompts[0])
    late = join(project)
    rank_next(project, late, MANY - 10)
    rank(project, late)
    assert position(project, late) > prompts[100].pk
    come_back(prompts[0])
    assert claimed(project, late).prompt == prompts[0]


def test_an_answer_taken_back_leaves_room_for_who_is_beyond_it(project: Project, prompts: list[Prompt]) -> None:
    one, two, late = join(project), join(project), join(project)
    rank(project, one)
    taken_back = rank(project, two)
    rank_next(project, late, MANY - 10)
    rank(project, late)
    task = rankings.withdraw(taken_back.assignment)
    claims.release(task)
    assert claimed(project, late).prompt == prompts[0]


def test_who_gives_a_prompt_back_may_get_it_again(project: Project, prompts: list[Prompt], ahead: User) -> None:
    Assignment.objects.filter(labeler=ahead, prompt=prompts[3]).update(state="claimed")
    claims.release(claimed(project, ahead))
    assert claimed(project, ahead).prompt == prompts[3]


def test_a_lease_that_ran_out_comes_back_to_its_labeler_too(
    project: Project, prompts: list[Prompt], ahead: User
) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    Assignment.objects.filter(labeler=ahead, prompt=prompts[0]).update(state="claimed", expires_at=long_ago)
    assert claimed(project, join(project)).prompt == prompts[0]
    assert claimed(project, ahead).prompt == prompts[0]


def test_a_prompt_of_higher_priority_is_served_first(project: Project, prompts: list[Prompt], ahead: User) -> None:
    urgent = make_prompt(project)
    slots.serve([urgent.pk], priority=1)
    assert claimed(project, ahead).prompt == urgent


def test_a_position_that_is_wrong_hides_a_prompt_for_a_while_and_not_for_ever(
    project: Project, prompts: list[Prompt]
) -> None:
    labeler = join(project)
    QueuePosition.objects.create(
        project=project, labeler=labeler, priority=0, begins=prompts[-1].pk + 1, checked_at=timezone.now()
    )
    assert claims.claim(project, labeler) is None
    QueuePosition.objects.update(checked_at=timezone.now() - timedelta(minutes=2))
    assert claimed(project, labeler).prompt == prompts[0]


def test_nothing_to_do_is_found_out_without_a_walk_each_time(project: Project, prompts: list[Prompt]) -> None:
    labeler = join(project)
    rank_next(project, labeler, MANY + 1)
    assert claims.claim(project, labeler) is None
    assert position(project, labeler) > prompts[-1].pk
    assert claims.claim(project, labeler) is None
    new = make_prompt(project)
    assert claimed(project, labeler).prompt == new
