"""What checks do to whoever answered them: counted by a worker, warned, paused, and let go on."""

from __future__ import annotations

from functools import partial

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from labeling.answers import rankings
from labeling.models import Assignment, CheckResult, GoldAnswer, Membership, Project, Prompt, Ranking, Role, User
from labeling.projects.projects import update_project
from labeling.quality.checks import acting, golds, results
from labeling.quality.checks.verdicts import GOLD_MARKS, REPEAT_MARKS
from labeling.queue import claims, slots
from tests.factories import claimed, join, make_project, make_prompt, rank, tiers_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
RIGHT, WRONG, HALF = (1, 2, 3, 4), (4, 3, 2, 1), (1, 1, 1, 1)


def make_gold(project: Project) -> Prompt:
    prompt = make_prompt(project)
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    known = golds.Known({key: place for place, key in enumerate(keys, start=1)})
    golds.make(project, prompt, known, source=GoldAnswer.Source.TYPED, by=None)
    return prompt


def serve(prompt: Prompt, labeler: User, purpose: str = "gold") -> Assignment:
    """Gives a check as the queue does, without waiting for the draw."""
    return Assignment.objects.create(
        prompt=prompt, labeler=labeler, purpose=purpose, slot=1, overlap=prompt.overlap, seed=7,
        shown_order=slots.shuffled(prompt.completions.values_list("pk", flat=True), 7), expires_at=timezone.now(),
    )  # fmt: skip


def answer(prompt: Prompt, labeler: User, ranks: tuple[int, ...], purpose: str = "gold") -> Assignment:
    task = serve(prompt, labeler, purpose)
    rankings.submit(task, {"tiers": tiers_of(task, ranks)})
    return task


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


def member(project: Project, labeler: User) -> Membership:
    return Membership.objects.get(project=project, user=labeler)


class TestCounting:
    def test_an_answer_is_counted_against_what_is_known(self, project: Project, labeler: User) -> None:
        for ranks, right in ((RIGHT, 6), (WRONG, 0), (HALF, 3), ((2, 1, 3, 4), 5)):
            task = answer(make_gold(project), labeler, ranks)
            acting.look(project.pk)
            counted = CheckResult.objects.get(assignment=task)
            assert (counted.comparisons, counted.right) == (6, right)
        assert acting.look() == 0

    def test_a_repeat_is_counted_against_the_first_answer(self, project: Project, labeler: User) -> None:
        make_prompt(project)
        first = rank(project, labeler, (2, 1, 3, 4))
        answer(first.prompt, labeler, RIGHT, "repeat")
        acting.look()
        counted = CheckResult.objects.get()
        assert (counted.purpose, counted.comparisons, counted.right) == ("repeat", 6, 5)

    def test_a_changed_answer_and_a_changed_gold_are_counted_anew(self, project: Project, labeler: User) -> None:
        prompt = make_gold(project)
        task = answer(prompt, labeler, WRONG)
        acting.look()
        rankings.amend(task, {"tiers": tiers_of(task)})
        acting.look()
        assert CheckResult.objects.get().right == 6
        keys = list(prompt.completions.order_by("position").values_list("pk", flat=True))
        other = golds.Known({key: 4 - at for at, key in enumerate(keys)})
        golds.make(project, prompt, other, source=GoldAnswer.Source.TYPED, by=None)
        acting.look()
        assert CheckResult.objects.get().right == 0
        golds.take_back(project, prompt)
        acting.look()
        assert CheckResult.objects.get().comparisons is None
        assert results.checks_of(project, labeler.pk, "gold") == []

    def test_flags_of_gold_are_comparisons_too(self) -> None:
        project = make_project(kind="classification", flags=[{"name": "hateful", "label": "Hateful"}])
        labeler, prompt = join(project), make_prompt(project, k=1)
        key = prompt.completions.get().pk
        known = golds.Known(flags={key: {"hateful": True}})
        golds.make(project, prompt, known, source=GoldAnswer.Source.TYPED, by=None)
        task = serve(prompt, labeler)
        [[name]] = tiers_of(task)
        rankings.submit(task, {"tiers": [[name]], "flags": {name: {"hateful": False}}})
        acting.look()
        counted = CheckResult.objects.get()
        assert (counted.comparisons, counted.right) == (1, 0)


class TestActing:
    def fail(self, project: Project, labeler: User, n: int, ranks: tuple[int, ...] = WRONG) -> None:
        for _ in range(n):
            answer(make_gold(project), labeler, ranks)
        acting.look()

    def test_whoever_fails_is_paused_and_gets_no_new_task_but_finishes_theirs(
        self, project: Project, labeler: User
    ) -> None:
        make_prompt(project)
        make_prompt(project)
        held = claimed(project, labeler)
        self.fail(project, labeler, 20)
        assert member(project, labeler).pause == Membership.Pause.PAUSED
        assert claimed(project, labeler) == held
        rankings.submit(held, {"tiers": tiers_of(held)})
        assert claims.claim(project, labeler) is None
        assert claims.queue_reason(project, labeler).reason == "paused_you"

    def test_nothing_happens_to_whoever_is_right_or_answered_few(self, project: Project, labeler: User) -> None:
        self.fail(project, labeler, 20, RIGHT)
        other = join(project)
        self.fail(project, other, 5)
        for person in (labeler, other):
            assert (member(project, person).pause, member(project, person).warned_at) == ("", None)

    def test_a_mark_of_zero_does_nothing_and_a_stop_is_the_managers_to_take_back(
        self, project: Project, labeler: User
    ) -> None:
        Project.objects.filter(pk=project.pk).update(gold_warn=0, gold_pause=0)
        self.fail(project, labeler, 20)
        assert (member(project, labeler).pause, member(project, labeler).warned_at) == ("", None)
        Project.objects.filter(pk=project.pk).update(gold_stop=50)
        self.fail(project, labeler, 1)
        assert member(project, labeler).pause == Membership.Pause.STOPPED
        with pytest.raises(PermissionDenied):
            acting.resume(project, labeler, by=join(project, Role.REVIEWER))
        assert acting.resume(project, labeler, by=join(project, Role.MANAGER))

    def test_whoever_goes_on_is_judged_by_what_comes_then(self, project: Project, labeler: User) -> None:
        make_prompt(project)
        self.fail(project, labeler, 20)
        reviewer = join(project, Role.REVIEWER)
        assert acting.resume(project, labeler, by=reviewer)
        assert not acting.resume(project, labeler, by=reviewer)
        self.fail(project, labeler, 1)
        assert member(project, labeler).pause == ""
        assert claims.claim(project, labeler) is not None

    def test_a_warning_is_seen_first(self, project: Project, labeler: User) -> None:
        Project.objects.filter(pk=project.pk).update(gold_pause=0)
        self.fail(project, labeler, 20)
        found = member(project, labeler)
        assert found.pause == ""
        assert found.warned_at is not None
        assert [row.user_id for row in acting.waiting_for_a_decision(project)] == [labeler.pk]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_count_each_check_once_and_act_once() -> None:
    project = make_project()
    labeler = join(project)
    for _ in range(20):
        answer(make_gold(project), labeler, WRONG)
    at_once([partial(acting.look, project.pk)] * 2)
    assert not CheckResult.objects.filter(scored_at=None).exists()
    assert member(project, labeler).pause == Membership.Pause.PAUSED
    assert Ranking.objects.filter(live=True).count() == 0


def test_a_new_project_judges_by_the_marks_that_were_simulated() -> None:
    assert results.marks_of(make_project()) == (GOLD_MARKS, REPEAT_MARKS)


def test_a_projects_own_marks_are_in_percent_and_none_is_0() -> None:
    project = update_project(make_project(), gold_warn=0, gold_pause=65, repeat_stop=40, check_fewest=25)
    of_golds, of_repeats = results.marks_of(project)
    assert (of_golds.warn, of_golds.pause, of_golds.stop, of_golds.fewest) == (None, 0.65, None, 25)
    assert (of_repeats.stop, of_repeats.fewest, of_repeats.least) == (0.4, 25, REPEAT_MARKS.least)
