"""What reads a whole project reads as much as it has, also where statistics say that there is nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from labeling.data.exporting import exports
from labeling.data.exporting.wanted import Wanted, checked
from labeling.data.importing.imports import import_lines
from labeling.data.versions import datasets
from labeling.models import Project
from tests.factories import make_project
from tests.labeling.api.client import row
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db
# As of a database that has just been made: nobody has looked at its tables yet.
UNSEEN = "UPDATE pg_class SET reltuples = 0, relpages = 0 WHERE relkind = 'r' AND relname LIKE 'labeling\\_%'"
READ = """
SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables
WHERE relname IN ('labeling_prompt', 'labeling_completion', 'labeling_ranking', 'labeling_rankedcompletion')
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> Iterator[None]:
    with models_in(tmp_path):
        yield


def export(**asked: str) -> Callable[[Project], object]:
    return lambda project: sum(len(each.rows) for each in exports.table(checked(project, Wanted(**asked))).blocks)


def rows_read(read: Callable[[Project], object], rows: int) -> int:
    project = make_project()
    with connection.cursor() as cursor:
        ranked = [{"labeler": "ann", "ranks": [1, 2]}]
        import_lines(project, (json.dumps(row(f"q{n}", rankings=ranked)).encode() for n in range(rows)))
        cursor.execute(UNSEEN)
        before = _read()
        read(project)
    return _read() - before


def _read() -> int:
    with connection.cursor() as cursor:
        cursor.execute(READ)
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    "read",
    [datasets.freeze, export(), export(what="rankings"), export(what="podium"), export(columns="provenance")],
    ids=["freeze", "pairs", "rankings", "podium", "provenance"],
)
def test_four_times_as_many_rankings_are_four_times_as_many_rows(read: Callable[[Project], object]) -> None:
    few, many = (rows_read(read, rows) for rows in (300, 1200))
    assert few > 0
    assert many <= 5 * few, (few, many)
