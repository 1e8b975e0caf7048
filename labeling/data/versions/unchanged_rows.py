"""The next version from the last one's file: only prompts whose rankings changed since are read from the database.

Of 50,000 completions a batch of labels changes fifty or so, and the next head waits for the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from django.db import connection

from labeling.models import Project

# A prompt's live rankings by id and by whom, whose name an administrator may change.
_STANDING = """
SELECT prompt.external_id, prompt.id, array_agg(ranking.id || ' ' || labeler.username ORDER BY ranking.id)
FROM labeling_prompt prompt
JOIN labeling_ranking ranking ON ranking.prompt_id = prompt.id AND ranking.live
JOIN labeling_user labeler ON labeler.id = ranking.labeler_id
WHERE prompt.project_id = %s
GROUP BY prompt.id
"""
_COLUMNS = ["id", "rankings.list.element.id", "rankings.list.element.labeler"]


@dataclass(frozen=True)
class Changes:
    """What is other than in a file."""

    stay: dict[str, int]  # rows of the file by external id, with their prompt's id; all others are gone
    read: list[int]  # prompts whose rows are replaced or new


def changes_since(project: Project, file: Path) -> Changes:
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [project.pk])
        now = {name: (prompt, rankings) for name, prompt, rankings in cursor.fetchall()}
    with pq.ParquetFile(file) as parquet:
        table = parquet.read(columns=_COLUMNS)
    rows = zip(table["id"].to_pylist(), table["rankings"].to_pylist(), strict=True)
    before = {name: [f"{said['id']} {said['labeler']}" for said in rankings] for name, rankings in rows}
    stay = {name: prompt for name, (prompt, rankings) in now.items() if before.get(name) == rankings}
    read = [prompt for name, (prompt, _) in now.items() if name not in stay]
    return Changes(stay, read)


def rows_of(file: Path, *, at_once: int) -> Iterator[tuple[str, pa.Table]]:
    """Yields every row with its external id, as a table of one row."""
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(batch_size=at_once):
            table = pa.Table.from_batches([batch])
            for place, name in enumerate(batch.column("id").to_pylist()):
                yield name, table[place : place + 1]


def in_groups(rows: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
    """Joins tables of one row to tables of `size` rows."""
    tables: list[pa.Table] = []
    for row in rows:
        tables.append(row)
        if len(tables) == size:
            yield pa.concat_tables(tables).combine_chunks()
            tables = []
    if tables:
        yield pa.concat_tables(tables).combine_chunks()
