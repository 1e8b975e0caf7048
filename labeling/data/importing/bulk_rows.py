"""Many new rows of a table by one COPY, which the table's constraints and triggers decide on as they do on INSERT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model
from psycopg import sql

_NEXT_KEYS = "SELECT nextval((SELECT pg_get_serial_sequence(%s, 'id')::regclass)) FROM generate_series(1, %s)"


def next_keys(model: type[Model], n: int) -> list[int]:
    """Takes n keys from the table's sequence: COPY gives none back, and what refers to the rows needs them."""
    if n == 0:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_KEYS, [model._meta.db_table, n])
        return [key for (key,) in cursor.fetchall()]


def copy_in(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes rows, values in the order of the columns, JSON as text; columns left out have the database's default.

    Raises DatabaseError as an INSERT would.
    """
    table, names = sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, names).as_string()
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
