"""What a change of a cohort does to the prompts and people that there are: said before it is done."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling.data.bulk import cohorts
from labeling.models import Cohort, Project
from labeling.models.functions import query

LOOK_SECONDS = 2.0  # in which those are counted that would be in another cohort
AT_ONCE = 20_000  # prompts that one statement looks at

# Of the next prompts after a place, by the rules as they would be.
_COUNT = """
SELECT count(*) AS seen, coalesce(max(id), 0) AS last,
    count(*) FILTER (WHERE wanted = %(cohort)s) AS prompts,
    count(*) FILTER (WHERE wanted = %(cohort)s AND is_open) AS waiting,
    coalesce(max(overlap) FILTER (WHERE wanted = %(cohort)s AND is_open), 0) AS overlap,
    count(*) FILTER (WHERE wanted = %(cohort)s AND cohort_id IS DISTINCT FROM wanted) AS comes,
    count(*) FILTER (WHERE wanted = %(cohort)s AND cohort_id IS DISTINCT FROM wanted AND is_open) AS comes_waiting,
    count(*) FILTER (WHERE cohort_id = %(cohort)s AND cohort_id IS DISTINCT FROM wanted) AS goes,
    count(*) FILTER (WHERE cohort_id = %(cohort)s AND cohort_id IS DISTINCT FROM wanted AND is_open) AS goes_waiting
FROM (
    SELECT id, cohort_id, overlap, is_open, CASE
        WHEN cohort_by_hand AND NOT (%(deleted)s AND cohort_id IS NOT DISTINCT FROM %(cohort)s) THEN cohort_id
        ELSE podium_cohort_of(%(project)s, tags) END AS wanted
    FROM (
        SELECT id, cohort_id, cohort_by_hand, tags, overlap, held_at IS NULL AND ranked < overlap AS is_open
        FROM labeling_prompt WHERE project_id = %(project)s AND id > %(place)s
        ORDER BY project_id, id LIMIT %(at_once)s
    ) p
) looked_at
"""
_COUNTED = ("prompts", "waiting", "comes", "comes_waiting", "goes", "goes_waiting")


@dataclass(frozen=True)
class Foreseen:
    """What a change does. `is_all`: every prompt was looked at; else it does at least so much."""

    prompts: int = 0  # that are in it then
    waiting: int = 0  # of these, for rankings
    comes: int = 0  # prompts that come into it
    comes_waiting: int = 0
    goes: int = 0  # prompts that leave it
    goes_waiting: int = 0
    overlap: int = 0  # the most rankings that one of those that wait asks for
    is_all: bool = True
    people: int = 0  # who can log in, in it then
    come: Sequence[str] = ()  # usernames of those who come into it
    leave: Sequence[str] = ()

    @property
    def is_any(self) -> bool:
        """Tells whether it does something to prompts, or to people for whom there are some."""
        return bool(self.comes or self.goes or not self.is_all or (self.prompts and (self.come or self.leave)))

    @property
    def too_few(self) -> bool:
        """Tells whether prompts wait for more people than are in it."""
        return self.waiting > 0 and self.people < self.overlap


def foresee(project: Project, said: Mapping[str, Any], *, key: int | None = None) -> Foreseen:
    """Counts for two seconds or a little longer what saving this would do. What it writes for that is undone.

    Raises what cohorts.save raises of what is said.
    """
    checked = cohorts.check(project, said, key=key)
    with transaction.atomic():
        cohort = Cohort(project=project, revision=0) if key is None else cohorts.find(project, key)
        there = {} if key is None else _people_of(cohort)
        cohorts.check_room(project, cohort, checked)
        # By another name, so that nobody who makes one of this name meanwhile waits, or has it taken.
        cohorts.write(cohort, {**checked, "name": secrets.token_hex(8)})
        counted = _count(project, cohort)
        transaction.set_rollback(True)
    then = {each.user.username: each.user.is_active for each in checked["people"]} if "people" in checked else there
    return replace(
        counted,
        people=sum(then.values()),
        come=tuple(sorted(then.keys() - there.keys())),
        leave=tuple(sorted(there.keys() - then.keys())),
    )


def foresee_deletion(project: Project, key: int) -> Foreseen:
    """Counts the same of deleting it."""
    with transaction.atomic():
        cohort = cohorts.find(project, key)
        Cohort.objects.filter(pk=key).update(deleted_at=timezone.now())
        counted = _count(project, cohort, deleted=True)
        transaction.set_rollback(True)
    return replace(counted, leave=tuple(sorted(_people_of(cohort))))


def _people_of(cohort: Cohort) -> dict[str, bool]:
    return {each.membership.user.username: each.membership.user.is_active for each in cohort.people.all()}


def _count(project: Project, cohort: Cohort, *, deleted: bool = False) -> Foreseen:
    """Looks at the prompts in the order of import."""
    ends, place, overlap = time.monotonic() + LOOK_SECONDS, 0, 0
    total: dict[str, Any] = dict.fromkeys(_COUNTED, 0)
    while True:
        values = {"project": project.pk, "cohort": cohort.pk, "deleted": deleted, "place": place, "at_once": AT_ONCE}
        [row] = query(_COUNT, values)
        total = {name: n + row[name] for name, n in total.items()}
        place, overlap = row["last"], max(overlap, row["overlap"])
        is_all = row["seen"] < AT_ONCE
        if is_all or time.monotonic() > ends:
            return replace(Foreseen(overlap=overlap, is_all=is_all), **total)
