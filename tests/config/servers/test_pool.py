"""The pool of connections: none is asked at each request, and none that the server has ended fails a request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from config.environment import addresses
from config.servers import embedded
from config.servers.database import base
from config.servers.database.base import DatabaseWrapper


def pooled(settings_dict: dict[str, Any], *, alias: str = "pooled", **pool: Any) -> DatabaseWrapper:
    """Makes what a thread of the web server has: a wrapper whose connections are the pool's."""
    options = {**settings_dict["OPTIONS"], "pool": {"min_size": 1, "max_size": 16, "timeout": 4, **pool}}
    return DatabaseWrapper({**connection.settings_dict, **settings_dict, "OPTIONS": options}, alias=alias)


@pytest.fixture
def site(transactional_db: None) -> Iterator[DatabaseWrapper]:
    """Its pool has one connection: another, opened while the first takes its time to come, may be the next that is
    lent."""
    wrapper = pooled(connection.settings_dict, max_size=1)
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


@pytest.fixture
def large_site(transactional_db: None) -> Iterator[DatabaseWrapper]:
    wrapper = pooled(connection.settings_dict, alias="large")
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def request(site: DatabaseWrapper, sql: str = "SELECT pg_backend_pid()") -> int:
    """Does what a request does: it borrows, asks, and gives back. Returns the answer."""
    try:
        with site.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.fetchone()[0])
    finally:
        site.close()


def last_asked(backend: int) -> datetime:
    """Tells when something came to this backend last, an empty statement included, which is how a pool asks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state_change FROM pg_stat_activity WHERE pid = %s", (backend,))
        when: datetime = cursor.fetchone()[0]
        return when


def end_backends(backends: set[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) pid", (list(backends),))


def test_a_connection_is_lent_again_without_asking_the_server(site: DatabaseWrapper) -> None:
    backend = request(site)
    before = last_asked(backend)
    site.ensure_connection()
    assert last_asked(backend) == before
    site.close()
    assert request(site) == backend


def test_one_that_nobody_asked_for_long_is_asked(site: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = request(site)
    before = last_asked(backend)
    monkeypatch.setattr(base, "SILENT_SECONDS", 0.0)
    site.ensure_connection()
    assert last_asked(backend) > before


def test_one_that_the_server_ended_fails_no_request(site: DatabaseWrapper) -> None:
    backend = request(site)
    end_backends({backend})
    assert request(site) != backend


def test_all_of_the_pool_ended_at_once_fail_no_request(large_site: DatabaseWrapper) -> None:
    others = [large_site.copy("large") for _ in range(5)]
    for each in others:  # at once, so that each has one of its own
        each.ensure_connection()
    backends = {each.connection.info.backend_pid for each in others}
    for each in others:
        each.close()
    end_backends(backends)
    assert len(backends) == 5
    assert not {request(large_site) for _ in range(10)} & backends


def test_one_of_which_the_server_only_said_something_is_kept(site: DatabaseWrapper) -> None:
    """A notification, a changed setting: something to read, and no end."""
    backend = request(site)
    site.ensure_connection()
    site.connection.execute("LISTEN anything")
    site.close()
    with connection.cursor() as cursor:
        cursor.execute("NOTIFY anything")
    assert request(site) == backend


def test_a_restart_of_the_database_fails_no_request(transactional_db: None, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    site = pooled(addresses.database("UNSET", embedded.database_url(data_dir)))
    try:
        with embedded.running(data_dir):
            before = request(site, "SELECT extract(epoch FROM pg_postmaster_start_time()) * 1e6")
        with embedded.running(data_dir):
            assert request(site, "SELECT extract(epoch FROM pg_postmaster_start_time()) * 1e6") > before
    finally:
        site.close()
        site.close_pool()


def test_a_cursor_outside_of_a_transaction_is_none_of_the_session(site: DatabaseWrapper) -> None:
    """Django's forms list rows by `iterator()`: its named cursor would be asked on another connection of a pool."""
    with site.chunked_cursor() as cursor:
        cursor.execute("SELECT n FROM generate_series(1, 3) n")
        assert cursor.fetchmany(2) == [(1,), (2,)]
        assert cursor.fetchone() == (3,)
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert cursor.fetchone() == (0,)
