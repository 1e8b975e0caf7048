"""A database as it was before some migrations, for tests of what an upgrade makes of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

Targets = list[tuple[str, str]]  # application and migration


@contextmanager
def older(before: Targets) -> Iterator[MigrationExecutor]:
    """Takes the tables back to these migrations, and forward again at the end, those of every application.

    What goes back takes with it whatever was built on it, of other applications too.
    """
    executor = MigrationExecutor(connection)
    try:
        executor.migrate(before)
        executor.loader.build_graph()
        yield executor
    finally:
        upgrade(executor)


def upgrade(executor: MigrationExecutor, to: Targets | None = None) -> None:
    """Migrates on from wherever it stands, to the newest of all where nothing else is said."""
    executor.loader.build_graph()
    executor.migrate(to or executor.loader.graph.leaf_nodes())
