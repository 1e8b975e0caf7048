"""Migration 0047 opens cases of what waited before, while labelers are at work: none twice, none lost, nobody stuck."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from labeling.answers import rankings
from labeling.data.reviewing import cases
from labeling.models import Assignment, Project, Prompt, ReviewAct, ReviewCase, User
from labeling.queue import claims, skips
from tests.factories import claimed, join, make_project, make_prompt, rank, tiers_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

backfill: Any = import_module("labeling.migrations.0047_review_of_before")
EACH = 6  # prompts of each kind


@pytest.fixture
def project() -> Project:
    return make_project(overlap=2)


@pytest.fixture
def labelers(project: Project) -> list[User]:
    return [join(project), join(project)]


def fill(project: Project, labelers: list[User]) -> tuple[list[Assignment], list[Assignment], list[Assignment]]:
    """Tasks of prompts that were set aside, of some that two disagree about, and open ones; as before there were
    reviews."""
    for _ in range(3 * EACH):
        make_prompt(project, k=2)
    aside = []
    for _ in range(EACH):
        task = claimed(project, labelers[0])
        claims.cannot_rank(task, "Broken")
        aside.append(task)
    argued = []
    for _ in range(EACH):
        rank(project, labelers[0], [1, 2])
        argued.append(rank(project, labelers[1], [2, 1]).assignment)
    waiting = [claimed(project, join(project)) for _ in range(EACH)]
    ReviewCase.objects.all().delete()
    ReviewAct.objects.all().delete()
    return aside, argued, waiting


def open_cases() -> None:
    with connection.schema_editor(atomic=False) as editor:
        backfill.open_cases(apps, editor)


def one_after_another(acts: list[Callable[[], object]]) -> None:
    for act in acts:
        act()


def agreed(task: Assignment) -> None:
    rankings.amend(task, {"tiers": tiers_of(task, [1, 2])})


def test_labelers_work_on_while_cases_are_opened(
    project: Project, labelers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", 1)
    aside, argued, waiting = fill(project, labelers)
    back, now_agreed = aside[::2], argued[::2]
    at_once(
        [
            open_cases,
            open_cases,  # as where the migration was killed and is run again while its session goes on
            partial(one_after_another, [partial(skips.take_up, task) for task in back]),
            partial(one_after_another, [partial(agreed, task) for task in now_agreed]),
            partial(one_after_another, [partial(claims.cannot_rank, task, "Broken too") for task in waiting]),
        ]
    )
    opened = {case.prompt_id: case.reason for case in cases.cases_of(project)}
    held = set(Prompt.objects.filter(held_at__isnull=False).values_list("pk", flat=True))
    assert {prompt for prompt, reason in opened.items() if reason == "cannot_rank"} == held
    assert held == {task.prompt_id for task in (*aside[1::2], *waiting)}
    # Where two agree by now, their case is open or not, as their answer came after it or before.
    argue = {prompt for prompt, reason in opened.items() if reason == "disagreement"}
    assert {task.prompt_id for task in argued[1::2]} <= argue <= {task.prompt_id for task in argued}
    for case in ReviewCase.objects.all():
        assert [act.act for act in cases.trail(case)].count("opened") == 1
    before = ReviewAct.objects.count()
    open_cases()
    assert ReviewAct.objects.count() == before
