"""A server of the operator's that can't be used is one sentence, in each process and before anything begins."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from config.environment import addresses, variables
from config.servers import embedded, preflight
from tests.config.helpers import REPOSITORY, environ, free_port, manage, valkey

PASSWORD = "w0rd"


@pytest.fixture
def sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """What `preflight.check` ends a process with, '' where it lets it go on."""

    def ends_with(name: str, url: str, tables: preflight.Tables = preflight.Tables.USES) -> str:
        monkeypatch.setenv(name, url)
        given = SimpleNamespace(
            DATABASES={"default": addresses.database("DATABASE_URL", "postgresql:///x")},
            REDIS=addresses.redis("REDIS_URL", "redis://x"),
            INSTALLED_APPS=settings.INSTALLED_APPS,
            DATA_DIR=tmp_path,
        )
        server = {variable: server for server, variable in embedded.SERVERS.items()}[name]
        try:
            preflight.check(given, [server], tables)
        except variables.WrongSetting as error:
            said = str(error)
            assert said.startswith(f"podium: The {'database' if server == 'postgres' else 'Redis'} of {name} (")
            assert "\n" not in said
            assert PASSWORD not in said
            return said
        return ""

    return ends_with


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@pytest.fixture
def database(django_db_setup: None) -> Iterator[str]:
    """The address of a migrated database, beside which there are an empty one and three roles."""
    make = """
        DROP DATABASE IF EXISTS bare; DROP ROLE IF EXISTS guest, reader, guarded; CREATE DATABASE bare;
        CREATE ROLE guest LOGIN; CREATE ROLE reader LOGIN SUPERUSER;
        CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'right'; ALTER ROLE reader SET default_transaction_read_only = on
    """
    access = settings.DATA_DIR / "postgres" / "pg_hba.conf"
    before = access.read_text()
    access.write_text(f"local all guarded scram-sha-256\n{before}")
    with psycopg.connect(embedded.database_url(settings.DATA_DIR), autocommit=True) as connection:
        for statement in [*make.split(";"), "SELECT pg_reload_conf()"]:
            connection.execute(statement)
    name = settings.DATABASES["default"]["NAME"]
    yield embedded.database_url(settings.DATA_DIR).replace("/podium?", f"/{name}?")
    access.write_text(before)


def test_a_database_that_cannot_be_used_is_one_sentence(sentence: Any, database: str, silent: int) -> None:
    said = {
        f"postgresql://me:{PASSWORD}@127.0.0.1:{free_port()}/podium": "can't be reached: Connection refused.",
        f"postgresql://me:{PASSWORD}@nowhere.invalid/podium": "can't be reached: ",
        f"postgresql://me:{PASSWORD}@127.0.0.1:{silent}/podium": "doesn't answer within 2 s.",
        database.replace("/test_", "/nothing_"): "can't be opened: ",
        database.replace("podium@", "nobody@"): 'role "nobody" does not exist',
        database.replace("podium@", f"guarded:{PASSWORD}@"): "password authentication failed",
        database.replace("podium@", "guest@"): "doesn't let this role read and write its tables, e.g. labeling_",
        database.replace("podium@", "reader@"): "can only be read",
        database.replace(settings.DATABASES["default"]["NAME"], "bare"): "more: run `manage.py migrate` first",
        "postgresql://podium@/podium?host=%2Fnowhere": "No such file or directory",
    }
    for url, words in said.items():
        assert words in sentence("DATABASE_URL", url), url
    assert sentence("DATABASE_URL", database) == ""


def test_who_migrates_needs_the_right_and_no_tables_yet(sentence: Any, database: str) -> None:
    makes = preflight.Tables.MAKES
    bare = database.replace(settings.DATABASES["default"]["NAME"], "bare")
    assert sentence("DATABASE_URL", bare, makes) == ""
    guest = bare.replace("podium@", "guest@")
    assert "lets this role make no tables" in sentence("DATABASE_URL", guest, makes)
    with psycopg.connect(bare, autocommit=True) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO guest")
        assert sentence("DATABASE_URL", guest, makes) == ""
        connection.execute("CREATE TABLE labeling_of_another ()")
        connection.execute("CREATE TABLE of_another_application ()")
        assert "doesn't let this role change its tables, e.g. labeling_of_another" in sentence(
            "DATABASE_URL", guest, makes
        )


def test_one_migration_that_is_missing_is_named(sentence: Any, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        try:
            connection.execute("UPDATE django_migrations SET app = 'was_mfa' WHERE app = 'mfa' AND name LIKE '0001%'")
            assert "lacks the migration mfa.0001_initial: run" in sentence("DATABASE_URL", database)
            connection.execute("INSERT INTO django_migrations VALUES (DEFAULT, 'labeling', '9999_of_a_newer', now())")
        finally:
            connection.execute("UPDATE django_migrations SET app = 'mfa' WHERE app = 'was_mfa'")
            assert sentence("DATABASE_URL", database) == ""  # the old version goes on while the new one is brought in
            connection.execute("DELETE FROM django_migrations WHERE name = '9999_of_a_newer'")


def test_the_migrations_are_those_that_django_finds() -> None:
    found = MigrationLoader(None).disk_migrations
    assert preflight.migrations(settings.INSTALLED_APPS) == {f"{app}.{name}" for app, name in found}


# --- Redis ----------------------------------------------------------------------------------------------------------


def test_a_redis_that_cannot_be_used_is_one_sentence(sentence: Any, tmp_path: Path, silent: int) -> None:
    users = "--user looker on >right ~* +ping +select --user worker on >right ~* +@all"
    with valkey(tmp_path, "--requirepass", "right", *users.split()) as port:
        said = {
            f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0": "can't be reached: Connection refused.",
            f"redis://:{PASSWORD}@nowhere.invalid": "can't be reached: ",
            f"redis://:{PASSWORD}@127.0.0.1:{silent}": "doesn't answer within 2 s.",
            f"redis://:{PASSWORD}@127.0.0.1:{port}": "can't be used: ",
            f"redis://127.0.0.1:{port}": "can't be used: Authentication required.",
            f"redis://looker:right@127.0.0.1:{port}": "can't be used: ",
            f"redis://:right@127.0.0.1:{port}/99": "can't be used: DB index is out of range.",
            f"rediss://:right@127.0.0.1:{port}": "It doesn't seem to speak TLS: redis:// is without.",
            "unix:///nowhere/valkey.sock": "No such file or directory",
        }
        for url, words in said.items():
            assert words in sentence("REDIS_URL", url), url
        for user_and_password in (":right", "worker:right"):
            assert sentence("REDIS_URL", f"redis://{user_and_password}@127.0.0.1:{port}/3") == ""
    with valkey(tmp_path, "--replicaof", f"127.0.0.1 {free_port()}") as port:
        assert "read only replica" in sentence("REDIS_URL", f"redis://127.0.0.1:{port}")


# --- Each process ---------------------------------------------------------------------------------------------------

CELERY = ["-m", "celery", "--app", "config", "--quiet"]
EACH = {
    "a command": ["manage.py", "create_token", "ada"],
    "shell": ["manage.py", "shell", "-v", "0", "-c", "print('went on')"],
    "migrate": ["manage.py", "migrate", "--no-input"],
    "up": ["manage.py", "up", "--no-sample"],
    "web": ["-m", "config.processes.web", "--workers", "1"],
    "worker": [*CELERY, "worker", "--pool", "threads", "--queues", "default"],
    "train": [*CELERY, "worker", "--pool", "threads", "--queues", "train"],
    "beat": [*CELERY, "beat"],
    "rewards": ["-m", "manage", "serve_rewards"],
}
WITHOUT_BROKER = {"a command", "shell", "migrate", "rewards"}  # a sweep finds what a lost message would have said


def ends(words: list[str], folder: Path, variables: dict[str, str]) -> str:
    """The one sentence that the process ends with."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=REPOSITORY,
        env=environ(PODIUM_DATA_DIR=str(folder), **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, ""), (words, done.stdout, done.stderr)
    (line,) = done.stderr.splitlines()
    return line


def test_every_process_says_it_of_its_database(tmp_path: Path, silent: int) -> None:
    """And of the one that is silent in two seconds: nothing that can be asked holds it up any longer."""
    variables = {"DATABASE_URL": f"postgresql://me:{PASSWORD}@127.0.0.1:{silent}/podium"}
    with ThreadPoolExecutor(2) as threads:
        said = threads.map(lambda words: ends(words, tmp_path, variables), EACH.values())
        assert set(said) == {
            f"podium: The database of DATABASE_URL (postgresql://me:***@127.0.0.1:{silent}/podium) doesn't answer "
            "within 2 s."
        }
    assert not (tmp_path / "valkey").exists()  # nothing was started before


@pytest.mark.django_db
def test_every_process_that_sends_messages_says_it_of_its_redis(database: str, tmp_path: Path) -> None:
    port = free_port()
    variables = {"DATABASE_URL": database, "REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{port}/0"}
    entries = [words for name, words in EACH.items() if name not in WITHOUT_BROKER]
    with ThreadPoolExecutor(2) as threads:
        said = threads.map(lambda words: ends(words, tmp_path, variables), entries)
        assert set(said) == {
            f"podium: The Redis of REDIS_URL (redis://:***@127.0.0.1:{port}/0) can't be reached: Connection refused."
        }
    assert manage(*EACH["shell"][1:], PODIUM_DATA_DIR=str(tmp_path), **variables).stdout.strip() == "went on"


def test_a_process_alone_says_that_podium_s_own_servers_do_not_run(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("web", "worker"):
        assert ends(EACH[name], tmp_path / "data", {}) == (
            f"podium: Podium's own database in {tmp_path}/data isn't running: "
            "`manage.py up` starts it and all of Podium."
        )


def test_a_command_on_podium_s_own_empty_database_says_what_comes_first(tmp_path: Path) -> None:
    said = ends(EACH["a command"], tmp_path / "data", {"REDIS_URL": "redis://127.0.0.1:1"})
    assert said.startswith(f"podium: Podium's own database in {tmp_path}/data lacks the migration account.0001_initial")
    assert said.endswith("run `manage.py migrate` first (`make run` does).")
