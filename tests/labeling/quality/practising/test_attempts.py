"""Qualification: attempts that are begun, answered and counted, whom they let rank, and whom they stop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.answers import rankings
from labeling.data.bulk import setting_changes
from labeling.errors import Conflict, Invalid, Missing, PodiumError
from labeling.models import (
    Assignment,
    GoldAnswer,
    Membership,
    Project,
    QualificationAnswer,
    QualificationAttempt,
    Ranking,
    Role,
    User,
)
from labeling.projects import changes, projects
from labeling.quality.checks import golds
from labeling.quality.practising import attempts, standing
from labeling.queue import claims
from tests.factories import claimed, join, make_project, make_prompt, tiers_of
from tests.labeling.quality.practising.test_items import make_item
from tests.threads import at_once

pytestmark = pytest.mark.django_db
ALL = 10  # of the project's items


def make_asking(items: int = 2, *, wait: int = 0, tries: int = 3, of: int = ALL) -> Project:
    project = make_project()
    for _ in range(of):
        make_item(project)
    for _ in range(4):
        make_prompt(project)
    said = {"qualify_items": items, "qualify_wait_hours": wait, "qualify_attempts": tries, "qualify_percent": 70}
    return projects.update_project(project, **said)


@pytest.fixture
def project() -> Project:
    return make_asking()


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


def answer(project: Project, labeler: User, number: int, place: int, *, right: bool) -> QualificationAnswer:
    """Ranks the item as its gold has it, or the other way round."""
    _row, item = attempts.find(project, labeler, number, place)
    assert item is not None
    names = {each.pk: name for name, each in item.completions.items()}
    best_first = [[names[key]] for key in sorted(item.ranks(), key=item.ranks().__getitem__, reverse=not right)]
    return attempts.answer(project, labeler, number, place, {"tiers": best_first, "flags": {}})


def attempt(project: Project, labeler: User, *right: bool) -> QualificationAttempt:
    begun = attempts.begin(project, labeler)
    for place, is_right in enumerate(right, start=1):
        answer(project, labeler, begun.number, place, right=is_right)
    begun.refresh_from_db()
    return begun


def member(project: Project, labeler: User) -> Membership:
    return Membership.objects.get(project=project, user=labeler)


def stands(project: Project, labeler: User) -> standing.Standing:
    return standing.standing_of(project, member(project, labeler))


class TestTheQueue:
    def test_nobody_gets_a_task_before_they_passed_and_all_get_one_then(self, project: Project, labeler: User) -> None:
        assert claims.claim(project, labeler) is None
        assert claims.queue_reason(project, labeler).reason == "not_qualified"
        assert not attempt(project, labeler, False, False).passed
        assert claims.claim(project, labeler) is None
        assert attempt(project, labeler, True, True).passed
        assert member(project, labeler).qualified == "passed"
        assert claimed(project, labeler)
        assert not Ranking.objects.exists()
        assert Assignment.objects.count() == 1

    @pytest.mark.parametrize("role", [Role.REVIEWER, Role.MANAGER])
    def test_it_is_asked_of_labelers_alone(self, project: Project, role: Role) -> None:
        other = join(project, role)
        assert claims.claim(project, other) is not None
        assert not stands(project, other).is_asked
        with pytest.raises(Conflict, match="You need no qualification"):
            attempts.begin(project, other)
        administrator = User.objects.create_superuser("root", password="x" * 20)
        assert claims.claim(project, administrator) is not None

    def test_a_claim_is_one_statement_and_so_is_why_there_is_none(self, project: Project, labeler: User) -> None:
        for act in (claims.claim, claims.queue_reason):
            with CaptureQueriesContext(connection) as queries:
                act(project, labeler)
            assert len(queries) == 1

    def test_what_is_held_is_finished_and_a_pause_is_said_first(self, project: Project, labeler: User) -> None:
        standing.let_pass(project, labeler)
        task = claimed(project, labeler)
        standing.ask_again(project, labeler)
        assert claimed(project, labeler) == task
        assert rankings.submit(task, {"tiers": tiers_of(task)}).created
        assert claims.claim(project, labeler) is None
        Project.objects.update(paused_at=timezone.now(), pause_reason="why")
        assert claims.queue_reason(project, labeler).reason == "paused"

    def test_without_prompts_it_is_asked_already(self, project: Project, labeler: User) -> None:
        project.prompts.filter(gold_at=None).delete()
        assert claims.queue_reason(project, labeler).reason == "not_qualified"
        standing.let_pass(project, labeler)
        assert claims.queue_reason(project, labeler).reason == "no_prompts"


class TestAnAttempt:
    def test_it_is_the_share_of_all_comparisons_that_is_held_against_the_mark(
        self, project: Project, labeler: User
    ) -> None:
        over = attempt(project, labeler, True, False)
        assert (over.items, over.comparisons, over.right, over.passed) == (2, 12, 6, False)
        assert over.low is not None
        assert over.high is not None
        assert over.low < 0.5 < over.high
        projects.update_project(project, qualify_percent=50)
        assert attempt(project, labeler, False, True).passed

    def test_the_mark_is_that_of_its_beginning(self, project: Project, labeler: User) -> None:
        begun = attempts.begin(project, labeler)
        projects.update_project(project, qualify_percent=1)
        for place in (1, 2):
            answer(project, labeler, begun.number, place, right=place == 1)
        begun.refresh_from_db()
        assert (begun.percent, begun.passed) == (70, False)

    def test_a_tie_is_half_right(self, project: Project, labeler: User) -> None:
        begun = attempts.begin(project, labeler)
        _row, item = attempts.find(project, labeler, begun.number, 1)
        assert item is not None
        tied = {"tiers": [list(item.completions)], "flags": {}}
        row = attempts.answer(project, labeler, begun.number, 1, tied)
        assert (row.comparisons, row.right) == (6, 3)

    def test_an_open_one_goes_on_where_it_was(self, project: Project, labeler: User) -> None:
        begun = attempts.begin(project, labeler)
        assert attempts.begin(project, labeler) == begun
        assert attempts.next_place(begun) == 1
        answer(project, labeler, begun.number, 1, right=True)
        assert attempts.begin(project, labeler) == begun
        assert attempts.next_place(begun) == 2
        assert QualificationAnswer.objects.count() == 2

    def test_what_was_answered_stays_whatever_is_sent_then(self, project: Project, labeler: User) -> None:
        begun = attempts.begin(project, labeler)
        first = answer(project, labeler, begun.number, 1, right=False)
        assert answer(project, labeler, begun.number, 1, right=True).right == first.right == 0

    def test_later_attempts_have_other_items_as_long_as_there_are_some(self, project: Project, labeler: User) -> None:
        projects.update_project(project, qualify_attempts=6)
        had: list[int] = []
        for _ in range(6):
            over = attempt(project, labeler, False, False)
            had += over.answers.order_by("place").values_list("prompt", flat=True)
        assert len(set(had[:ALL])) == ALL
        assert set(had[ALL:]) <= set(had[:2])  # those of the first attempt

    def test_there_are_so_many_and_each_waits_its_hours(self) -> None:
        project = make_asking(wait=24, tries=2)
        labeler = join(project)
        attempt(project, labeler, False, False)
        found = stands(project, labeler)
        assert (found.left, found.may_begin) == (1, False)
        assert found.next_at is not None
        assert found.next_at > timezone.now() + timedelta(hours=23)
        with pytest.raises(Conflict, match="too soon"):
            attempts.begin(project, labeler)
        QualificationAttempt.objects.update(finished_at=F("finished_at") - timedelta(days=1))
        attempt(project, labeler, False, False)
        QualificationAttempt.objects.update(finished_at=F("finished_at") - timedelta(days=1))
        with pytest.raises(Conflict, match="no attempt left"):
            attempts.begin(project, labeler)
        assert [each.user_id for each in standing.waiting_for_a_decision(project)] == [labeler.pk]

    def test_what_is_no_item_any_more_is_left_out_and_the_rest_counts(self, project: Project, labeler: User) -> None:
        begun = attempts.begin(project, labeler)
        answer(project, labeler, begun.number, 1, right=True)
        [waiting] = begun.answers.filter(answered_at=None)
        golds.take_back(project, waiting.prompt)
        assert attempts.find(project, labeler, begun.number, 2)[1] is None
        with pytest.raises(Missing, match="took this item back"):
            attempts.answer(project, labeler, begun.number, 2, {"tiers": [], "flags": {}})
        with pytest.raises(Conflict, match="You need no qualification"):
            attempts.begin(project, labeler)
        begun.refresh_from_db()
        assert (begun.items, begun.passed) == (1, True)

    def test_one_of_which_all_items_were_taken_back_is_none(self, project: Project, labeler: User) -> None:
        attempts.begin(project, labeler)
        for gold in GoldAnswer.objects.select_related("prompt"):
            golds.take_back(project, gold.prompt)
        with pytest.raises(Conflict, match="no practice items at present"):
            attempts.begin(project, labeler)
        assert not QualificationAttempt.objects.exists()
        assert stands(project, labeler).left == 3

    def test_nobody_finds_the_items_of_somebody_else(self, project: Project, labeler: User) -> None:
        begun = attempts.begin(project, labeler)
        for person, number, place in ((join(project), 1, 1), (labeler, 2, 1), (labeler, 1, 3)):
            with pytest.raises(Missing):
                attempts.find(project, person, number, place)
        assert begun.number == 1

    def test_beginning_and_answering_cost_the_same_for_whoever_tried_often(self, project: Project) -> None:
        projects.update_project(project, qualify_attempts=100)

        def statements(before: int) -> tuple[int, int]:
            labeler = join(project)
            for _ in range(before):
                attempt(project, labeler, False, False)
            with CaptureQueriesContext(connection) as beginning:
                begun = attempts.begin(project, labeler)
            with CaptureQueriesContext(connection) as answering:
                answer(project, labeler, begun.number, 1, right=True)
            return len(beginning), len(answering)

        assert statements(0) == statements(5)


class TestDecisions:
    def test_somebody_is_let_pass_once(self, project: Project, labeler: User) -> None:
        attempt(project, labeler, False, False)
        assert standing.let_pass(project, labeler)
        assert not standing.let_pass(project, labeler)
        assert member(project, labeler).qualified == "let"
        assert claimed(project, labeler)

    def test_whoever_is_asked_again_has_all_attempts_and_an_open_one_is_gone(
        self, project: Project, labeler: User
    ) -> None:
        for _ in range(3):
            attempt(project, labeler, False, False)
        standing.ask_again(project, labeler)
        assert (stands(project, labeler).left, stands(project, labeler).attempts) == (3, [])
        begun = attempts.begin(project, labeler)
        assert begun.number == 4
        standing.ask_again(project, labeler)
        with pytest.raises(Missing):
            answer(project, labeler, begun.number, 1, right=True)
        assert attempt(project, labeler, True, True).passed
        standing.ask_again(project, labeler)
        assert claims.queue_reason(project, labeler).reason == "not_qualified"
        assert standing.of_people(project, [labeler.pk])[labeler.pk].last is None
        assert standing.waiting_for_a_decision(project) == []


class TestSettings:
    def test_it_is_off_by_default_and_needs_as_many_items(self) -> None:
        project = make_project()
        assert project.qualify_items == 0
        make_item(project)
        with pytest.raises(Invalid, match="qualify_items is 2, and the project has 1 practice item"):
            projects.update_project(project, qualify_items=2)
        project = projects.update_project(Project.objects.get(pk=project.pk), qualify_items=1)
        golds.take_back(project, GoldAnswer.objects.get().prompt)
        assert projects.update_project(project, name="Other", qualify_items=1).name == "Other"
        with pytest.raises(Invalid, match="has 0 practice items"):
            projects.create_project(by=None, slug="new", name="New", qualify_items=1)

    def test_turning_it_on_says_whom_it_would_stop(self, project: Project, labeler: User) -> None:
        Project.objects.update(qualify_items=0)
        project.refresh_from_db()
        passed = join(project)
        standing.let_pass(project, passed)
        join(project, Role.REVIEWER)
        stopped = changes.foresee(project, {"qualify_items": 2}).stopped
        assert (stopped.n, stopped.of) == (1, 2)
        assert changes.foresee(project, {"qualify_items": 2}).is_any
        assert not changes.foresee(project, {"name": "x"}).is_any
        setting_changes.update(project, {"qualify_items": 2}, by=None)
        assert claims.claim(project, labeler) is None
        assert claims.claim(project, passed) is not None
        assert changes.foresee(project, {"qualify_items": 3}).stopped.n == 0

    def test_or_of_new_people_only(self, project: Project, labeler: User) -> None:
        Project.objects.update(qualify_items=0)
        project.refresh_from_db()
        setting_changes.update(project, {"qualify_items": 2}, by=None, only_new_people=True)
        assert member(project, labeler).qualified == "before"
        assert claims.claim(project, labeler) is not None
        assert claims.claim(project, join(project)) is None
        late = join(project)
        setting_changes.update(project, {"qualify_items": 3}, by=None, only_new_people=True)  # is on already
        assert member(project, late).qualified == ""

    def test_one_that_is_refused_spares_nobody(self, project: Project, labeler: User) -> None:
        Project.objects.update(qualify_items=0)
        project.refresh_from_db()
        with pytest.raises(Invalid):
            setting_changes.update(project, {"qualify_items": ALL + 1}, by=None, only_new_people=True)
        assert member(project, labeler).qualified_at is None


def refused(name: str, act: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        act()


def test_the_database_keeps_the_rules(project: Project, labeler: User) -> None:
    begun = attempts.begin(project, labeler)
    tries, answers = QualificationAttempt.objects, QualificationAnswer.objects
    again = {"project": project, "labeler": labeler, "percent": 1, "seed": 1, "started_at": timezone.now()}
    refused("qualification_one_open_attempt", partial(tries.create, number=9, **again))
    refused("qualification_finished_has_its_result", partial(tries.update, finished_at=timezone.now()))
    refused("qualification_right_of_its_comparisons", partial(tries.update, comparisons=1, right=2))
    refused("qualification_answered_is_counted", partial(answers.update, answered_at=timezone.now()))
    refused("qualification_answered_is_counted", partial(answers.update, comparisons=2, right=1))
    refused("qualification_place_once", partial(answers.update, place=1))
    prompt = begun.answers.earliest("pk").prompt_id
    refused("qualification_item_once", partial(answers.create, attempt=begun, prompt_id=prompt, place=7))
    refused("membership_qualified_has_its_moment", partial(Membership.objects.update, qualified="passed"))
    refused("project_qualification_in_its_limits", partial(Project.objects.update, qualify_percent=0))
    attempt(project, labeler, True, True)
    refused("qualification_attempt_once", partial(tries.create, number=1, finished_at=timezone.now(), items=0,
                                                  passed=False, **again))  # fmt: skip
    said = {"ranks": {}, "flags": {}, "comparisons": 1, "right": 2, "answered_at": timezone.now()}
    refused("qualification_answer_right_of_its_comparisons", partial(answers.update, **said))


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_begins_and_each_item_is_answered_once() -> None:
    project = make_asking(items=3, tries=1)
    labeler = join(project)
    begun = at_once([partial(attempts.begin, project, labeler)] * 4)
    assert len({each.pk for each in begun}) == 1
    number = begun[0].number

    def race(place: int, right: bool) -> float | None:
        return answer(project, labeler, number, place, right=right).right

    said = at_once([partial(race, place, right) for place in (1, 2, 3) for right in (True, False)])
    assert [said[at] for at in (0, 2, 4)] == [said[at] for at in (1, 3, 5)]
    [over] = QualificationAttempt.objects.all()
    assert over.right == sum(said[at] or 0 for at in (0, 2, 4))

    def retry() -> str:
        try:
            return f"began {attempts.begin(project, labeler).number}"
        except PodiumError as error:
            return error.code

    assert set(at_once([retry] * 4)) == {"no_attempt"}


@pytest.mark.django_db(transaction=True)
def test_of_retries_at_once_one_is_a_new_attempt_and_asking_again_races_none() -> None:
    project = make_asking(tries=2)
    labeler = join(project)
    attempt(project, labeler, False, False)
    begun = at_once([partial(attempts.begin, project, labeler)] * 4)
    assert {each.number for each in begun} == {2}

    def last() -> str:
        try:
            return str(answer(project, labeler, 2, 1, right=True).pk)
        except PodiumError as error:
            return error.code

    at_once([last, partial(standing.ask_again, project, labeler), last])
    assert not QualificationAttempt.objects.filter(finished_at=None).exists()
    assert stands(project, labeler).left == 2
