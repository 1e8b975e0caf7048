"""The first page of somebody who ranks: their own day and week, what is begun, and nothing of anybody else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.models import Assignment, Project, Ranking, User
from labeling.people import members
from labeling.projects.own_work import own_work
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = factories.make_project(manager=factories.make_user("mara"), slug="work", overlap=9)
    for place in range(6):
        factories.make_prompt(project, question=f"Question {place}?")
    return project


@pytest.fixture
def lena(project: Project) -> User:
    return factories.join(project, username="lena")


def home(user: User) -> str:
    client = Client()
    client.force_login(user)
    return " ".join(re.sub(r"<[^>]+>", " ", client.get("/").content.decode()).split())


def timed(rankings: list[Ranking], *seconds: float) -> None:
    for ranking, each in zip(rankings, seconds, strict=True):
        Ranking.objects.filter(pk=ranking.pk).update(active_seconds=each)


def test_it_says_what_a_person_did_today_and_this_week(project: Project, lena: User) -> None:
    done = factories.rank_next(project, lena, 4)
    timed(done, 50.0, 66.0, 10.0, 10.0)
    Ranking.objects.filter(pk=done[2].pk).update(created_at=timezone.now() - timedelta(days=2))
    Ranking.objects.filter(pk=done[3].pk).update(created_at=timezone.now() - timedelta(days=9))
    html = home(lena)
    assert "You did 2 today, 58 s each; 3 in the last seven days." in html
    assert "Rankings a day" in html
    assert "2 today 3 in the last seven days" in html


def test_a_goal_stands_beside_it_and_is_reached(project: Project, lena: User) -> None:
    User.objects.filter(pk=lena.pk).update(daily_goal=2)
    factories.rank_next(project, lena, 1)
    assert "You did 1 of 2 today" in home(lena)
    factories.rank_next(project, lena, 1)
    assert "Your goal for today is reached." in home(lena)


def test_whoever_did_nothing_is_told_so_and_a_manager_is_not(project: Project, lena: User) -> None:
    assert "Nothing done in the last two weeks." in home(lena)
    assert "You did" not in home(User.objects.get(username="mara"))


def test_a_task_that_is_begun_is_led_to_until_its_lease_ends(project: Project, lena: User) -> None:
    task = factories.claimed(project, lena)
    assert "A task is begun" not in home(lena)
    Assignment.objects.filter(pk=task.pk).update(draft={"ranks": {}})
    assert "A task is begun: go on" in home(lena)
    Assignment.objects.filter(pk=task.pk).update(expires_at=timezone.now())
    assert "A task is begun" not in home(lena)


def test_it_says_nothing_of_others(project: Project, lena: User) -> None:
    otto = factories.join(project, username="otto")
    before = own_work(lena, [project.pk])
    timed(factories.rank_next(project, otto, 3), 1.0, 1.0, 1.0)
    Assignment.objects.filter(pk=factories.claimed(project, otto).pk).update(draft={"ranks": {}})
    assert own_work(lena, [project.pk]) == before
    assert "otto" not in home(lena)


def test_of_a_project_that_somebody_left_it_says_nothing(project: Project, lena: User) -> None:
    factories.rank_next(project, lena, 1)
    members.remove_member(project, username="lena")
    assert "You did" not in home(lena)


def test_imported_and_replaced_rankings_are_not_the_days(project: Project, lena: User) -> None:
    one, other, _last = factories.rank_next(project, lena, 3)
    Ranking.objects.filter(pk=one.pk).update(source="imported")
    other.pairs.all().delete()
    Ranking.objects.filter(pk=other.pk).update(live=False)
    work = own_work(lena, [project.pk])
    assert (work.today, work.week, work.today_in) == (1, 1, {project.pk: 1})
    assert work.seconds is None


def test_it_is_two_statements_in_however_many_projects(project: Project, lena: User) -> None:
    costs = []
    for slug in ("one", "two"):
        more = factories.make_project(slug=slug)
        factories.make_prompt(more)
        more.memberships.create(user=lena, role="labeler")
        factories.rank_next(more, lena, 1)
        with CaptureQueriesContext(connection) as context:
            own_work(lena, Project.objects.values_list("pk", flat=True))
        costs.append(len(context))
    assert costs[0] == costs[1] == 3
