"""The tables that a backup is put into: none of ours at first, then those of its own migrations, then today's."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from operations.backup import tables
from operations.backup.errors import BackupError
from operations.backup.manifest import About

FROM_MIGRATIONS = {"django_migrations", "django_content_type", "auth_permission"}  # filled before anybody comes
MARK = "restored from backup "


def check_known(about: About) -> None:
    """Raises BackupError where the backup has migrations that this Podium doesn't."""
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if later := [name for name in about.migrations if name not in known]:
        raise BackupError(
            f"The backup is of a later Podium, {about.podium}: it has the migration {later[0]}, which this one lacks. "
            "Restore it with that version or a later one."
        )


def filled(cursor: Any) -> dict[str, int]:
    """Counts the rows of tables that hold what somebody did."""
    found = {}
    for name in tables.ours(cursor):
        if name not in FROM_MIGRATIONS and _exists(cursor, name):
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name)))
            if n := cursor.fetchone()[0]:
                found[name] = n
    return found


def make(about: About) -> None:
    """Makes the empty tables anew, as the backup's Podium had them. What was half made before goes."""
    with connection.cursor() as cursor:
        _drop(cursor)
    executor = MigrationExecutor(connection)
    known = executor.loader.graph.nodes
    executor.migrate([key for key in (_key(name) for name in about.migrations) if key in known])


def migrate() -> None:
    """Brings them to today's, with functions, content types and permissions."""
    call_command("migrate", interactive=False, verbosity=0)


def check_tables(cursor: Any, wanted: Collection[str]) -> None:
    for name in wanted:
        if not _exists(cursor, name):
            raise BackupError(f"The backup has a table {name!r}, which its own migrations don't make: it was changed.")


def mark(cursor: Any, identity: str) -> None:
    """Says in the same transaction that the rows are all there."""
    cursor.execute(sql.SQL("COMMENT ON TABLE django_migrations IS {}").format(sql.Literal(MARK + identity)))


def is_marked(cursor: Any, identity: str) -> bool:
    cursor.execute("SELECT obj_description(to_regclass('django_migrations'), 'pg_class')")
    return bool(cursor.fetchone()[0] == MARK + identity)


def _drop(cursor: Any) -> None:
    names = [name for name in (*tables.ours(cursor), *tables.LEFT_OUT) if _exists(cursor, name)]
    if names:
        every = sql.SQL(", ").join(map(sql.Identifier, names))
        cursor.execute(sql.SQL("DROP TABLE {} CASCADE").format(every))
    cursor.execute(
        "SELECT oid::regprocedure::text FROM pg_proc "
        r"WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'podium\_%'"
    )
    for (function,) in cursor.fetchall():
        cursor.execute(f"DROP FUNCTION {function} CASCADE")


def _exists(cursor: Any, name: str) -> bool:
    cursor.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", (name,))
    return bool(cursor.fetchone()[0])


def _key(name: str) -> tuple[str, str]:
    app, _, migration = name.partition(".")
    return app, migration
