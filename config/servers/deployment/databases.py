"""PostgreSQL: can it be used as it is, and will it be able to tomorrow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
from django.conf import settings

from config.environment import direct
from config.environment.addresses import hidden
from config.environment.variables import text
from config.servers import preflight
from config.servers.deployment.finding import Said, error, warning

LEAST_VERSION = 14  # Django's
MOST_SKEW = 2.0  # s; leases and heartbeats are compared by the database's clock and by ours
MOST_BEHIND = 64 * 10**6  # bytes of the log
LONGEST_SILENCE = 120  # s
FULL = 0.9  # of its connections
LOCAL = ("", "localhost", "127.0.0.1", "::1")


def look() -> Iterator[Said]:
    name = preflight.title("postgres", settings.DATA_DIR)
    try:
        preflight.ask_database(settings, preflight.Tables.USES)
    except preflight.Unusable as unusable:
        yield error(f"{name} {unusable}")
        return
    with psycopg.connect(preflight.database_address(settings), connect_timeout=5, autocommit=True) as connection:
        yield from _server(name, connection)
        yield from _clock(name, connection)
        yield from _links(name, connection)
        yield from _pool(name, connection)
    yield from _on_the_way(name)
    if url := text("PODIUM_DATABASE_REPLICA_URL"):
        yield from _replica(f"The replica of PODIUM_DATABASE_REPLICA_URL ({hidden(url)})", url)


def _server(name: str, connection: psycopg.Connection[Any]) -> Iterator[Said]:
    asked = "SELECT current_setting('server_version_num')::int / 10000, current_setting('fsync') = 'on'"
    version, safe = connection.execute(asked).fetchone() or (0, False)
    if version < LEAST_VERSION:
        yield error(f"{name} is PostgreSQL {version}, and Podium needs {LEAST_VERSION} or newer: upgrade it.")
    if not safe:
        yield error(f"{name} runs with fsync off and loses answers when its machine stops: set fsync = on.")
    asked = (
        "SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity WHERE backend_type = "
        "'client backend'"
    )
    used, most = connection.execute(asked).fetchone() or (0, 1)
    if used > FULL * most:
        yield warning(
            f"{name} has {used} of at most {most} connections: raise max_connections to 16 for each process of "
            "Podium, or put PgBouncer before it (docs/operating.md)."
        )


def _clock(name: str, connection: psycopg.Connection[Any]) -> Iterator[Said]:
    before = time.time()
    [there] = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone() or (before,)
    yield from skew(name, float(there), before, time.time())


def skew(name: str, there: float, before: float, after: float) -> Iterator[Said]:
    """before, after: this machine's time around the moment in which the other told its own."""
    ahead = there - after if there > after else min(0.0, there - before)
    if abs(ahead) > MOST_SKEW:
        how = "ahead of" if ahead > 0 else "behind"
        yield error(f"The clock of {name} is {abs(ahead):.0f} s {how} this machine's: run NTP on both.")


def _links(name: str, connection: psycopg.Connection[Any]) -> Iterator[Said]:
    asked = (
        "SELECT current_setting('tcp_keepalives_idle')::int, current_setting('tcp_keepalives_interval')::int, "
        "current_setting('tcp_keepalives_count')::int WHERE inet_server_addr() IS NOT NULL"
    )
    if found := connection.execute(asked).fetchone():  # else it is on this machine
        yield from vanished(name, *found)


def vanished(name: str, idle: int, interval: int, count: int) -> Iterator[Said]:
    """idle, interval: seconds; count: of a server's keepalives. 0 is one that its system doesn't tell."""
    seconds = idle + interval * count
    if seconds > LONGEST_SILENCE:
        yield warning(
            f"{name} keeps the locks of a machine that vanished for {seconds / 60:.0f} minutes: set "
            "tcp_keepalives_idle = 5, tcp_keepalives_interval = 2, tcp_keepalives_count = 3 and tcp_user_timeout = 10s "
            "in postgresql.conf."
        )


def _pool(name: str, connection: psycopg.Connection[Any]) -> Iterator[Said]:
    """PgBouncer gives its clients a number of its own where PostgreSQL gives its process'."""
    [behind] = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    is_pool, own = behind != connection.info.backend_pid, text(direct.VARIABLE)
    if is_pool and not own:
        yield warning(
            f"{name} is a pool such as PgBouncer, whose limits may end a migration or a backup: set {direct.VARIABLE} "
            "to PostgreSQL's own address."
        )
    if own:
        try:
            psycopg.connect(own, connect_timeout=3).close()
        except psycopg.Error as away:
            yield error(f"The database of {direct.VARIABLE} can't be opened: {preflight.first_line(away)}")


def _on_the_way(name: str) -> Iterator[Said]:
    database = settings.DATABASES["default"]
    host = database["HOST"]
    if host not in LOCAL and not host.startswith("/") and "sslmode" not in database["OPTIONS"]:
        yield warning(
            f"{name} is asked without a check of its certificate: write ?sslmode=verify-full&sslrootcert=FILE behind "
            "its address, unless nobody else is on that network."
        )


def _replica(name: str, url: str) -> Iterator[Said]:
    """What it lacks is a warning, for without it the database itself is read."""
    asked = "SELECT pg_is_in_recovery(), current_setting('hot_standby_feedback') = 'on'"
    try:
        with (
            psycopg.connect(preflight.database_address(settings), connect_timeout=5) as primary,
            psycopg.connect(url, connect_timeout=5, autocommit=True) as connection,
        ):
            is_replica, keeps_rows = connection.execute(asked).fetchone() or (False, True)
            behind = _bytes_behind(primary, connection) if is_replica else 0
    except psycopg.Error as away:
        yield warning(f"{name} can't be opened, so exports read the database: {preflight.first_line(away)}")
        return
    if not is_replica:
        yield warning(f"{name} takes writes of its own, so it is no replica and isn't read: name one.")
        return
    if not keeps_rows:
        yield warning(f"{name} ends exports that take long: set hot_standby_feedback = on there.")
    if behind > MOST_BEHIND:
        yield warning(
            f"{name} is {behind / 1e6:.0f} MB of the log behind, so exports may read the database: look at "
            "pg_stat_replication."
        )


def _bytes_behind(primary: psycopg.Connection[Any], replica: psycopg.Connection[Any]) -> int:
    [position] = primary.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone() or ("0/0",)
    asked = "SELECT pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn())::bigint"
    [behind] = replica.execute(asked, [position]).fetchone() or (0,)
    return int(behind or 0)
