"""Freezing: what was ranked so far, as a Parquet file with its checksum. It never changes, but that an erased
person's name gives way to a pseudonym (leaving/frozen_names.py).

One row per prompt in the structure of the import format, because that is what training reads (every completion once,
ties and flags kept); pairs are derived from it in one fixed order. See docs/decisions/0002-frozen-version-format.md.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db import connection, transaction
from django.utils.translation import gettext as _

from artifacts import store
from artifacts.errors import Changed, Lost, StorageAway
from labeling.data.versions import frozen_rows, unchanged_rows
from labeling.data.versions.frozen_rows import FrozenRow
from labeling.errors import Invalid, PodiumError
from labeling.models import DatasetVersion, Project, Split, User
from labeling.models.project_lock import lock_project

ROWS_PER_GROUP = 500  # what reading holds in memory at a time
# As Python's objects, whichever is reached first: of more the first comes later, and all of them take twice as long.
ROWS_AT_ONCE, BYTES_AT_ONCE = 50, 32 * 2**20
MOST_CHANGES = 2000  # prompts; more are read faster with all others, by one walk

UNREADABLE = (OSError, pa.ArrowInvalid)  # what reading a file raises that is gone, or cut short
MEDIA_TYPE = "application/vnd.apache.parquet"

Group = dict[str, Any]
_STRENGTH = "rankings.list.element.strength"


def freeze(project: Project, *, by: User | None = None) -> DatasetVersion:
    """Writes the next version. Where nothing changed since the last one, that one is returned."""
    version, _ = freeze_or_find(project, by=by)
    return version


def freeze_or_find(project: Project, *, by: User | None = None) -> tuple[DatasetVersion, bool]:
    """Writes the next version, and says whether it did: where nothing changed since the last one, that one is returned.

    Raises Invalid('no_pairs') when no completion was preferred to another or flagged yet, PodiumError('no_storage')
    where the bucket that keeps it is away, OSError when the file can't be written. Nothing is changed then.
    """
    try:
        return _freeze(project, by)
    except StorageAway as error:
        message = _("Nothing was frozen: the storage of dataset versions can't be used right now. %(reason)s")
        raise PodiumError("no_storage", message % {"reason": error}) from error


def _freeze(project: Project, by: User | None) -> tuple[DatasetVersion, bool]:
    with transaction.atomic():
        lock_project(project)  # two freezes don't take one number
        latest = DatasetVersion.objects.filter(project=project).first()
        number = latest.number + 1 if latest else 1
        name = f"projects/{project.pk}/datasets/{number:05}.parquet"
        draft = store.work_path(f"projects/{project.pk}/datasets/{number:05}.{os.getpid()}.tmp")
        draft.parent.mkdir(parents=True, exist_ok=True)
        try:
            counts = _write_whatever_is_said(project, draft, latest)
            total: Counter[str] = sum(counts.values(), Counter())
            if not (total["pairs"] or total["flagged"]):
                raise Invalid("no_pairs", _("Nothing to freeze: no completion has been preferred to another yet."))
            sha256 = _sha256(draft)
            if latest is not None and latest.sha256 == sha256:
                return latest, False
            size, last = draft.stat().st_size, _last_ranking_id(draft)
            # A file without a row is overwritten by the next version of this number.
            name = store.publish(draft, name, sha256)
        finally:
            draft.unlink(missing_ok=True)
        version = DatasetVersion.objects.create(
            project=project,
            number=number,
            file=name,
            sha256=sha256,
            bytes=size,
            counts={split: dict(counts[split]) for split in Split.values},
            n_prompts=total["prompts"],
            n_rankings=total["rankings"],
            n_pairs=total["pairs"],
            last_ranking_id=last,
            guidelines_sha256=sha256_of(project.guidelines),
            created_by=by,
        )
        return version, True


def sha256_of(guidelines: str) -> str:
    return hashlib.sha256(guidelines.encode()).hexdigest()


def path_of(version: DatasetVersion) -> Path:
    """Gives the file on this machine. Raises StorageAway, Lost, Changed."""
    return store.local_copy(version.file, version.sha256)


def opened(version: DatasetVersion) -> tuple[IO[bytes], str]:
    """Opens the file, and gives the checksum of just these bytes: an erasure replaces both, while nobody looks.

    Raises as path_of does, and OSError where the file can't be opened.
    """
    path_of(version)  # what is kept elsewhere is fetched before
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT file, sha256 FROM labeling_datasetversion WHERE id = %s FOR SHARE", [version.pk])
        [(name, sha256)] = cursor.fetchall()
        return store.local_copy(name, sha256).open("rb"), sha256


def file_name(version: DatasetVersion) -> str:
    """Names it for whoever downloads it, such as helpful-v3.parquet."""
    return f"{version.project.slug}-v{version.number}.parquet"


def has_strengths(version: DatasetVersion) -> bool:
    """Tells whether some ranking in it says how much better, by the file's statistics, which have a smallest one
    then."""
    with pq.ParquetFile(path_of(version)) as file:
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        columns = [group.column(place) for group in groups for place in range(group.num_columns)]
    strengths = [column.statistics for column in columns if column.path_in_schema == _STRENGTH]
    return any(statistics is not None and statistics.has_min_max for statistics in strengths)


def schema_of(version: DatasetVersion) -> pa.Schema:
    """Gives the file's columns, which tell what some ranking in it says beyond an order (frozen_rows.schema_of)."""
    return pq.read_schema(path_of(version))


def read_groups(version: DatasetVersion) -> Iterator[Group]:
    """Yields the rows of a frozen version, with no more in memory than some; what is JSON in it as objects again."""
    with pq.ParquetFile(path_of(version)) as file:
        for n in range(file.num_row_groups):
            group = file.metadata.row_group(n)
            mean = group.total_byte_size // max(group.num_rows, 1)
            at_once = max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE // max(mean, 1)))
            for batch in file.iter_batches(batch_size=at_once, row_groups=[n]):
                yield from map(with_flags, batch.to_pylist())


def with_flags(row: Group) -> Group:
    """Makes objects of its flags and attributes again, which the file has as JSON."""
    for ranking in row["rankings"]:
        ranking["flags"] = json.loads(ranking["flags"])
        if ranking.get("attributes") is not None:
            ranking["attributes"] = json.loads(ranking["attributes"])
    return row


Counts = dict[str, Counter[str]]  # by split


def _write_whatever_is_said(project: Project, path: Path, latest: DatasetVersion | None) -> Counts:
    """Writes the file; once more where the first ranking that needs further columns came meanwhile."""
    while True:
        schema = frozen_rows.schema_of(project)
        counts = _write_changes(project, path, latest, schema) if latest else None
        counts = counts or _write(project, path, schema)
        if frozen_rows.of_rankings(frozen_rows.schema_of(project)) <= frozen_rows.of_rankings(schema):
            return counts


def _write(project: Project, path: Path, schema: pa.Schema) -> Counts:
    """Writes everything, from the database."""
    counts: Counts = {split: Counter() for split in Split.values}
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        found = frozen_rows.read_rows(project, None, schema)
        while rows := [row for _, row in islice(found, ROWS_PER_GROUP)]:
            writer.write_table(_table(rows, counts, schema))
    return counts


def _write_changes(project: Project, path: Path, latest: DatasetVersion, schema: pa.Schema) -> Counts | None:
    """Writes the same file and counts from the latest version and what changed since.

    None where all had better be read.
    """
    try:
        before = path_of(latest)
    except (Lost, Changed):
        return None
    if not before.exists() or pq.read_schema(before) != schema:
        return None
    changes = unchanged_rows.changes_since(project, before)
    if len(changes.read) > MOST_CHANGES:
        return None
    counts: Counts = {split: Counter(latest.counts.get(split)) for split in Split.values}

    def staying() -> Iterator[tuple[int, pa.Table]]:
        for name, row in unchanged_rows.rows_of(before, at_once=ROWS_PER_GROUP):
            if name in changes.stay:
                yield changes.stay[name], row
            else:
                [group] = row.to_pylist()
                said = ((each["ranks"], each["flags"], each.get("top_k")) for each in group["rankings"])
                frozen_rows.count(counts[group["split"]], said, sign=-1)

    read = frozen_rows.read_rows(project, changes.read, schema)
    fresh = ((prompt, _table([row], counts, schema)) for prompt, row in read)
    rows = (row for _, row in heapq.merge(staying(), fresh, key=itemgetter(0)))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in unchanged_rows.in_groups(rows, size=ROWS_PER_GROUP):
            writer.write_table(table)
    return {split: +count for split, count in counts.items()}


def _table(rows: list[FrozenRow], counts: Counts, schema: pa.Schema) -> pa.Table:
    """Makes them as the file has them, and counts them."""
    for row in rows:
        frozen_rows.count(counts[row.split], row.judged(schema))
    return frozen_rows.table_of(rows, schema)


def _last_ranking_id(path: Path) -> int:
    with pq.ParquetFile(path) as file:
        ids = file.read(columns=["rankings.list.element.id"])["rankings"].combine_chunks()
    return int(pc.max(pc.cast(ids.flatten().field(0), pa.int64())).as_py())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
