"""What the database refuses of gold, repeats and pauses, whoever writes it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from labeling.models import Assignment, CheckResult, GoldAnswer, Membership, Project, Prompt, Ranking
from tests.factories import join, make_project
from tests.labeling.quality.checks.test_acting import RIGHT, answer, make_gold, serve
from tests.labeling.test_constraints import copy_of, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def task(project: Project) -> Assignment:
    return answer(make_gold(project), join(project), RIGHT)


def test_an_answer_to_a_check_is_never_live(task: Assignment) -> None:
    rankings = Ranking.objects.filter(assignment=task)
    refused("ranking_of_a_check_is_no_data", lambda: rankings.update(live=True))


def test_one_answer_of_a_check_stands(task: Assignment) -> None:
    refused("ranking_one_standing_check", copy_of(Ranking.objects.get(assignment=task), revision=2))


def test_a_purpose_is_known(task: Assignment) -> None:
    refused("assignment_purpose_known", lambda: Assignment.objects.filter(pk=task.pk).update(purpose="x"))
    refused("ranking_purpose_known", lambda: Ranking.objects.filter(assignment=task).update(purpose="x"))
    refused("check_purpose_known", lambda: CheckResult.objects.update(purpose="label"))


def test_nobody_has_a_prompt_as_gold_and_as_a_label_or_as_two_repeats(project: Project) -> None:
    gold, labeler = make_gold(project), join(project)
    task = serve(gold, labeler)
    refused("assignment_one_live_per_labeler", copy_of(task, purpose="label"))
    repeat = serve(gold, labeler, "repeat")
    refused("assignment_one_live_repeat", copy_of(repeat))


def test_checks_take_no_slot_and_labels_do(project: Project) -> None:
    gold = make_gold(project)
    task = serve(gold, join(project))
    serve(gold, join(project))
    serve(gold, join(project), "label")
    refused("assignment_one_live_per_slot", copy_of(task, purpose="label", labeler_id=join(project).pk))


def test_gold_is_held_and_says_where_it_came_from(project: Project) -> None:
    make_gold(project)
    refused("prompt_gold_is_held", lambda: Prompt.objects.update(held_at=None))
    refused("gold_source_known", lambda: GoldAnswer.objects.update(source="x"))


def test_no_more_is_right_than_was_compared(task: Assignment) -> None:
    refused("check_right_of_its_comparisons", lambda: CheckResult.objects.update(comparisons=3, right=4, worth=1))


def test_a_project_asks_for_checks_within_bounds(project: Project) -> None:
    refused("project_checks_at_most_half", lambda: Project.objects.update(gold_percent=51))
    refused("project_marks_are_percents", lambda: Project.objects.update(gold_stop=101))
    refused("project_marks_are_percents", lambda: Project.objects.update(check_fewest=0))


def test_a_pause_has_its_moment(project: Project) -> None:
    refused("membership_pause_has_its_moment", lambda: Membership.objects.update(pause="paused"))
    refused("membership_pause_has_its_moment", lambda: Membership.objects.update(paused_at=timezone.now()))
