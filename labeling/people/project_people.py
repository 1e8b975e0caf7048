"""The people of a project: its members, those who left, and labelers of imported rankings, with what they did here.

One statement finds a page of them, one more counts them, whatever they are sorted by. A number that needs many rows is
of the newest: NEWEST_TIMED answers of a person, and of MOST_SORTED people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from labeling.models import LabelerCounter, Membership, Project, Role, User
from labeling.models.functions import query
from labeling.models.rankings import GIVEN
from labeling.people.access import MOST

NEWEST_TIMED = 20  # answers of which a list's median of active seconds is
MOST_SORTED = 5_000  # people, those with the most rankings, whose newest answers are looked at to sort by them


class Standing(StrEnum):
    """active: may work here, also an administrator who did. left: did work here and is no member any more."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    LEFT = "left"
    IMPORTED = "imported"


@dataclass(frozen=True)
class Person:
    """role and joined are None of whoever is no member, and email is empty. rankings: those that stand.

    last_ranked: when the newest answer was given, or imported. It, today and seconds are of answers whatever became of
    them after; today and seconds of those given here. seconds is the median of the newest NEWEST_TIMED's active ones.
    """

    id: int
    username: str
    full_name: str
    email: str
    is_superuser: bool
    standing: Standing
    role: Role | None
    joined: datetime | None
    rankings: int
    today: int
    last_ranked: datetime | None
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What people have in common, and their order; what is empty narrows nothing.

    name: a part of either name, or of the mail address.
    """

    name: str = ""
    role: str = ""
    standing: str = ""
    sort: str = "name"
    descending: bool = False


# Each is a column of `person`, or what a lateral below finds; True: it is, and so costs a look at rankings.
SORTS = {
    "name": ("lower(username)", False),
    "full_name": ("nullif(lower(full_name), '')", False),
    "role": ("array_position(ARRAY['manager', 'reviewer', 'labeler'], role)", False),
    "joined": ("joined", False),
    "rankings": ("rankings", False),
    "today": ("today", True),
    "last_ranked": ("last_ranked", True),
    "seconds": ("seconds", True),
}
_PEOPLE = """
WITH person AS (
    SELECT u.id, u.username, trim(u.first_name || ' ' || u.last_name) AS full_name, u.is_superuser,
        CASE WHEN member.user_id IS NULL THEN '' ELSE u.email END AS email,
        CASE WHEN u.is_imported THEN 'imported' WHEN NOT u.is_active THEN 'deactivated'
            WHEN member.user_id IS NULL AND NOT u.is_superuser THEN 'left' ELSE 'active' END AS standing,
        member.role::text AS role, member.created_at AS joined, coalesce(worked.rankings, 0) AS rankings,
        worked.labeler_id IS NOT NULL AS worked
    FROM (SELECT * FROM labeling_membership WHERE project_id = %(project)s) member
    FULL JOIN (SELECT * FROM labeling_labelercounter WHERE project_id = %(project)s) worked
        ON worked.labeler_id = member.user_id
    JOIN labeling_user u ON u.id = coalesce(member.user_id, worked.labeler_id)
), fitting AS (
    SELECT * FROM person
    WHERE (%(standing)s = '' OR standing = %(standing)s) AND (%(role)s = '' OR role = %(role)s)
        AND (%(name)s = '' OR strpos(lower(username), lower(%(name)s)) > 0
            OR strpos(lower(full_name), lower(%(name)s)) > 0 OR strpos(lower(email), lower(%(name)s)) > 0)
)
"""
_COUNTED = f"{_PEOPLE} SELECT standing, count(*)::int AS n FROM fitting GROUP BY standing"
_TODAY = f"""
CROSS JOIN LATERAL (
    SELECT count(*)::int AS today FROM labeling_ranking r
    WHERE r.labeler_id = each.id AND r.created_at >= %(midnight)s AND r.project_id = %(project)s
        AND r.source = 'labeled' AND {GIVEN}) day
"""
_LAST = f"""
LEFT JOIN LATERAL (
    SELECT r.created_at AS last_ranked FROM labeling_ranking r
    WHERE r.labeler_id = each.id AND r.project_id = %(project)s AND {GIVEN}
    ORDER BY r.id DESC LIMIT 1) latest ON each.worked
"""
_SECONDS = f"""
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY newest.active_seconds) AS seconds FROM (
        SELECT r.active_seconds FROM labeling_ranking r
        WHERE r.labeler_id = each.id AND r.project_id = %(project)s AND r.source = 'labeled'
            AND each.worked AND {GIVEN}
        ORDER BY r.id DESC LIMIT %(timed)s) newest) pace
"""
_LATERALS = {"today": _TODAY, "last_ranked": _LAST, "seconds": _SECONDS}
_COLUMNS = "each.id, username, full_name, email, is_superuser, standing, role, joined, rankings"
_SORTED = """
, looked_at AS (SELECT * FROM fitting {most}), shown AS (
    SELECT each.*, {key} AS key FROM looked_at each {lateral}
    ORDER BY key {order} NULLS LAST, each.id LIMIT %(size)s OFFSET %(begin)s
)
SELECT {columns}, today, last_ranked, seconds FROM shown each {laterals}
ORDER BY key {order} NULLS LAST, each.id
"""
_ONE = """
SELECT {columns}, today, last_ranked, seconds FROM (SELECT * FROM person WHERE id = ANY(%(ids)s)) each {laterals}
ORDER BY each.id
"""


class People(Sequence[Person]):
    """The people of a project whom somebody wants to see, in their order: a slice is read when it is asked for."""

    def __init__(self, project: Project, wanted: Wanted) -> None:
        self.wanted = wanted
        self._values = _values(project) | {"name": wanted.name, "role": wanted.role, "standing": wanted.standing}
        rows = query(_COUNTED, self._values)
        self.of_standing = {Standing(row["standing"]): int(row["n"]) for row in rows}

    def __len__(self) -> int:
        n = sum(self.of_standing.values())
        return min(n, MOST_SORTED) if self.looks_at_rankings else n

    def __getitem__(self, place: Any) -> Any:
        begin, end, _step = place.indices(len(self))
        values = self._values | {"begin": begin, "size": end - begin}
        return [_person(row) for row in query(self._statement(), values)]

    @property
    def looks_at_rankings(self) -> bool:
        return SORTS[self.wanted.sort][1]

    @property
    def leaves_out(self) -> bool:
        """Tells whether there are more people than can be sorted by what they last did."""
        return len(self) < sum(self.of_standing.values())

    def _statement(self) -> str:
        key, looks = SORTS[self.wanted.sort]
        return _PEOPLE + _SORTED.format(
            key=key,
            most=f"ORDER BY rankings DESC, id LIMIT {MOST_SORTED}" if looks else "",
            lateral=_LATERALS.get(self.wanted.sort, ""),
            order="DESC" if self.wanted.descending else "ASC",
            columns=_COLUMNS,
            laterals="".join(_LATERALS.values()),
        )


def numbers_of(project: Project, ids: Sequence[int]) -> list[Person]:
    """Reads those of these accounts that are people of the project, by their keys, in one statement."""
    statement = _PEOPLE + _ONE.format(columns=_COLUMNS, laterals="".join(_LATERALS.values()))
    values = _values(project) | {"name": "", "role": "", "standing": "", "ids": list(ids)}
    return [_person(row) for row in query(statement, values)]


def accounts_of(project: Project) -> QuerySet[User]:
    """Gives the accounts of all of them."""
    members = Membership.objects.filter(project=project).values("user")
    worked = LabelerCounter.objects.filter(project=project).values("labeler")
    return User.objects.filter(Q(pk__in=members) | Q(pk__in=worked))


def person_of(project: Project, key: int) -> Person:
    """Raises User.DoesNotExist for an account that is none of the project's people."""
    found = numbers_of(project, [key]) if key <= MOST else []
    if not found:
        raise User.DoesNotExist(f"nobody with the key {key} works or worked in {project.slug}")
    return found[0]


def _values(project: Project) -> dict[str, object]:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return {"project": project.pk, "midnight": midnight, "timed": NEWEST_TIMED}


def _person(row: dict[str, Any]) -> Person:
    return Person(**{**row, "standing": Standing(row["standing"]), "role": Role(row["role"]) if row["role"] else None})
