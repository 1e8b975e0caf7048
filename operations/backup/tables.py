"""The rows of all tables, by COPY in text form, which no version of PostgreSQL reads otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection
from psycopg import sql

from operations.backup.archive import Writer
from operations.backup.manifest import Sequence, Table, piece_name
from operations.backup.progress import Progress

LEFT_OUT = {"django_session"}  # whoever found the file could go on as whoever was logged in
PIECE = 4 * 2**20  # bytes of rows that are in memory at a time


def begin_snapshot(cursor: Any) -> None:
    """Lets this transaction see what is there now, whatever others write. It has to be the first statement."""
    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    cursor.execute("SET LOCAL statement_timeout = 0")
    cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def ours(cursor: Any) -> list[str]:
    """Lists the tables of today's models, and that of the migrations, in which those that others refer to come first:
    some references are looked at row by row."""
    names = {*connection.introspection.django_table_names(only_existing=True), "django_migrations"} - LEFT_OUT
    cursor.execute(
        "SELECT of.relname, target.relname FROM pg_constraint JOIN pg_class of ON of.oid = conrelid "
        "JOIN pg_class target ON target.oid = confrelid "
        "WHERE contype = 'f' AND of.relnamespace = current_schema()::regnamespace AND conrelid <> confrelid"
    )
    needs: dict[str, set[str]] = {name: set() for name in names}
    for name, target in cursor.fetchall():
        if name in names and target in names:
            needs[name].add(target)
    return list(_in_order(needs))


def _in_order(needs: dict[str, set[str]]) -> Iterator[str]:
    done: set[str] = set()

    def visit(name: str, above: frozenset[str]) -> Iterator[str]:
        if name not in done and name not in above:  # in a circle one goes first, with a reference that can wait
            for target in sorted(needs[name]):
                yield from visit(target, above | {name})
            done.add(name)
            yield name

    for name in sorted(needs):
        yield from visit(name, frozenset())


def sizes(cursor: Any, names: Iterable[str]) -> int:
    """Sums the bytes that the tables have on disk, of which their rows' text is about as long."""
    cursor.execute("SELECT sum(pg_table_size(name::regclass)) FROM unnest(%s::text[]) name", (list(names),))
    return int(cursor.fetchone()[0] or 0)


def copy_out(cursor: Any, name: str, archive: Writer, progress: Progress) -> Table:
    columns = columns_of(cursor, name)
    pieces = rows = size = 0
    held = bytearray()

    def store() -> None:
        nonlocal pieces
        pieces += 1
        archive.add(piece_name(name, pieces), bytes(held))
        held.clear()

    with cursor.copy(_statement("COPY {} ({}) TO STDOUT", name, columns)) as copy:
        for row in copy:  # a line each: a line break in a text is written as \n
            held += row
            rows += 1
            if len(held) >= PIECE:
                progress.advance(len(held), rows_in(held))
                size += len(held)
                store()
    if held:
        progress.advance(len(held), rows_in(held))
        size += len(held)
        store()
    return Table(name, columns, rows, size, pieces)


def rows_in(data: bytearray) -> int:
    return data.count(b"\n")


def columns_of(cursor: Any, name: str) -> list[str]:
    """Lists those that aren't computed from others."""
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
        "AND attgenerated = '' ORDER BY attnum",
        (name,),
    )
    return [column for (column,) in cursor.fetchall()]


def sequences_of(cursor: Any, names: Iterable[str]) -> list[Sequence]:
    """Reads where ids go on. A sequence knows no snapshot; after the rows were read it is past all of them."""
    cursor.execute(
        "SELECT of.relname, attname, pg_get_serial_sequence(quote_ident(of.relname), attname) "
        "FROM pg_class of JOIN pg_attribute ON attrelid = of.oid "
        "WHERE of.relnamespace = current_schema()::regnamespace AND of.relname = ANY(%s) AND attnum > 0 "
        "AND NOT attisdropped AND pg_get_serial_sequence(quote_ident(of.relname), attname) IS NOT NULL ORDER BY 1, 2",
        (list(names),),
    )
    found = []
    for name, column, sequence in cursor.fetchall():
        cursor.execute(f"SELECT last_value, is_called FROM {sequence}")
        found.append(Sequence(name, column, *cursor.fetchone()))
    return found


# --- Back in ----------------------------------------------------------------------------------------------------------


def begin_filling(cursor: Any, names: Iterable[str]) -> None:
    """Empties the tables and stops what the rows did when they were written first. Any owner of the tables may."""
    for name in names:
        cursor.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(name)))
    cursor.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def copy_in(cursor: Any, table: Table, pieces: Iterator[bytes], progress: Progress) -> int:
    """Gives the number of rows."""
    with cursor.copy(_statement("COPY {} ({}) FROM STDIN", table.name, table.columns)) as copy:
        for piece in pieces:
            copy.write(piece)
            progress.advance(0, piece.count(b"\n"))
    return int(cursor.rowcount)


def end_filling(cursor: Any, names: Iterable[str], sequences: Iterable[Sequence]) -> None:
    """Looks at all references and lets triggers work again. Raises IntegrityError."""
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for name in names:
        cursor.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(sql.Identifier(name)))
    for each in sequences:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(quote_ident(%s), %s), %s, %s)",
            (each.table, each.column, each.last, each.called),
        )


def _statement(words: str, name: str, columns: list[str]) -> sql.Composed:
    return sql.SQL(words).format(sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns)))
