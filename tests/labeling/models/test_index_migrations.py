"""Indexes come while people work, and a migration that was killed half-way goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext

from tests.session.older import older

BEFORE, AFTER = [("labeling", "0021_queue_positions")], [("labeling", "0023_own_day")]
INDEXES = {"prompt_waiting", "prompt_settled", "prompt_held", "ranking_labeler", "ranking_day"}


@pytest.fixture
def before(transactional_db: None) -> Iterator[MigrationExecutor]:
    with older(BEFORE) as executor:
        yield executor


def valid() -> dict[str, bool]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = ANY(%s)",
            [list(INDEXES)],
        )
        return dict(cursor.fetchall())


def test_indexes_of_lists_are_built_beside_those_who_write(before: MigrationExecutor) -> None:
    assert valid() == {}
    with CaptureQueriesContext(connection) as statements:
        before.migrate(AFTER)
    built = [query["sql"] for query in statements if query["sql"].startswith("CREATE INDEX")]
    assert len(built) == len(INDEXES)
    assert all(sql.startswith("CREATE INDEX CONCURRENTLY") for sql in built)
    assert valid() == dict.fromkeys(INDEXES, True)


def test_a_migration_that_was_killed_half_way_goes_on(before: MigrationExecutor) -> None:
    """One index was built, another left unfinished: what PostgreSQL leaves is there and serves nobody."""
    with connection.cursor() as cursor:
        for table, name, columns in (
            ("labeling_prompt", "prompt_waiting", "project_id, id"),
            ("labeling_ranking", "ranking_labeler", "labeler_id"),
        ):
            cursor.execute(f"CREATE INDEX {name} ON {table} ({columns})")
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ranking_labeler'::regclass")
        cursor.execute("SELECT 'prompt_waiting'::regclass::oid")
        [oid] = cursor.fetchone()
    before.migrate(AFTER)
    assert valid() == dict.fromkeys(INDEXES, True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'prompt_waiting'::regclass::oid, pg_get_indexdef('ranking_labeler'::regclass)")
        kept, definition = cursor.fetchone()
    assert kept == oid
    assert definition.endswith("(labeler_id, id)")
