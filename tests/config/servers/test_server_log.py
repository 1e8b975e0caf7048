"""PostgreSQL's own log says what went wrong, and nothing of whom: no name and no text of a row, whatever fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, errors

from config.servers import embedded
from tests.config.helpers import wait_until

NAME = "Qzlena77"
ENDLESS = f"SELECT count(*) FROM generate_series(1, 10000000000) WHERE '{NAME}' <> ''"
TABLE = """
CREATE TABLE person (id int PRIMARY KEY, name varchar(60) NOT NULL UNIQUE, words text CHECK (words NOT LIKE 'Qz%'));
"""
# A statement with the name in it, why it fails, and what the log says of it.
REFUSED = [
    ("INSERT INTO person VALUES (2, %s)", errors.UniqueViolation, "duplicate key value violates unique constraint"),
    ("INSERT INTO person VALUES (2, 'a', %s)", errors.CheckViolation, "violates check constraint"),
    ("INSERT INTO person VALUES (NULL, %s)", errors.NotNullViolation, "violates not-null constraint"),
    ("INSERT INTO person VALUES (2, repeat(%s, 9))", errors.StringDataRightTruncation, "value too long"),
    ("SELECT nothing FROM person WHERE name = %s", errors.UndefinedColumn, 'column "nothing" does not exist'),
    ("SELECT %s::text FROM person WHERE 1 / (id - 1) = 0", errors.DivisionByZero, "division by zero"),
    ("DO $$BEGIN RAISE EXCEPTION 'refused' USING DETAIL = '" + NAME + "'; END$$", errors.RaiseException, "refused"),
]  # fmt: skip


@pytest.fixture
def server() -> Iterator[Path]:
    """A PostgreSQL as `up` starts it, in a folder that isn't too deep for its socket."""
    path = Path(tempfile.mkdtemp(prefix="pod-")) / "data"
    with embedded.running(path, frozenset({"postgres"})):
        with opened(path) as connection:
            connection.execute(TABLE)
            connection.execute("INSERT INTO person VALUES (1, %s)", [NAME])
            connection.execute("INSERT INTO person VALUES (3, 'b')")
        yield path
    shutil.rmtree(path.parent, ignore_errors=True)


def opened(folder: Path) -> Connection[Any]:
    return psycopg.connect(embedded.database_url(folder), autocommit=True)


def test_an_error_is_logged_without_the_row_and_the_statement(server: Path) -> None:
    for statement, error, _ in REFUSED:
        with opened(server) as connection, pytest.raises(error):
            connection.execute(statement, [NAME] if "%s" in statement else None)
    with opened(server) as connection, pytest.raises(errors.InvalidTextRepresentation):
        copy_in(connection, f"x\t{NAME}\n")
    wait_too_long(server)
    deadlock(server)
    log, others = log_of(server), ("statement timeout", "lock timeout", "deadlock detected", "invalid input syntax")
    for words in (*(words for _, _, words in REFUSED), *others):
        assert words in log, words
    assert " 23505 ERROR: " in log  # the state, by which an operator finds what it is
    assert NAME.lower() not in log.lower()


def test_a_crash_is_logged_without_what_the_process_was_doing(server: Path) -> None:
    """Which PostgreSQL else says as DETAIL; nobody has to have made an error."""
    with contextlib.suppress(psycopg.OperationalError), opened(server) as connection:
        busy = threading.Thread(target=run_into_the_crash, args=[connection])
        busy.start()
        with opened(server) as other:
            active = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid = %s"
            pid = connection.info.backend_pid
            wait_until(lambda: bool(other.execute(active, [pid]).fetchone()), 20, lambda: log_of(server))
            os.kill(pid, signal.SIGKILL)
            busy.join()
    wait_until(lambda: "terminated by signal 9" in log_of(server), 20, lambda: log_of(server))
    assert NAME.lower() not in log_of(server).lower()


def test_what_the_cluster_is_set_to_changes_nothing(server: Path) -> None:
    """Whoever has looked for slow statements once may have left it in postgresql.conf."""
    with opened(server) as connection:
        for name, value in {"log_statement": "all", "log_min_duration_statement": 0}.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")
    with opened(server) as connection:
        connection.execute("SELECT * FROM person WHERE name = %s", [NAME])
        assert connection.execute("SHOW log_statement").fetchone() == ("none",)
    assert NAME.lower() not in log_of(server).lower()


def log_of(folder: Path) -> str:
    return (folder / "logs" / "postgres.log").read_text()


def copy_in(connection: Connection[Any], line: str) -> None:
    with connection.cursor().copy("COPY person FROM STDIN") as copy:
        copy.write(line)


def run_into_the_crash(connection: Connection[Any]) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        connection.execute(ENDLESS)


def wait_too_long(folder: Path) -> None:
    """For a row that somebody else changes."""
    change = "UPDATE person SET words = '' WHERE name = %s"
    with opened(folder) as first, first.transaction():
        first.execute(change, [NAME])
        for limit in ("statement_timeout", "lock_timeout"):
            with opened(folder) as connection:
                connection.execute(f"SET {limit} = 50")  # ms
                with pytest.raises(psycopg.OperationalError):
                    connection.execute(change, [NAME])


def deadlock(folder: Path) -> None:
    """Two who wait for each other's row: one is told so."""
    told: list[object] = []
    both = threading.Barrier(2)

    def change(first: str, then: str) -> None:
        with opened(folder) as connection:
            try:
                with connection.transaction():
                    connection.execute("UPDATE person SET words = '' WHERE name = %s", [first])
                    both.wait(20)
                    connection.execute("UPDATE person SET words = '' WHERE name = %s", [then])
            except errors.DeadlockDetected as error:
                told.append(error)

    threads = [threading.Thread(target=change, args=names) for names in ((NAME, "b"), ("b", NAME))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(told) == 1
