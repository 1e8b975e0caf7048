"""Counting costs as much as is written, also where the statistics say that the tables are empty."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from labeling.models import Project, User
from tests.factories import join, make_project
from tests.labeling.plans import FILLED

pytestmark = pytest.mark.django_db
# What a vacuum notes of a table whose rows have been deleted, as those of an import that was undone.
EMPTIED = """
UPDATE pg_class SET reltuples = 0, relpages = 100 WHERE relkind = 'r' AND relname LIKE 'labeling\\_%';
"""
# By an index, as the functions that count do; PostgreSQL's own look at a key goes through a table that it thinks empty.
FETCHED = """
SELECT sum(idx_tup_fetch) FROM pg_stat_xact_user_tables
WHERE relname IN ('labeling_ranking', 'labeling_rankedcompletion')
"""


def fetched(project: Project, labeler: User, rows: int) -> int:
    """Counts the rows of rankings that are read while so many prompts, some of them ranked, are written."""
    with connection.cursor() as cursor:
        cursor.execute(FETCHED)
        before: Any = cursor.fetchone()
        cursor.execute(FILLED, {"project": project.pk, "labeler": labeler.pk, "rows": rows})
        cursor.execute(FETCHED)
        after: Any = cursor.fetchone()
    return int(after[0] - before[0])


def test_twice_as_many_rankings_cost_twice_as_much_in_tables_that_were_emptied() -> None:
    with connection.cursor() as cursor:
        cursor.execute(EMPTIED)
    costs = []
    for rows in (200, 400, 800):
        project = make_project()
        costs.append(fetched(project, join(project), rows))
    assert costs[0] > 0
    assert costs[2] <= 5 * costs[0], costs
