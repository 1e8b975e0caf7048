"""How a project moves: rankings a day, and when it is done at this pace."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.answers import rankings
from labeling.models import Project, Ranking
from labeling.projects import overview, pace
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.make_project(slug="helpful", overlap=2)


def rank_days_ago(project: Project, *days: int) -> None:
    labeler = factories.join(project)
    for ago in days:
        factories.make_prompt(project)
        ranking = factories.rank(project, labeler)
        Ranking.objects.filter(pk=ranking.pk).update(created_at=timezone.now() - timedelta(days=ago))


def test_the_last_two_weeks_are_shown_days_without_a_ranking_too(project: Project) -> None:
    rank_days_ago(project, 0, 0, 3, 20)
    days = pace.rankings_a_day(project)
    assert [day.rankings for day in days] == [0] * 10 + [1, 0, 0, 2]
    assert days[-1].day == timezone.localdate()
    assert (days[-1].height, days[-1].top) == (100.0, 0.0)
    assert (days[-4].height, days[-4].top) == (50.0, 50.0)


def test_one_day_alone_is_no_curve(project: Project) -> None:
    rank_days_ago(project, 0, 0)
    assert not pace.is_a_curve(pace.rankings_a_day(project))
    rank_days_ago(project, 5)
    assert pace.is_a_curve(pace.rankings_a_day(project))


def test_an_empty_project_has_days_and_no_forecast(project: Project) -> None:
    assert [day.height for day in pace.rankings_a_day(project)] == [0.0] * 14
    assert pace.done_on(project) is None


def test_a_forecast_goes_on_as_in_the_last_week(project: Project) -> None:
    rank_days_ago(project, *[1] * 7, *[2] * 7)  # 14 in a week, 14 more are missing
    assert pace.done_on(project) == timezone.localdate() + timedelta(days=7)


@pytest.mark.parametrize("days", [[1, 2, 3], [1] * 12, [9] * 12], ids=["few", "one day", "long ago"])
def test_no_forecast_is_made_of_too_little(project: Project, days: list[int]) -> None:
    rank_days_ago(project, *days)
    assert pace.done_on(project) is None


def test_a_withdrawn_ranking_and_an_imported_one_are_no_work_of_the_day(project: Project) -> None:
    rank_days_ago(project, 0, 0)
    one, two = Ranking.objects.order_by("id")
    rankings.withdraw(one.assignment)
    Ranking.objects.filter(pk=two.pk).update(source=Ranking.Source.IMPORTED)
    assert pace.rankings_a_day(project)[-1].rankings == 0


def test_each_project_is_counted_once_for_the_list(project: Project) -> None:
    other = factories.make_project(slug="other")
    rank_days_ago(project, 0)
    rank_days_ago(other, 0, 0)
    factories.make_prompt(other)
    factories.make_project(slug="empty")
    assert overview.done_counts(Project.objects.all()) == {
        project.pk: overview.Done(0, 1, 1),
        other.pk: overview.Done(2, 0, 3),
    }
