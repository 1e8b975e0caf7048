"""While a backup is made the files of frozen versions stay, by a lock that needs no session of its own: PgBouncer in
transaction mode gives the next statement to another connection."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError

from labeling.errors import Conflict
from labeling.models.project_lock import files_stay, lock_files
from operations.backup.backup import back_up
from operations.backup.errors import BackupError
from operations.backup.progress import Silent

pytestmark = pytest.mark.django_db(transaction=True)

HOLDERS = """
SELECT activity.pid, activity.state, activity.backend_xmin FROM pg_locks JOIN pg_stat_activity activity USING (pid)
WHERE locktype = 'advisory' AND mode = 'ShareLock' AND activity.datname = current_database()
"""


def holders() -> list[tuple[Any, ...]]:
    """Who holds the lock: the process, whether it is in a transaction, and the snapshot that holds VACUUM up."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS)
        return list(cursor.fetchall())


def end_holder() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [holders()[0][0]])


def is_locked() -> bool:
    try:
        with transaction.atomic():
            lock_files()
    except Conflict:
        return True
    return False


def test_it_is_a_transactions_and_not_a_sessions() -> None:
    with files_stay():
        connection.close()  # the session that began the backup
        assert is_locked()
        [(_, state, snapshot)] = holders()
        assert (state, snapshot) == ("idle in transaction", None)
        with transaction.atomic(), files_stay():  # a second backup, in a transaction of its own
            assert len(holders()) == 2
        assert is_locked()
    assert not is_locked()
    assert holders() == []


def test_it_is_given_back_where_the_backup_fails() -> None:
    with pytest.raises(ZeroDivisionError), files_stay():
        _ = 1 / 0
    assert holders() == []


def test_a_limit_on_transactions_that_wait_does_not_end_it() -> None:
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET idle_in_transaction_session_timeout = 500')  # ms
    try:
        with files_stay():
            until = time.monotonic() + 0.8
            while time.monotonic() < until:
                assert is_locked()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{name}" RESET idle_in_transaction_session_timeout')


class Broken(Silent):
    """Loses the lock's connection as soon as files are copied."""

    def begin(self, part: str, total: int) -> None:
        if part == "Files":
            end_holder()


def test_a_backup_that_lost_it_is_none(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="was lost: begin again"), files_stay():
        end_holder()
    with pytest.raises(BackupError, match="What was written is no backup"):
        back_up(tmp_path / "site.tar.zst", Broken())
    assert list(tmp_path.iterdir()) == []
    back_up(tmp_path / "site.tar.zst", Silent())
    assert not is_locked()


def test_who_replaces_a_file_is_in_a_transaction() -> None:
    with pytest.raises(TransactionManagementError):
        lock_files()
