"""Finding rankings of a project by what they have in common, the newest first, at a cost that has an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.answers.row_by_row import has_any
from labeling.answers.search.finding import Found
from labeling.errors import Invalid
from labeling.models import Completion, Project, RankedCompletion, Ranking, User

Row = TypeVar("Row", bound=Model)

LOOKED_THROUGH = 50_000  # at a time: a condition that none of them meets is known after a tenth of a second
READ_THROUGH = 10_000  # where the words of each are looked at, or its prompt's completions, which takes as long


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What rankings have in common; what is None or empty is no condition.

    labeler: a username. flag: the name of one that is true of some completion. since, until: when it was said, the end
    left out. least_seconds, most_seconds: how long it took. with_words: only with a comment, or a note on a completion.
    model: that wrote one of the completions. tag, disagreement: of the prompt. found: where words stand.
    """

    labeler: str = ""
    split: str = ""
    source: str = ""
    flag: str = ""
    since: datetime | None = None
    until: datetime | None = None
    least_seconds: int | None = None
    most_seconds: int | None = None
    with_words: bool = False
    model: str = ""
    tag: str = ""
    disagreement: bool | None = None
    found: Found | None = None

    def __bool__(self) -> bool:
        return self != Conditions()

    @property
    def needs_a_look(self) -> bool:
        """Tells whether finding them is to go through others: of rare words the index names the few that there are."""
        return bool(self) and (self.found is None or self.found.is_common)

    @property
    def looked_through(self) -> int:
        return LOOKED_THROUGH if self.found is None and not self.model else READ_THROUGH


def beginning_of(day: date) -> datetime:
    """Gives the moment at which a day begins, in the site's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


def day_of(written: str, attr: str, *, after: int = 0) -> date:
    """Reads a day as it is written, or gives one so many days after it. Raises Invalid('no_day'), naming what was
    written: nothing is no day either."""
    try:
        return date.fromisoformat(written) + timedelta(days=after)
    except (ValueError, OverflowError):
        message = _("%(field)s is a day such as 2026-01-31; got %(value)r.")
        raise Invalid("no_day", message % {"field": attr, "value": written[:40]}, attr=attr) from None


def meeting(rankings: QuerySet[Ranking], asked: Conditions) -> QuerySet[Ranking]:
    """Gives those that meet all conditions."""
    if asked.found is not None:
        rankings = asked.found.among_rankings(rankings)
    if asked.labeler:
        # Asked once: joined, the account would be looked up for each of the rows that a look goes through.
        person = User.objects.filter(username=asked.labeler).values("pk")
        rankings = rankings.filter(labeler=Subquery(person))
    if asked.split:
        rankings = rankings.filter(prompt__split=asked.split)
    if asked.source:
        rankings = rankings.filter(source=asked.source)
    if asked.since:
        rankings = rankings.filter(created_at__gte=asked.since)
    if asked.until:
        rankings = rankings.filter(created_at__lt=asked.until)
    if asked.least_seconds is not None:
        rankings = rankings.filter(active_seconds__gte=asked.least_seconds)
    if asked.most_seconds is not None:
        rankings = rankings.filter(active_seconds__lte=asked.most_seconds)
    places = RankedCompletion.objects.filter(ranking=OuterRef("pk"))
    if asked.flag:
        rankings = rankings.filter(has_any(places.filter(flags__contains={asked.flag: True})))
    if asked.with_words:
        rankings = rankings.filter(~Q(comment="") | Q(has_any(places.exclude(note=""))))
    if asked.model:
        written = Completion.objects.filter(prompt=OuterRef("prompt_id"), model_name=asked.model)
        rankings = rankings.filter(has_any(written))
    if asked.tag:
        rankings = rankings.filter(prompt__tags__contains=[asked.tag])
    if asked.disagreement is not None:
        rankings = rankings.filter(prompt__disagrees=asked.disagreement)
    return rankings


def end_of_look(
    project: Project, asked: Conditions, *, below: int | None = None, above: int | None = None
) -> int | None:
    """Gives the key of the last ranking that one look goes through; None where it goes through all there are.

    It goes down from the newest or from a key, or up from a key.
    """
    keys = Ranking.objects.filter(project=project)
    return end_of(keys, from_key=below if above is None else above, down=above is None, n=asked.looked_through)


def end_of(rows: QuerySet[Row], *, from_key: int | None, down: bool, n: int) -> int | None:
    """Gives the key of the n-th of a project's rows after or, going down, before a key; None where there are no more.

    The rows are those of an index (project, id), which tells it without them.
    """
    if from_key is not None:
        rows = rows.filter(pk__lt=from_key) if down else rows.filter(pk__gt=from_key)
    keys = rows.order_by(*(("-project_id", "-pk") if down else ("project_id", "pk"))).values_list("pk", flat=True)
    found = keys[n : n + 2]
    return found[0] if len(found) > 1 else None
