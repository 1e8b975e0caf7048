"""Which frozen versions hold a prompt, or some of many, whatever became of these since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db.models import Exists, OuterRef, Q, Subquery, prefetch_related_objects

from artifacts import store
from labeling.data.versions.datasets import path_of
from labeling.models import DatasetVersion, Project, Prompt, PromptErasure, Purpose, Ranking, WorkWithdrawal

MOST_ROWS = 2_000_000  # that are looked through, of the newest versions: a second or so


def versions_with(prompt: Prompt, *, most: int) -> list[DatasetVersion]:
    """Gives the newest of those that have the prompt, at most so many.

    Those at whose freezing some ranking of it stood, by the times of its rankings, and of these the ones whose file has
    it: a prompt that was put back says nothing of the time when it was withdrawn. A file that isn't on this machine is
    not asked. A ranking that ended before its end was noted (`ended_at`, later than the first releases) tells nothing.
    """
    then = Ranking.objects.filter(prompt=prompt, pk__lte=OuterRef("last_ranking_id"))
    stood = then.filter(Q(live=True) | Q(purpose=Purpose.LABEL, ended_at__gt=OuterRef("created_at")))
    likely = DatasetVersion.objects.filter(Exists(stood), project=prompt.project_id)[:most]
    return [version for version in likely if _may_have(version, prompt.external_id)]


def _may_have(version: DatasetVersion, name: str) -> bool:
    """Looks into the groups of rows between whose first and last id this one is."""
    path = store.place(version.file)
    if not path.is_file():
        return True
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            said = file.metadata.row_group(number).column(0).statistics
            if said is not None and said.has_min_max and not said.min <= name <= said.max:
                continue
            ids = file.read_row_group(number, columns=["id"])["id"]
            if pc.any(pc.equal(ids, name)).as_py():
                return True
    return False


def erased_since(version: DatasetVersion) -> int:
    """Counts prompts whose texts the version's file keeps, though they were erased from the project since."""
    named = PromptErasure.objects.filter(versions__contains=[version.number])
    # Asked of one after the other: joined, PostgreSQL may read all prompts of a large project for a few erasures.
    its_project = Subquery(Prompt.objects.filter(pk=OuterRef("prompt")).values("project"))
    return named.alias(its_project=its_project).filter(its_project=version.project_id).count()


def withdrawn_since(version: DatasetVersion) -> list[tuple[WorkWithdrawal, int | None]]:
    """Finds people whose work the file keeps, though it was withdrawn since, and how many rankings of each."""
    number = str(version.number)
    noted = WorkWithdrawal.objects.filter(project=version.project_id, restored_at=None, versions__has_key=number)
    return [(each, each.versions[number]) for each in noted.select_related("labeler").order_by("pk")]


@dataclass(frozen=True)
class NamesReplaced:
    """That pseudonyms took the place of erased people's names in a version's file."""

    people: int
    rankings: int  # of theirs in the file
    at: datetime  # the last time
    checksums: Sequence[str]  # of the files before, the oldest first, which is the one that was frozen


def names_replaced(version: DatasetVersion) -> NamesReplaced | None:
    """Asks for it where the version's row says so; None, and no statement, of all others."""
    if version.frozen_sha256 is None:
        return None
    prefetch_related_objects([version], "replaced_files__erasure")
    rows = sorted(version.replaced_files.all(), key=lambda row: row.pk)
    people = {row.erasure_id: row.erasure.versions.get(f"{version.project_id}/{version.number}") or 0 for row in rows}
    return NamesReplaced(len(people), sum(people.values()), rows[-1].replaced_at, [row.sha256 for row in rows])


@dataclass(frozen=True)
class Gone:
    """Whose rankings a version was frozen with, of people whose work was withdrawn, or who were erased, since."""

    withdrawn_labelers: int = 0
    withdrawn_rankings: int = 0
    erased_labelers: int = 0
    erased_rankings: int = 0
    names_replaced_at: datetime | None = None  # in the file, by pseudonyms; the last time


def gone(project: Project, versions: Sequence[DatasetVersion]) -> dict[int, Gone]:
    """Finds it of some versions of a project, by their keys, in three statements for however many."""
    noted = WorkWithdrawal.objects.filter(project=project, restored_at=None)
    withdrawn = list(
        noted.filter(versions__has_any_keys=[str(each.number) for each in versions]).values_list("versions")
    )
    prefetch_related_objects([each for each in versions if each.frozen_sha256], "replaced_files__erasure")
    return {version.pk: _gone(version, [found for (found,) in withdrawn]) for version in versions}


def _gone(version: DatasetVersion, withdrawn: Sequence[dict[str, int | None]]) -> Gone:
    number, replaced = str(version.number), names_replaced(version)
    of_people = [found[number] or 0 for found in withdrawn if number in found]
    if replaced is None:
        return Gone(len(of_people), sum(of_people))
    return Gone(len(of_people), sum(of_people), replaced.people, replaced.rankings, replaced.at)


@dataclass(frozen=True)
class Holding:
    """A frozen version, and how many of the prompts it has."""

    version: int
    prompts: int


@dataclass(frozen=True)
class Holdings:
    """Versions that hold any, the newest first."""

    versions: Sequence[Holding] = ()
    not_looked_at: int = 0  # older ones, beyond MOST_ROWS

    @property
    def any(self) -> bool:
        return bool(self.versions)


def holdings(project: Project, names: Sequence[pa.Array]) -> Holdings:
    """Finds the versions with any of these external ids, which come in as many arrays as it took to read them."""
    wanted = pa.chunked_array(names, pa.string()).combine_chunks() if names else pa.array([], pa.string())
    versions = list(project.dataset_versions.all()) if len(wanted) else []
    found: list[Holding] = []
    rows = 0
    for place, version in enumerate(versions):
        rows += version.n_prompts
        if rows > MOST_ROWS and place:
            return Holdings(found, len(versions) - place)
        if n := _in_file(version, wanted):
            found.append(Holding(version.number, n))
    return Holdings(found)


def _in_file(version: DatasetVersion, wanted: pa.Array) -> int:
    path = path_of(version)
    if not path.exists():
        return 0
    with pq.ParquetFile(path) as file:
        names = file.read(columns=["id"])["id"]
    return int(pc.sum(pc.is_in(names, value_set=wanted)).as_py() or 0)
