"""What becomes of cases when somebody is removed, deactivated or erased, or all their work is withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.data.leaving import erasure_worker, erasures
from labeling.data.reviewing import acts, cases, decisions, leavers, sent_back
from labeling.data.withdrawing import work
from labeling.errors import Conflict, PodiumError
from labeling.models import Membership, Project, Prompt, Ranking, ReviewAct, ReviewCase, Role, User
from labeling.people import deactivation, members
from labeling.queue import claims
from tests.factories import claimed, join, make_project, make_prompt, rank, tiers_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(overlap=2)
    make_prompt(project, k=3)
    return project


@pytest.fixture
def ann(project: Project) -> User:
    return join(project, username="ann")


@pytest.fixture
def reviewer(project: Project) -> User:
    return join(project, Role.REVIEWER, username="rita")


@pytest.fixture
def case(project: Project, ann: User, reviewer: User) -> ReviewCase:
    """Ann and Bob disagree, and Ann is asked to look again."""
    rank(project, ann, [1, 2, 3])
    rank(project, join(project, username="bob"), [3, 2, 1])
    found = cases.cases_of(project).get()
    acts.send_back(found, Ranking.objects.get(labeler=ann), by=reviewer, words="Look at B again.")
    return found


def removed(project: Project, person: User) -> None:
    members.remove_member(project, username=person.username)


def deactivated(project: Project, person: User) -> None:
    deactivation.deactivate(person, by=None)


def withdrawn(project: Project, person: User) -> None:
    work.withdraw(project, person, by=None)


def erased(project: Project, person: User) -> None:
    erasures.request_erasure(person, confirm=person.username, by=None)
    erasure_worker.work_all()


def erased_with_work(project: Project, person: User) -> None:
    erasures.request_erasure(person, confirm=person.username, by=None, with_work=True)
    erasure_worker.work_all()


LEAVE = [removed, deactivated, withdrawn, erased, erased_with_work]


class TestWhatWasSentBack:
    @pytest.mark.parametrize("leave", LEAVE)
    def test_it_returns_at_once_and_a_reviewer_goes_on(
        self, project: Project, case: ReviewCase, ann: User, reviewer: User, leave: Callable[[Project, User], None]
    ) -> None:
        leave(project, ann)
        back = cases.cases_of(project).get()
        assert (back.pk, back.state, back.awaits_id, back.sent_back_id) == (case.pk, "open", None, None)
        assert [act.act for act in cases.trail(back)] == ["opened", "sent_back", "returned"]
        assert not sent_back.sent_back_to(ann).exists()
        leave(project, ann) if leave in (deactivated, withdrawn) else None  # twice
        assert ReviewAct.objects.filter(act="returned").count() == 1
        task = decisions.task_for(back, reviewer)
        decisions.decide(back, task, {"tiers": tiers_of(task, [2, 1, 3])}, by=reviewer)
        assert [each.labeler_id for each in Ranking.objects.filter(live=True)] == [reviewer.pk]

    def test_who_leaves_another_project_still_has_it(self, case: ReviewCase, ann: User) -> None:
        other = make_project()
        Membership.objects.create(project=other, user=ann, role=Role.LABELER)
        removed(other, ann)
        assert sent_back.sent_back_to(ann).get().pk == case.pk

    def test_another_persons_leaving_changes_nothing(self, project: Project, case: ReviewCase, ann: User) -> None:
        removed(project, User.objects.get(username="bob"))
        assert ReviewCase.objects.get().state == "sent_back"

    @pytest.mark.parametrize("leave", [removed, deactivated])
    def test_nothing_is_sent_to_whoever_has_left(
        self, project: Project, case: ReviewCase, ann: User, reviewer: User, leave: Callable[[Project, User], None]
    ) -> None:
        leave(project, ann)
        hers = Ranking.objects.get(labeler=ann)
        with pytest.raises(Conflict) as refused:
            acts.send_back(cases.cases_of(project).get(), hers, by=reviewer, words="Look again.")
        assert refused.value.code == "labeler_gone"

    def test_what_was_erased_of_her_is_in_no_trail(self, project: Project, case: ReviewCase, ann: User) -> None:
        sent_back.stays(Ranking.objects.get(labeler=ann).assignment, "I, Ann, am sure.")
        erased(project, ann)
        assert not ReviewAct.objects.filter(words__contains="Ann").exists()
        assert "ann" not in {act.by.username for act in cases.trail(case) if act.by}

    def test_a_reviewer_who_leaves_leaves_the_case(self, project: Project, case: ReviewCase, reviewer: User) -> None:
        removed(project, reviewer)
        assert ReviewCase.objects.get().state == "sent_back"
        assert [act.by and act.by.username for act in cases.trail(case)][1:] == ["rita"]


class TestNobodyIsLeft:
    @pytest.fixture
    def skipped(self, project: Project, ann: User) -> Prompt:
        """Ann skipped it; only Bob has not had it."""
        join(project, username="bob")
        assert project.created_by is not None
        for person in (ann, project.created_by):
            claims.skip(claimed(project, person), "Not my field")
        return Prompt.objects.get()

    @pytest.mark.parametrize("leave", [removed, deactivated, erased])
    def test_the_last_one_leaves_and_a_case_opens(
        self, project: Project, skipped: Prompt, leave: Callable[[Project, User], None]
    ) -> None:
        leavers.look()
        assert not cases.cases_of(project).exists()
        leave(project, User.objects.get(username="bob"))
        leavers.look()
        [case] = cases.cases_of(project)
        assert (case.reason, case.prompt_id) == ("skipped", skipped.pk)
        leavers.look()
        assert ReviewCase.objects.count() == 1

    def test_so_does_the_work_of_one_who_had_left(self, project: Project, skipped: Prompt) -> None:
        Prompt.objects.update(overlap=1)
        bob = User.objects.get(username="bob")
        rank(project, bob)
        removed(project, bob)
        leavers.look()
        assert not cases.cases_of(project).exists()
        withdrawn(project, bob)
        leavers.look()
        assert cases.cases_of(project).get().reason == "skipped"

    def test_what_a_reviewer_left_as_it_is_stays_closed(
        self, project: Project, skipped: Prompt, reviewer: User
    ) -> None:
        removed(project, reviewer)
        removed(project, User.objects.get(username="bob"))
        leavers.look()
        assert project.created_by is not None
        acts.leave(cases.cases_of(project).get(), by=project.created_by)
        join(project, username="cleo")
        removed(project, User.objects.get(username="cleo"))
        leavers.look()
        assert not cases.cases_of(project).exists()

    def test_of_many_prompts_some_are_looked_at_at_once_and_none_is_forgotten(
        self, project: Project, skipped: Prompt, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leavers, "AT_ONCE", 3)
        assert project.created_by is not None
        for _ in range(7):
            make_prompt(project)
            for person in (ann, project.created_by):
                claims.skip(claimed(project, person), "Not my field")
        removed(project, User.objects.get(username="bob"))
        leavers.look(seconds=0)
        project.refresh_from_db()
        assert project.look_after == leavers.BEGUN
        leavers.look()
        assert cases.cases_of(project, reason="skipped").count() == 8
        project.refresh_from_db()
        assert project.look_after is None

    def test_who_leaves_while_it_is_looked_begins_it_anew(self, project: Project, skipped: Prompt) -> None:
        Project.objects.update(look_after=leavers.BEGUN)
        removed(project, User.objects.get(username="bob"))
        project.refresh_from_db()
        assert project.look_after == 0

    def test_where_nobody_left_it_costs_one_statement(self, project: Project, skipped: Prompt) -> None:
        with CaptureQueriesContext(connection) as statements:
            leavers.look()
        assert len(statements) == 1


@pytest.mark.django_db(transaction=True)
def test_who_is_removed_while_an_answer_is_sent_back_awaits_nothing() -> None:
    """Whichever comes first: nothing is sent to somebody who has left, and nothing stays with them."""
    project = make_project(overlap=2)
    reviewer = join(project, Role.REVIEWER)
    told = []
    for number in range(4):
        make_prompt(project, k=2)
        first, second = join(project), join(project)
        hers = rank(project, first, [1, 2])
        rank(project, second, [2, 1])
        case = cases.cases_of(project).filter(prompt=hers.prompt_id).get()
        send = partial(acts.send_back, case, hers, by=reviewer, words="Look.")
        leave = partial(removed if number % 2 else deactivated, project, first)
        told += at_once([partial(_told, send), partial(_told, leave)])
    assert set(told) <= {"done", "labeler_gone"}
    assert not ReviewCase.objects.filter(state="sent_back").exists()


def _told(act: Callable[[], object]) -> str:
    try:
        act()
    except PodiumError as error:
        return error.code
    return "done"


def test_an_answer_taken_back_at_once_is_awaited_no_more(project: Project, case: ReviewCase, ann: User) -> None:
    """She undoes her ranking within 30 seconds, and answers anew: that is the answer."""
    task = Ranking.objects.get(labeler=ann).assignment
    task = rankings.withdraw(task)
    rankings.submit(task, {"tiers": tiers_of(task, [3, 2, 1])})
    assert [act.act for act in cases.trail(case)][1:] == ["sent_back", "changed"]
    assert ReviewCase.objects.get().state == "open"
