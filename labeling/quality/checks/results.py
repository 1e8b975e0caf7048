"""How checks were answered: counted once each by a worker, and summed up of a person or of a gold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db.models import Prefetch
from django.utils import timezone

from labeling.models import CheckResult, GoldAnswer, Project, Purpose, RankedCompletion, Ranking
from labeling.projects.projects import read_whole
from labeling.quality.checks.verdicts import (
    GOLD_MARKS,
    REPEAT_MARKS,
    Checked,
    Marks,
    Verdict,
    check_flags,
    check_order,
    judge,
)

T = TypeVar("T")
NEWEST = 200  # checks of each purpose by which a person is judged: the care of a year ago says nothing


def count(results: Sequence[CheckResult]) -> None:
    """Counts what each answer has right and stores it, of some at once. Call it with the rows locked.

    Of gold that was taken back, or a first answer that doesn't stand any more, nothing is counted.
    """
    given = _said_in({result.ranking_id for result in results if result.ranking_id})
    known = {**_of_golds(results), **_first_answers(results)}
    now = timezone.now()
    for result in results:
        checked = None
        if result.pk in known and result.ranking_id in given:
            checked = compared(known[result.pk], given[result.ranking_id])
        result.comparisons = None if checked is None else checked.comparisons
        result.right = None if checked is None else checked.right
        result.worth = None if checked is None else checked.worth
        result.scored_at = now
    CheckResult.objects.bulk_update(results, ["comparisons", "right", "worth", "scored_at"])


class Said(NamedTuple):
    """What one answer says, by the completions' keys. rest: those that it left unranked, below all others."""

    ranks: Mapping[int, int]
    flags: Mapping[int, Mapping[str, bool]]
    rest: frozenset[int] = frozenset()


def compared(known: Said, given: Said) -> Checked | None:
    """Adds up what is right of the order and of the questions; None where the known answer has neither."""
    order = check_order(known.ranks, given.ranks, rest=given.rest)
    parts = [part for part in (order, check_flags(known.flags, given.flags)) if part]
    if not parts:
        return None
    return Checked(
        sum(part.comparisons for part in parts), sum(part.right for part in parts), sum(part.worth for part in parts)
    )


def checks_of(project: Project, labeler: int, purpose: str, *, since: datetime | None = None) -> list[Checked]:
    """Gives a person's newest counted checks of a purpose, by an index of these alone."""
    rows = CheckResult.objects.filter(project=project, labeler=labeler, purpose=purpose)
    if since is not None:
        rows = rows.filter(created_at__gt=since)
    return _checked(rows.order_by("-created_at")[:NEWEST])


def verdict_of(project: Project, labeler: int, *, since: datetime | None = None) -> Verdict:
    """Says what a person's checks call for, by the project's marks. since: what was answered before counts no more."""
    read_whole(project)
    golds, repeats = (checks_of(project, labeler, purpose, since=since) for purpose in (Purpose.GOLD, Purpose.REPEAT))
    of_golds, of_repeats = marks_of(project)
    return judge(golds, repeats, of_golds=of_golds, of_repeats=of_repeats)


def marks_of(project: Project) -> tuple[Marks, Marks]:
    """Gives the project's marks for golds and for repeats; how much has to be known first is the same for all."""
    of = []
    for kind, default in (("gold", GOLD_MARKS), ("repeat", REPEAT_MARKS)):
        warn, pause, stop = (getattr(project, f"{kind}_{act}") / 100 or None for act in ("warn", "pause", "stop"))
        of.append(replace(default, warn=warn, pause=pause, stop=stop, fewest=project.check_fewest))
    return of[0], of[1]


def _checked(rows: Iterable[CheckResult]) -> list[Checked]:
    return [
        Checked(row.comparisons, row.right, row.worth)
        for row in rows
        if row.comparisons and row.right is not None and row.worth is not None
    ]


def _said_in(rankings: Iterable[int]) -> dict[int, Said]:
    rows = Ranking.objects.filter(pk__in=list(rankings)).prefetch_related("ranked")
    return {ranking.pk: _said(ranking) for ranking in rows}


def _said(ranking: Ranking) -> Said:
    places = list(ranking.ranked.all())
    rest = ranking.rank_of_the_rest(places)
    return Said(
        {place.completion_id: place.rank for place in places},
        {place.completion_id: place.flags for place in places},
        frozenset(place.completion_id for place in places if place.rank == rest),
    )


def _of_golds(results: Sequence[CheckResult]) -> dict[int, Said]:
    prompts = {result.prompt_id: result.pk for result in results if result.purpose == Purpose.GOLD}
    of = {gold.prompt_id: gold for gold in GoldAnswer.objects.filter(prompt__in=prompts)}
    return {
        result.pk: Said(_by_key(of[result.prompt_id].ranks), _by_key(of[result.prompt_id].flags))
        for result in results
        if result.purpose == Purpose.GOLD and result.prompt_id in of
    }


def _by_key(stored: Mapping[str, T]) -> dict[int, T]:  # JSON has no whole numbers as names
    return {int(key): said for key, said in stored.items()}


def _first_answers(results: Sequence[CheckResult]) -> dict[int, Said]:
    repeats = [result for result in results if result.purpose == Purpose.REPEAT]
    places = Prefetch("ranked", RankedCompletion.objects.order_by("pk"))
    rows = Ranking.objects.filter(
        live=True, prompt__in={each.prompt_id for each in repeats}, labeler__in={each.labeler_id for each in repeats}
    )
    first: dict[tuple[int, int], Said] = {}
    for ranking in rows.prefetch_related(places):
        first[ranking.prompt_id, ranking.labeler_id] = _said(ranking)
    return {
        each.pk: first[each.prompt_id, each.labeler_id]
        for each in repeats
        if (each.prompt_id, each.labeler_id) in first
    }
