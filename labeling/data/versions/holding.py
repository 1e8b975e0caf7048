"""Which frozen versions hold a prompt, or some of many, whatever became of these since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.data.versions.datasets import path_of
from labeling.models import DatasetVersion, Project, Prompt, Ranking

MOST_ROWS = 2_000_000  # that are looked through, of the newest versions: a second or so


def versions_with(prompt: Prompt) -> QuerySet[DatasetVersion]:
    """Gives those at whose freezing some ranking of the prompt stood, the newest first.

    By the times of its rankings, for a walk through every file takes too long for a page.

    A ranking that ended before its end was noted (`ended_at`, later than the first releases) tells nothing.
    """
    then = Ranking.objects.filter(prompt=prompt, pk__lte=OuterRef("last_ranking_id"))
    stood = then.filter(Q(live=True) | Q(ended_at__gt=OuterRef("created_at")))
    return DatasetVersion.objects.filter(Exists(stood), project=prompt.project_id)


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
