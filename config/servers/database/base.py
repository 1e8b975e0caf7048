"""Django's backend for PostgreSQL, but a pooled connection is looked at before it is lent, and seldom asked.

Django's own check is a round trip at every request (CONN_HEALTH_CHECKS). A server that ends a connection says so on
its socket, and the kernel tells whether something has come without asking anybody.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool

# A firewall or a NAT that forgets idle connections says nothing to either side, and they do so after minutes.
SILENT_SECONDS = 30.0

Pool = ConnectionPool[Connection[Any]]

_lent: WeakKeyDictionary[Connection[Any], float] = WeakKeyDictionary()  # when each was last


class DatabaseWrapper(base.DatabaseWrapper):
    # Django's, of which its types say nothing.
    _connection_pools: dict[str, Pool]
    _configure_connection: Callable[[Connection[Any]], None]

    @property
    def pool(self) -> Pool | None:
        """Gives the pool of all threads, as Django does, whose own takes no other check."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        pools = self._connection_pools
        if self.alias not in pools:
            pools.setdefault(self.alias, self._new_pool(options))  # two threads may come at once; it is not open yet
        return pools[self.alias]

    def chunked_cursor(self) -> Any:
        """Gives a named cursor in a transaction, and else an ordinary one, which fetches all rows.

        PostgreSQL keeps a named cursor beyond its transaction only for its session, and through PgBouncer in
        transaction mode the next statement is another session's. Django asks for one wherever a form lists rows.
        """
        return super().chunked_cursor() if self.in_atomic_block else self.cursor()

    def _new_pool(self, options: dict[str, Any]) -> Pool:
        pool: Pool = ConnectionPool(
            kwargs={**self.get_connection_params(), "autocommit": True},  # Django sets it later on
            open=False,  # by the first who needs a connection
            configure=self._configure_connection,
            check=lambda connection: check(connection, pool),
            **options,
        )
        return pool


def check(connection: Connection[Any], pool: Pool) -> None:
    """Asks the server where it has said something since, as it does when it ends the connection, or where nobody
    has asked it for long.

    Raises OperationalError where the connection can't be used: the pool gives another. Those of a server that was
    restarted are all thrown away then, for the pool waits 1, 2, 4 seconds after each, and then gives up.
    """
    now = time.monotonic()
    if has_news(connection) or now - _lent.get(connection, now) > SILENT_SECONDS:
        try:
            pool.check_connection(connection)
        except OperationalError:
            pool.check()
            raise
    _lent[connection] = now


def has_news(connection: Connection[Any]) -> bool:
    """Tells whether something can be read, the end included. Costs a call of the kernel (1 us)."""
    poll = select.poll()  # not select(), which takes no descriptor above 1023
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
