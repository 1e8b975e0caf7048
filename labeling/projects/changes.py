"""What a change of a project's settings does to the prompts and answers that there are: said before it is done."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import timedelta

from labeling.models import Membership, Project
from labeling.models.functions import query
from labeling.models.projects import SHARES
from labeling.projects import counters, pace, projects, qualification
from labeling.projects.qualification import Stopped

LOOK_SECONDS = 2.0  # in which those are counted that a new overlap would change
AT_ONCE = 20_000  # prompts that one statement looks at

# Of the next prompts after a place. Never below a slot that somebody has, which is looked for where it may matter.
_COUNT = """
SELECT count(*) AS seen, coalesce(max(id), 0) AS last,
    count(*) FILTER (WHERE wanted <> overlap) AS changed,
    count(*) FILTER (WHERE is_free AND ranked >= overlap AND ranked < wanted) AS reopened,
    count(*) FILTER (WHERE is_free AND ranked < overlap AND ranked >= wanted) AS ended,
    coalesce(sum(greatest(wanted - ranked, 0)) FILTER (WHERE is_free AND wanted > overlap), 0)
        - coalesce(sum(greatest(overlap - ranked, 0)) FILTER (WHERE is_free AND wanted > overlap), 0) AS more,
    coalesce(sum(greatest(overlap - ranked, 0)) FILTER (WHERE is_free AND wanted < overlap), 0)
        - coalesce(sum(greatest(wanted - ranked, 0)) FILTER (WHERE is_free AND wanted < overlap), 0) AS fewer
FROM (
    SELECT id, overlap, ranked, held_at IS NULL AS is_free, CASE
        WHEN decided_at IS NOT NULL THEN overlap
        WHEN asked >= overlap THEN asked
        ELSE greatest(asked, (
            SELECT max(a.slot) FROM labeling_assignment a
            WHERE a.prompt_id = p.id AND a.state IN ('claimed', 'ranked'))) END AS wanted
    FROM (
        SELECT id, overlap, ranked, held_at, decided_at,
            podium_overlap_of(content_sha256, %(overlap)s::smallint, %(extra_overlap)s::smallint,
                %(extra_percent)s::smallint) AS asked
        FROM labeling_prompt WHERE project_id = %(project)s AND id > %(place)s
        ORDER BY project_id, id LIMIT %(at_once)s
    ) p
) looked_at
"""


@dataclass(frozen=True)
class Flag:
    """One that comes or goes: how many texts have an answer to it, in rankings that stand."""

    name: str
    label: str
    answers: int


@dataclass(frozen=True)
class Foreseen:
    """What a change does. `is_all`: every prompt was looked at; else it does at least so much."""

    changed: int = 0  # prompts that another number of people are asked to rank
    reopened: int = 0  # of these: had all their rankings, and wait for more
    ended: int = 0  # of these: waited, and have all their rankings
    more: int = 0  # rankings that are asked for
    fewer: int = 0  # rankings that are asked for no more
    is_all: bool = True
    time: timedelta | None = None  # that so many rankings more take at the last week's pace
    members: int | None = None  # people who can rank, where an overlap is above their number
    rankings: int = 0  # that stand
    flags_added: Sequence[Flag] = field(default_factory=tuple)
    flags_removed: Sequence[Flag] = field(default_factory=tuple)
    stopped: Stopped = field(default_factory=Stopped)  # who would have to qualify

    @property
    def is_any(self) -> bool:
        """Tells whether it does more than to set something for what comes."""
        of_flags = self.rankings and (self.flags_added or self.flags_removed)
        return bool(self.changed or not self.is_all or of_flags or self.stopped.n)


def foresee(project: Project, changes: Mapping[str, object]) -> Foreseen:
    """Counts for two seconds or a little longer, and writes nothing. Raises Invalid where the changes are."""
    after = copy(project)
    projects.apply(after, changes)
    added, removed = _flags(project, after.flags, project.flags), _flags(project, project.flags, after.flags)
    if after.qualify_items > project.qualify_items:
        qualification.check(after)
    foreseen = Foreseen(
        rankings=counters.of(project).total.rankings if added or removed else 0,
        flags_added=added,
        flags_removed=removed,
        stopped=qualification.stopped_by(project, after),
    )
    if all(getattr(after, name) == getattr(project, name) for name in SHARES):
        return foreseen
    n, is_all = _count(after)
    foreseen = replace(
        foreseen, changed=n["changed"], reopened=n["reopened"], ended=n["ended"], more=n["more"], fewer=n["fewer"],
        is_all=is_all,
    )  # fmt: skip
    if not foreseen.more:
        return foreseen
    highest = after.extra_overlap if after.extra_percent else after.overlap
    return replace(foreseen, time=pace.time_for(project, foreseen.more), members=_too_few(project, highest))


def _count(project: Project) -> tuple[dict[str, int], bool]:
    """Looks at the prompts in the order of import, and says whether at all of them."""
    shares = {name: getattr(project, name) for name in SHARES}
    ends, place = time.monotonic() + LOOK_SECONDS, 0
    total = dict.fromkeys(("changed", "reopened", "ended", "more", "fewer"), 0)
    while True:
        [row] = query(_COUNT, {**shares, "project": project.pk, "place": place, "at_once": AT_ONCE})
        total = {name: n + row[name] for name, n in total.items()}
        place = row["last"]
        if row["seen"] < AT_ONCE:
            return total, True
        if time.monotonic() > ends:
            return total, False


def _flags(project: Project, flags: Sequence[dict[str, str]], without: Sequence[dict[str, str]]) -> tuple[Flag, ...]:
    """Gives those of `flags` that are not among the others, with the answers that there are to each."""
    names = {flag["name"] for flag in without}
    return tuple(
        Flag(
            flag["name"],
            flag["label"],
            sum(part.labels for part in counters.labels_of(project, flag["name"]).values()),
        )
        for flag in flags
        if flag["name"] not in names
    )


def _too_few(project: Project, overlap: int) -> int | None:
    """Counts who can log in and rank, no further than needed; None where they are enough."""
    people = Membership.objects.filter(project=project, user__is_active=True).order_by()
    n = len(people.values_list("pk")[:overlap])
    return n if n < overlap else None
