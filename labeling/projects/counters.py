"""Reads what a project has from the numbers that triggers keep, and sees whether they are right.

Nothing here reads the rows that are counted but differences and mend, which an operator asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Sum

from labeling.models import Counter, LabelerCounter, Project, Split, User
from labeling.models.project_lock import lock_mending


@dataclass(frozen=True)
class Numbers:
    """What there is of a split, or of all."""

    prompts: int = 0
    settled: int = 0  # ranked as often as their overlap asks
    begun: int = 0  # ranked, but not so often yet
    held: int = 0  # prompts that someone said can't be ranked
    waiting: int = 0  # neither held nor settled
    missing: int = 0  # rankings that those which wait still need
    withdrawn: int = 0  # prompts, which no other number here has
    gold: int = 0  # prompts with gold, which no other number here has either
    rankings: int = 0  # live ones, as everything below
    ranked_texts: int = 0  # once for each ranking
    comparisons: int = 0  # of two texts of a ranking: pairs and ties
    pairs: int = 0

    @property
    def stored(self) -> int:
        """Counts the prompts that there are, withdrawn ones and those with gold too."""
        return self.prompts + self.withdrawn + self.gold

    @property
    def ranked(self) -> int:
        """Counts those that have all their rankings and aren't held, as lists of prompts say it."""
        return self.prompts - self.waiting - self.held

    @property
    def ties(self) -> int:
        return self.comparisons - self.pairs

    def __add__(self, other: Numbers) -> Numbers:
        return Numbers(*(getattr(self, name) + getattr(other, name) for name in _NAMES))


@dataclass(frozen=True)
class Counts:
    """The numbers of a project by split; `total` of all of it."""

    by_split: Mapping[str, Numbers] = field(default_factory=dict)

    @property
    def total(self) -> Numbers:
        return sum(self.by_split.values(), Numbers())

    def of(self, split: str) -> Numbers:
        return self.by_split.get(split, Numbers())


@dataclass(frozen=True)
class Labels:
    """Answers to one flag in texts of live rankings."""

    labels: int = 0
    yes: int = 0


_NAMES = tuple(number.name for number in fields(Numbers))


def of(project: Project) -> Counts:
    """Gives the numbers of a project, in one statement that reads a few rows of an index."""
    return of_projects([project.pk]).get(project.pk, Counts())


def of_projects(projects: Iterable[int]) -> dict[int, Counts]:
    """Gives those of each of these projects that has any, by their keys, in one statement."""
    rows = Counter.objects.filter(project__in=list(projects), flag="").order_by().values_list("project_id", "split")
    counts: dict[int, dict[str, Numbers]] = {}
    for project_id, split, *numbers in rows.annotate(*(Sum(name) for name in _NAMES)):
        counts.setdefault(project_id, {})[split] = Numbers(*numbers)
    return {project_id: Counts(by_split) for project_id, by_split in counts.items()}


def labels_of(project: Project, flag: str) -> dict[str, Labels]:
    """Counts the answers to a flag, by split."""
    rows = Counter.objects.filter(project=project, flag=flag).order_by().values_list("split")
    counted = {split: Labels(*numbers) for split, *numbers in rows.annotate(Sum("labels"), Sum("yes"))}
    return dict.fromkeys(Split.values, Labels()) | counted


def pairs_after(project: Project, ranking: int) -> int:
    """Counts the pairs of rankings with a higher id; of all for 0."""
    return _asked("podium_pairs_after", project.pk, ranking)


def labels_after(project: Project, flag: str, ranking: int) -> int:
    """Counts the answers to a flag in live rankings with a higher id; in all for 0."""
    return _asked("podium_labels_after", project.pk, flag, ranking)


def labeled_texts(project: Project, flag: str, split: str, *, most: int) -> int:
    """Counts the texts of a split with an answer to a flag, no further than `most`."""
    return _asked("podium_labeled_texts", project.pk, flag, split, most)


def labelers(project: Project) -> int:
    """Counts the people with a live ranking, imported ones included."""
    return LabelerCounter.objects.filter(project=project, rankings__gt=0).count()


def rankings_by(labeler: User, projects: Iterable[int]) -> dict[int, int]:
    """Counts the person's own answers that stand in each of these projects, by their keys: with those to checks, for
    nobody but themselves, who can't tell them from live rankings."""
    rows = LabelerCounter.objects.filter(labeler=labeler, project__in=list(projects))
    own = rows.annotate(own=F("rankings") + F("checks")).filter(own__gt=0)
    return dict(own.values_list("project_id", "own"))


def _asked(function: str, *values: int | str) -> int:
    """Calls one of the functions of sql/new.sql."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({', '.join(['%s'] * len(values))})", values)
        return int(cursor.fetchone()[0])


# --- Are they right? --------------------------------------------------------------------------------------------------


def differences(project: Project | None = None) -> list[dict[str, Any]]:
    """Counts the rows of one project, or of all, and tells where counters say less (above 0) or more (below).

    It is one statement for each table, so that of work that goes on meanwhile nothing differs.
    """
    found = []
    for function in ("podium_counter_differences", "podium_labeler_differences"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {function}(%s)", (project.pk if project else None,))
            names = [column.name for column in cursor.description or ()]
            found += [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


def mend(project: Project | None = None) -> list[dict[str, Any]]:
    """Adds what differs to the counters, and gives it. Nobody has to stop working: it is a change like any other."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock_mending()
        found = differences(project)
        for row in found:
            numbers = {name: n for name, n in row.items() if n}
            if "labeler_id" in row:
                whose = (row["project_id"], row["labeler_id"])
                cursor.execute("SELECT podium_count_labeler(%s, %s, %s)", (*whose, row["rankings"]))
                cursor.execute("SELECT podium_count_checks(%s, %s, %s)", (*whose, row["checks"]))
            else:
                key = [row["project_id"], row["split"], row["id_range"], row["flag"]]
                given = {name: n for name, n in numbers.items() if name in (*_NAMES, "labels", "yes")}
                named = "".join(f", n_{name} => %s" for name in given)
                cursor.execute(f"SELECT podium_count(%s, %s, %s, %s{named})", [*key, *given.values()])
    return found
