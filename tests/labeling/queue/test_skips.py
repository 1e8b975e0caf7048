"""A skip taken back, found in the history, and a prompt that nobody is left for."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.data.revising.revisions import revise
from labeling.data.withdrawing import withdrawals
from labeling.errors import Conflict
from labeling.models import Assignment, Membership, Project, Prompt, User
from labeling.queue import claims, skips
from tests.factories import claimed, ids_of, join, make_project, make_prompt, rank, tiers_of
from tests.threads import at_once

State = Assignment.State


@pytest.fixture
def project(db: None) -> Project:
    return make_project()


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


@pytest.fixture
def task(project: Project, labeler: User) -> Assignment:
    make_prompt(project)
    return claimed(project, labeler)


def refused(task: Assignment) -> str:
    with pytest.raises(Conflict) as caught:
        skips.take_up(task)
    task.refresh_from_db()
    return caught.value.code


def grow_old(task: Assignment, *, seconds: int) -> None:
    """As if all of it had been that long ago."""
    earlier = timedelta(seconds=seconds)
    Assignment.objects.filter(pk=task.pk).update(finished_at=F("finished_at") - earlier)
    Prompt.objects.filter(pk=task.prompt_id, held_at__isnull=False).update(held_at=F("held_at") - earlier)


class TestTakenBack:
    def test_the_task_is_open_again_with_its_draft(self, task: Assignment, project: Project, labeler: User) -> None:
        draft = {"ranks": {ids_of(task)[0]: 1}}
        claims.save_draft(task, draft)
        claims.skip(task, "too long")
        for _twice in range(2):
            open_again = skips.take_up(task)
            assert (open_again.state, open_again.skip_reason) == (State.CLAIMED, "")
        again = claimed(project, labeler)
        assert (again.pk, again.draft, again.finished_at) == (task.pk, draft, None)
        rankings.submit(again, {"tiers": tiers_of(again)})
        assert Prompt.objects.get().ranked == 1

    def test_after_any_time_where_a_slot_is_free(self, task: Assignment) -> None:
        claims.skip(task, "too long")
        grow_old(task, seconds=100_000)
        assert skips.take_up(task).state == State.CLAIMED

    def test_not_where_others_have_the_prompt(self, task: Assignment, project: Project) -> None:
        claims.skip(task, "too long")
        other = claimed(project, join(project))
        assert refused(task) == "no_slot"
        rankings.submit(other, {"tiers": tiers_of(other)})
        assert refused(task) == "no_slot"
        assert (task.state, task.skip_reason) == (State.SKIPPED, "too long")

    def test_a_lease_of_another_that_ran_out_is_no_hindrance(self, task: Assignment, project: Project) -> None:
        claims.skip(task, "too long")
        other = claimed(project, join(project))
        Assignment.objects.filter(pk=other.pk).update(expires_at=F("claimed_at"))
        assert skips.take_up(task).state == State.CLAIMED
        other.refresh_from_db()
        assert other.state == State.EXPIRED

    def test_not_of_a_prompt_that_is_another_or_gone(self, task: Assignment, project: Project) -> None:
        claims.skip(task, "too long")
        prompt = Prompt.objects.get()
        revise(project, prompt, base=1, by=None, messages=[{"role": "user", "content": "Another?"}])
        assert refused(task) == "prompt_revised"
        withdrawals.withdraw(project, [prompt.external_id])
        assert refused(task) == "prompt_withdrawn"

    def test_what_was_never_skipped_is_no_skip(self, project: Project, labeler: User) -> None:
        make_prompt(project)
        assert refused(rank(project, labeler).assignment) == "not_skipped"


class TestSetAside:
    def test_taken_back_at_once_it_returns_to_the_queue(self, task: Assignment) -> None:
        claims.cannot_rank(task, "all four are empty")
        grow_old(task, seconds=skips.UNDO_SECONDS)
        assert skips.take_up(task).state == State.CLAIMED
        assert (Prompt.objects.get().held_at, Prompt.objects.get().held_reason) == (None, "")

    def test_later_a_reviewer_decides(self, task: Assignment) -> None:
        claims.cannot_rank(task, "all four are empty")
        grow_old(task, seconds=skips.UNDO_SECONDS + skips.UNDO_GRACE_SECONDS + 1)
        assert refused(task) == "prompt_set_aside"
        assert Prompt.objects.get().held_reason == "all four are empty"

    def test_what_another_set_aside_stays_so(self, task: Assignment, project: Project) -> None:
        claims.skip(task, "too long")
        claims.cannot_rank(claimed(project, join(project)), "all four are empty")
        assert refused(task) == "prompt_set_aside"
        assert Prompt.objects.get().held_at is not None


@pytest.mark.django_db(transaction=True)
def test_taken_back_by_many_at_once_a_slot_is_taken_once() -> None:
    project = make_project(overlap=1)
    make_prompt(project)
    tasks = []
    for _ in range(3):
        tasks.append(claimed(project, join(project)))
        claims.skip(tasks[-1], "too long")

    def attempt(task: Assignment) -> str:
        try:
            return str(skips.take_up(task).state)
        except Conflict as error:
            return error.code

    assert sorted(at_once([partial(attempt, task) for task in tasks])) == ["claimed", "no_slot", "no_slot"]


class TestListed:
    def test_each_says_whether_it_can_be_taken_up(self, project: Project, labeler: User) -> None:
        other = join(project)
        prompts = [make_prompt(project) for _ in range(6)]
        mine = [claimed(project, labeler)]
        for _ in range(5):
            claims.skip(mine[-1], "too long")
            mine.append(claimed(project, labeler))
        claims.cannot_rank(mine[-1], "broken")
        taken = claimed(project, other)
        rankings.submit(taken, {"tiers": tiers_of(taken)})  # the first
        claimed(project, other)  # the second
        withdrawals.withdraw(project, [prompts[2].external_id])
        revise(project, prompts[3], base=1, by=None, messages=[{"role": "user", "content": "Another?"}])
        listed = {skip.prompt_id: skip.can_take_up for skip in skips.skipped_by(labeler, project)}
        first, second, _withdrawn, revised, free, held = (prompt.pk for prompt in prompts)
        assert listed == {first: False, second: False, revised: False, free: True, held: False}
        assert not skips.skipped_by(other, project).exists()

    def test_what_it_says_is_what_is_done(self, project: Project, labeler: User) -> None:
        for _ in range(3):
            make_prompt(project)
            claims.skip(claimed(project, labeler), "too long")
        claimed(project, join(project))
        for skip in skips.skipped_by(labeler, project):
            taken_up = skip.can_take_up
            try:
                skips.take_up(skip)
            except Conflict:
                assert not taken_up
            else:
                assert taken_up


class TestNobodyIsLeft:
    def test_it_is_so_once_each_active_member_has_ranked_or_skipped_it(self, project: Project) -> None:
        Membership.objects.all().delete()
        Project.objects.update(overlap=5)
        prompt = make_prompt(project)
        skipping, ranking, gone, last = (join(project) for _ in range(4))
        Prompt.objects.update(overlap=5)
        claims.skip(claimed(project, skipping), "too long")
        rank(project, ranking)
        User.objects.filter(pk=gone.pk).update(is_active=False)
        assert skips.others_can_have(prompt)
        at_work = claimed(project, last)
        assert skips.others_can_have(prompt)
        claims.skip(at_work, "not my field")
        assert not skips.others_can_have(prompt)
        join(project)
        assert skips.others_can_have(prompt)

    def test_where_all_have_left_nobody_is(self, project: Project) -> None:
        prompt = make_prompt(project)
        assert skips.others_can_have(prompt)
        Membership.objects.all().delete()
        assert not skips.others_can_have(prompt)

    def test_in_a_large_project_it_looks_at_few_members(self, project: Project, task: Assignment) -> None:
        """As many as had the prompt, and one more."""
        people = User.objects.bulk_create(User(username=f"member{n}") for n in range(3_000))
        Membership.objects.bulk_create(Membership(project=project, user=user, role="labeler") for user in people)
        claims.skip(task, "too long")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        with CaptureQueriesContext(connection) as queries:
            assert skips.others_can_have(task.prompt)
        assert len(queries) == 1
        plan = skips.nobody_left(Prompt.objects.filter(pk=task.prompt_id)).explain(analyze=True)
        assert "rows=3000" not in plan, plan
