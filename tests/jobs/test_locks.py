"""Only one of all processes, by a lock that needs no session: PgBouncer gives the next statement to another one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from jobs.locks import one_at_a_time, own_transaction

pytestmark = pytest.mark.django_db(transaction=True)

HOLDERS = """
SELECT activity.pid FROM pg_locks JOIN pg_stat_activity activity USING (pid)
WHERE locktype = 'advisory' AND activity.datname = current_database() AND activity.state = 'idle in transaction'
"""


def elsewhere(act: Callable[[], bool]) -> bool:
    """Does it on another thread's connection, as another process would."""
    answers: list[bool] = []

    def run() -> None:
        answers.append(act())
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return answers[0]


def is_free(name: str) -> bool:
    with one_at_a_time(name) as alone:
        return alone


def holders() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS)
        return [pid for (pid,) in cursor.fetchall()]


def test_it_is_one_at_a_time_for_each_name() -> None:
    with one_at_a_time("a") as alone:
        assert alone
        assert not elsewhere(lambda: is_free("a"))
        assert not is_free("a")  # for the same thread too
        assert elsewhere(lambda: is_free("b"))
    assert elsewhere(lambda: is_free("a"))
    assert holders() == []


def test_it_outlives_the_connection_and_the_transactions_of_who_holds_it() -> None:
    with one_at_a_time("a"):
        connection.close()
        assert not elsewhere(lambda: is_free("a"))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert not elsewhere(lambda: is_free("a"))


def test_it_is_given_back_where_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), one_at_a_time("a"):
        _ = 1 / 0
    assert is_free("a")


def test_who_waits_for_nothing_holds_no_transaction_open() -> None:
    with one_at_a_time("a"), one_at_a_time("a") as alone:
        assert not alone
        assert len(holders()) == 1


def test_a_lost_connection_is_said_and_fails_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), one_at_a_time("a"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", holders())
    assert "a was not alone for all of its time" in caplog.text
    assert is_free("a")


def test_no_limit_of_the_database_ends_it() -> None:
    with own_transaction() as own, own.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_timeout')"
        )
        assert cursor.fetchone() == ("0", "0")
