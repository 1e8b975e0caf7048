"""What only one process of all may do at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, InterfaceError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

# Of this transaction alone. The second came with PostgreSQL 17.
_NO_END = """
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
"""

logger = logging.getLogger(__name__)


@contextmanager
def one_at_a_time(name: str) -> Iterator[bool]:
    """Tells whether the block is the only one of its name in all of Podium. The lock goes with its connection.

    Who loses that connection amid the block is not told: what runs here is harmless when two do it.
    """
    with own_transaction() as own:
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
            (taken,) = cursor.fetchone()
        if not taken:
            own.rollback()  # a pool gets it back, however long the block takes to say no
        yield taken
        if taken and not is_alive(own):
            logger.warning("%s was not alone for all of its time: the connection that held its lock was lost", name)


@contextmanager
def own_transaction() -> Iterator[BaseDatabaseWrapper]:
    """Opens a transaction beside whatever this thread does, on a connection that does nothing else, for locks that last
    as long as the block.

    A session's lock would stay with the connection where a pool (PgBouncer) lends it for one transaction only. Between
    two statements the transaction has no snapshot, so VACUUM goes on beside it, and PostgreSQL's limits on such
    transactions don't count.
    """
    own = connection.copy()
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute(_NO_END)
        yield own
    finally:
        with suppress(DatabaseError, InterfaceError):
            own.rollback()
        own.close()


def is_alive(own: BaseDatabaseWrapper) -> bool:
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return False
    return True
