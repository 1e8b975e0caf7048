"""Reads from a replica of the database what is long and only read, where the settings name one.

In a block of `reading` all queries of this thread go there, raw SQL too, and whoever writes in it is refused. What was
committed before the block began is seen in it: the replica is waited for until it has that, for some seconds at most,
and else the database itself is read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

ALIAS = "replica"
AWAY_SECONDS = 30  # for which one that could not be asked is not asked again
LOOK_SECONDS = 0.02

Piece = TypeVar("Piece")
logger = logging.getLogger(__name__)

_away_until = 0.0  # time.monotonic()


@contextmanager
def reading() -> Iterator[None]:
    """Has this thread read from the replica until the end of the block. In a transaction nothing changes."""
    primary = connections[DEFAULT_DB_ALIAS]
    copy = None if primary.in_atomic_block else _caught_up(primary)
    if copy is None:
        yield
        return
    primary.close()  # a pool gets it back, however long the block takes
    connections[DEFAULT_DB_ALIAS] = copy
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = primary
        copy.close()


def stream(pieces: Generator[Piece, None, None]) -> Generator[Piece, None, None]:
    """Yields what is read piece by piece, by the thread that asks for the pieces."""
    with reading():
        yield from pieces


def _caught_up(primary: BaseDatabaseWrapper) -> BaseDatabaseWrapper | None:
    """Gives the replica's connection once it has all that the database has now; None where it isn't to be had."""
    global _away_until
    if ALIAS not in connections.settings or time.monotonic() < _away_until:
        return None
    copy = connections[ALIAS]
    if copy is primary:  # in a block of its own
        return None
    with primary.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        (position,) = cursor.fetchone()
    try:
        trouble = _wait(copy, position)
    except (DatabaseError, InterfaceError) as error:
        _away_until = time.monotonic() + AWAY_SECONDS
        trouble = f"can't be asked and is left alone for {AWAY_SECONDS} s ({str(error).splitlines()[0]})"
    if trouble:
        copy.close()
        logger.warning("the database itself is read: its replica %s", trouble)
        return None
    return copy


def _wait(copy: BaseDatabaseWrapper, position: str) -> str:
    """Says what keeps the replica from having it, '' where it has."""
    deadline = time.monotonic() + settings.REPLICA_SECONDS
    with copy.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= %s::pg_lsn", [position])
            is_replica, has_it = cursor.fetchone()
            if not is_replica:
                return "is none: it takes writes of its own"
            if has_it:
                return ""
            if time.monotonic() > deadline:
                return f"is more than {settings.REPLICA_SECONDS} s behind"
            time.sleep(LOOK_SECONDS)
