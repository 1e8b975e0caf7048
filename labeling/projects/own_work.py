"""What a person did of late in all their projects, and what waits for them: for nobody but themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from labeling.models import Assignment, Ranking, User
from labeling.models.rankings import said
from labeling.projects import pace


@dataclass(frozen=True)
class OwnWork:
    """Answers given here, whatever became of them after.

    seconds: the mean of active seconds today, None where none was measured. today_in, week_in: how many of these are in
    each project, by its key. projects: where any of the days' are. drafts: keys of projects where a task is begun.
    days: the last ones, today last. goal: the person's own, for a day.
    """

    today: int
    week: int
    seconds: float | None
    goal: int | None
    days: list[pace.Day]
    today_in: dict[int, int]
    week_in: dict[int, int]
    projects: set[int]
    drafts: set[int]

    @property
    def most(self) -> int:
        return max(day.rankings for day in self.days)

    @property
    def is_any(self) -> bool:
        return self.most > 0


def own_work(user: User, projects: Iterable[int]) -> OwnWork:
    """Reads it in two statements, of as many rankings as one person makes in two weeks."""
    keys, today = list(projects), timezone.localdate()
    rows = _by_project_and_day(user, keys)
    by_day: Counter[date] = Counter()
    week_in: Counter[int] = Counter()
    week = today - timedelta(days=pace.PACE_DAYS - 1)
    for project, day, n, _timed, _seconds in rows:
        by_day[day] += n
        if day >= week:
            week_in[project] += n
    of_today = [row for row in rows if row[1] == today]
    timed = sum(row[3] for row in of_today)
    return OwnWork(
        today=by_day[today],
        week=sum(week_in.values()),
        seconds=sum(row[4] or 0.0 for row in of_today) / timed if timed else None,
        goal=user.daily_goal,
        days=pace.days_of(by_day),
        today_in={row[0]: row[2] for row in of_today},
        week_in=dict(week_in),
        projects={row[0] for row in rows},
        drafts=_drafts(user, keys),
    )


def _by_project_and_day(user: User, projects: list[int]) -> list[tuple[int, date, int, int, float | None]]:
    """Gives (project, day, rankings, those with active seconds, these seconds)."""
    made = Ranking.objects.filter(
        said(), labeler=user, project__in=projects, source=Ranking.Source.LABELED, created_at__gte=pace.begin()
    )
    by_day = made.annotate(day=TruncDate("created_at")).order_by().values("project", "day")
    counted = by_day.annotate(n=Count("pk"), timed=Count("active_seconds"), seconds=Sum("active_seconds"))
    return list(counted.values_list("project", "day", "n", "timed", "seconds"))


def _drafts(user: User, projects: list[int]) -> set[int]:
    held = Assignment.objects.filter(
        labeler=user, state=Assignment.State.CLAIMED, draft__isnull=False, expires_at__gt=timezone.now()
    )
    return set(held.filter(prompt__project__in=projects).values_list("prompt__project", flat=True))
