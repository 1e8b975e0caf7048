"""How a project moves: rankings a day, and the day on which it is done at this pace."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from labeling.models import Project, Ranking
from labeling.models.rankings import given
from labeling.projects import counters

DAYS_SHOWN = 14
PACE_DAYS = 7
# Fewer say nothing about a pace, and a day further away than this says nothing to a person.
PACE_LEAST_RANKINGS, PACE_LEAST_DAYS, FORECAST_MOST_DAYS = 10, 2, 730
CHART_HEIGHT = 100


@dataclass(frozen=True)
class Day:
    """One column of the drawing: the rankings of a day, and how tall they stand beside the best day's."""

    day: date
    rankings: int
    place: int
    height: float
    url: str = ""  # of these rankings, where a page leads to them

    @property
    def top(self) -> float:
        """Measures downwards, as SVG counts."""
        return round(CHART_HEIGHT - self.height, 1)


def rankings_a_day(project: Project, *, labeler: int | None = None) -> list[Day]:
    """Counts the answers of the last days, whatever became of them after.

    Oldest first, today last; days without one too. labeler: the key of an account, whose answers alone are counted.
    """
    return days_of(_counts(project, DAYS_SHOWN, labeler=labeler))


def days_of(counts: Mapping[date, int]) -> list[Day]:
    """Draws the last days of which these were counted."""
    shown = _last_days(DAYS_SHOWN)
    most = max((counts.get(day, 0) for day in shown), default=0) or 1
    return [
        Day(day, counts.get(day, 0), place, round(CHART_HEIGHT * counts.get(day, 0) / most, 1))
        for place, day in enumerate(shown)
    ]


def begin(days: int = DAYS_SHOWN) -> datetime:
    """Gives when the first of the last days began."""
    return timezone.make_aware(datetime.combine(_last_days(days)[0], time.min))


def is_a_curve(days: Sequence[Day]) -> bool:
    """One day's column shows nothing that its number doesn't say."""
    return sum(day.rankings > 0 for day in days) > 1


def done_on(project: Project) -> date | None:
    """Estimates the day on which the last prompt is ranked if people go on as in the last week. None if nobody can
    say."""
    counts = _counts(project, PACE_DAYS)
    rankings = sum(counts.values())
    if rankings < PACE_LEAST_RANKINGS or len(counts) < PACE_LEAST_DAYS:
        return None
    days = math.ceil(counters.of(project).total.missing * PACE_DAYS / rankings)
    return timezone.localdate() + timedelta(days=days) if 0 < days <= FORECAST_MOST_DAYS else None


def time_for(project: Project, rankings: int) -> timedelta | None:
    """Estimates how long so many rankings take if people go on as in the last week. None if nobody can say."""
    counts = _counts(project, PACE_DAYS)
    made = sum(counts.values())
    if made < PACE_LEAST_RANKINGS or len(counts) < PACE_LEAST_DAYS:
        return None
    return timedelta(days=PACE_DAYS) * rankings / made


def _counts(project: Project, days: int, *, labeler: int | None = None) -> dict[date, int]:
    """Counts the answers that people gave here, by day; days without one are left out."""
    since = _last_days(days)[0]
    made = Ranking.objects.filter(given(), project=project, source=Ranking.Source.LABELED)
    if labeler is not None:  # found by the time of day: a day's beginning is what the index knows
        made = made.filter(labeler=labeler, created_at__gte=begin(days))
    by_day = made.annotate(day=TruncDate("created_at")).filter(day__gte=since).values("day").annotate(n=Count("pk"))
    return dict(by_day.values_list("day", "n"))


def _last_days(days: int) -> Sequence[date]:
    today = timezone.localdate()
    return [today - timedelta(days=before) for before in range(days - 1, -1, -1)]
