"""Emptying the tables after a test that committed, and keeping what many tests begin with.

Django's `flush` truncates every table, which makes as many files anew, and then makes the rows of content types and
permissions that it has just thrown away: a third of a second, whatever the test did.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

FROM_MIGRATIONS = {"django_migrations", "django_content_type", "auth_permission"}  # the same after each test
LARGE = 2**20  # bytes: rows that are only deleted stay in their file until it is truncated


Kept = dict[str, bytes]  # by table, as COPY writes it


def empty() -> None:
    """Leaves the tables as `flush` does, by what is in them."""
    with transaction.atomic(), connection.cursor() as cursor:
        names = _names(cursor)
        tables = ", ".join(f'"{name}"' for name in names)
        cursor.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")  # waits for a thread that still writes
        sizes = ", ".join(f"""pg_relation_size('"{name}"')""" for name in names)
        cursor.execute(f"SELECT greatest({sizes})")
        if cursor.fetchone()[0] > LARGE:
            cursor.execute(f"TRUNCATE {tables}")
            return
        filled = _filled(cursor, names)
        _without_rules(cursor)
        for name in filled:
            cursor.execute(f'DELETE FROM "{name}"')


def keep() -> Kept:
    """All that the tables hold now."""
    with connection.cursor() as cursor:
        kept = {}
        for name in _filled(cursor, _names(cursor)):
            with cursor.copy(f'COPY "{name}" TO STDOUT') as rows:
                kept[name] = b"".join(bytes(each) for each in rows)
        return kept


def put_back(kept: Kept) -> None:
    """Into empty tables. The sequences have gone on, so that nothing new gets an id of what was kept."""
    with transaction.atomic(), connection.cursor() as cursor:
        _without_rules(cursor)
        for name, rows in kept.items():
            with cursor.copy(f'COPY "{name}" FROM STDIN') as copy:
                copy.write(rows)


def _names(cursor: Any) -> list[str]:
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return sorted({name for (name,) in cursor.fetchall()} - FROM_MIGRATIONS)


def _filled(cursor: Any, names: list[str]) -> list[str]:
    asked = ", ".join(f"""CASE WHEN EXISTS (SELECT FROM "{name}") THEN '{name}' END""" for name in names)
    cursor.execute(f"SELECT array_remove(ARRAY[{asked}], NULL)")
    found: list[str] = cursor.fetchone()[0]
    return found


def _without_rules(cursor: Any) -> None:
    """Neither foreign keys nor triggers until the transaction ends: all that was there together goes or comes."""
    cursor.execute("SET LOCAL session_replication_role = replica")
