"""Where a number of a person leads: to the rankings that it counts."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

from django.urls import reverse

from labeling.models import Project, Ranking
from labeling.people.access import Which


def to_answers(project: Project, labeler: str = "", *, since: date | None = None, until: date | None = None) -> str:
    """Gives the address of the answers that a person, or anybody, gave here, whatever became of them after."""
    made = Ranking.Source.LABELED
    return to_rankings(project, labeler, since=since, until=until, source=made, which=Which.GIVEN)


def to_rankings(
    project: Project,
    labeler: str,
    *,
    since: date | None = None,
    until: date | None = None,
    source: str = "",
    which: Which = Which.STANDING,
) -> str:
    """Gives the address of the list of rankings, narrowed to a person's; both days are of the site's time zone."""
    asked = {
        "labeler": labeler,
        "state": "" if which == Which.STANDING else which,
        "from_day": since and since.isoformat(),
        "to_day": until and until.isoformat(),
        "source": source,
    }
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{reverse('rankings', args=[project.slug])}?{query}"
