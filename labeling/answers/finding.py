"""Finding rankings of a project by what they have in common, the newest first, at a cost that has an end."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from labeling.models import Project, RankedCompletion, Ranking

LOOKED_THROUGH = 100_000  # at a time: a condition that none of them meets is known after a tenth of a second


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What rankings have in common; what is None or empty is no condition.

    labeler: a username. flag: the name of one that is true of some completion. since, until: when it was said, the end
    left out. least_seconds, most_seconds: how long it took. with_words: only with a comment, or a note on a completion.
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

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) not in ("", None, False) for each in fields(self))


def meeting(rankings: QuerySet[Ranking], asked: Conditions) -> QuerySet[Ranking]:
    """Gives those that meet all conditions."""
    if asked.labeler:
        rankings = rankings.filter(labeler__username=asked.labeler)
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
        rankings = rankings.filter(Exists(places.filter(flags__contains={asked.flag: True})))
    if asked.with_words:
        rankings = rankings.exclude(~Exists(places.exclude(note="")), comment="")
    return rankings


def end_of_look(project: Project, *, below: int | None = None, above: int | None = None) -> int | None:
    """Gives the key of the last ranking that one look goes through; None where it goes through all there are.

    It goes down from the newest or from a key, or up from a key.
    """
    keys = Ranking.objects.filter(project=project)
    if above is not None:
        keys = keys.filter(pk__gt=above).order_by("project_id", "pk")
    else:
        keys = (keys if below is None else keys.filter(pk__lt=below)).order_by("-project_id", "-pk")
    found = keys.values_list("pk", flat=True)[LOOKED_THROUGH : LOOKED_THROUGH + 2]
    return found[0] if len(found) > 1 else None
