"""The acts of the queue as functions in the database: one statement and one round trip each, planned once a session.

Each is written in a .sql file beside the module that calls it, and put into the database after every migration, so that
the files are what runs; see docs/decisions/0131-acts-as-functions.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Field, JSONField, Model
from psycopg.rows import dict_row

PACKAGE = Path(__file__).resolve().parent.parent
Row = dict[str, Any]
_WHOLE_TABLES = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
M = TypeVar("M", bound=Model)


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.sql"))


def install(using: str = DEFAULT_DB_ALIAS, **_signal: object) -> None:
    """Puts every function into the database as its file says now. Twice is harmless.

    The tables are missing where the migrations were taken back to before the first one.
    """
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('labeling_preferencepair')")
        if cursor.fetchone() != (None,):
            for file in files():
                cursor.execute(file.read_text(encoding="utf-8"))


def call(name: str, **arguments: object) -> Row:
    """Calls a function that gives one row."""
    [row] = query(f"SELECT * FROM {name}({', '.join(f'{key} => %({key})s' for key in arguments)})", arguments)
    return row


def query(statement: str, values: Mapping[str, Any] | Sequence[Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.cursor.row_factory = dict_row  # less work than to have the columns described
        cursor.execute(statement, values)
        return cast(list[Row], cursor.fetchall())


@contextmanager
def by_index() -> Iterator[None]:
    """Has statements inside planned by the tables' keys, whatever the statistics say. Needs a transaction.

    These are of the last time that PostgreSQL looked: of 20,000 prompts that had just been imported freezing went
    through all rankings for each prompt, and took 31 s instead of one.
    """
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {way} = off" for way in _WHOLE_TABLES))
        yield
        cursor.execute("; ".join(f"SET LOCAL {way} TO DEFAULT" for way in _WHOLE_TABLES))


def loaded(model: type[M], values: Mapping[str, Any]) -> M:
    """Makes an object of what was read of it, by the names of its columns. Fields that are missing are read when they
    are asked for."""
    fields = [field for field in model._meta.concrete_fields if field.attname in values]
    return model.from_db(
        DEFAULT_DB_ALIAS,
        [field.attname for field in fields],
        [_as_field(field, values[field.attname]) for field in fields],
    )


def _as_field(field: Field[Any, Any], value: object) -> object:
    return json.loads(value) if isinstance(field, JSONField) and isinstance(value, str) else value
