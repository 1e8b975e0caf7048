"""When the rankings of a version were made and how long they took: the database's, as of now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from labeling.models import DatasetVersion

# Those that stood when it was frozen.
_TIMES = """
SELECT count(*), count(*) FILTER (WHERE source = 'imported'),
    min(created_at) FILTER (WHERE source = 'labeled'), max(created_at) FILTER (WHERE source = 'labeled'),
    count(active_seconds), percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY active_seconds)
FROM labeling_ranking
WHERE project_id = %(project)s AND id <= %(last)s AND (live OR purpose = 'label' AND ended_at > %(frozen)s)
"""


@dataclass(frozen=True)
class Times:
    """Of `n` rankings that the database still has: where it is fewer than the version holds, the others were erased.

    first, last: of those labeled here. quartiles: of the active seconds of n_timed rankings; None of none.
    """

    n: int
    imported: int
    first: datetime | None
    last: datetime | None
    n_timed: int
    quartiles: list[float] | None


def times_of(version: DatasetVersion) -> Times:
    """Asks in one statement, which reads the project's rankings once."""
    values: dict[str, int | datetime] = {
        "project": version.project_id,
        "last": version.last_ranking_id,
        "frozen": version.created_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TIMES, values)
        [row] = cursor.fetchall()
    return Times(*row)
