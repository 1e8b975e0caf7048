"""Each part of a deployment, wrong in each way, says so and what to do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

import jobs.notify
from config.environment import addresses, direct
from config.servers import embedded
from config.servers.deployment import brokers, databases, files, processes, site
from config.servers.deployment.finding import Said
from tests.config.helpers import REPOSITORY, environ, free_port, valkey, wait_until
from tests.config.servers.pgbouncer import pgbouncer


def said(look: Callable[[], Iterator[Said]]) -> str:
    return "\n".join(f"{level} {sentence}" for level, sentence in look())


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@pytest.fixture
def database(django_db_setup: None, settings: Any) -> str:
    name = settings.DATABASES["default"]["NAME"]
    return embedded.database_url(settings.DATA_DIR).replace("/podium?", f"/{name}?")


def test_a_database_that_loses_answers_is_an_error(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own runs so, for nobody misses their data."""
    monkeypatch.setenv("DATABASE_URL", database)
    assert said(databases.look) == (
        f"error The database of DATABASE_URL ({database}) runs with fsync off and loses answers when its machine "
        "stops: set fsync = on."
    )


def test_a_pool_wants_the_databases_own_address_too(
    database: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    with pgbouncer(settings.DATA_DIR) as port:
        name = settings.DATABASES["default"]["NAME"]
        monkeypatch.setenv("DATABASE_URL", f"postgresql://podium@127.0.0.1:{port}/{name}")
        assert "is a pool such as PgBouncer" in said(databases.look)
        monkeypatch.setenv(direct.VARIABLE, database)
        assert "pool" not in said(databases.look)
        monkeypatch.setenv(direct.VARIABLE, f"postgresql://podium@127.0.0.1:{free_port()}/{name}")
        assert f"error The database of {direct.VARIABLE} can't be opened: " in said(databases.look)


def read_anew(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Django's own settings of the database stay, for the tests' connections have them."""
    read = addresses.database("DATABASE_URL", "")
    monkeypatch.setattr(databases, "settings", SimpleNamespace(DATABASES={"default": read}, DATA_DIR=folder))


def test_a_database_that_is_away_or_far_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = f"postgresql://me:w0rd@127.0.0.1:{free_port()}/podium"
    monkeypatch.setenv("DATABASE_URL", url)
    read_anew(monkeypatch, tmp_path)
    found = said(databases.look)
    assert "can't be reached: Connection refused." in found
    assert "w0rd" not in found
    for address, words in (("db.example.org", "sslmode=verify-full"), ("localhost", "")):
        monkeypatch.setenv("DATABASE_URL", f"postgresql://me@{address}/podium")
        read_anew(monkeypatch, tmp_path)
        assert words in said(lambda: databases._on_the_way("It"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@db.example.org/podium?sslmode=verify-full")
    read_anew(monkeypatch, tmp_path)
    assert said(lambda: databases._on_the_way("It")) == ""


def test_a_clock_that_differs_is_told_apart_from_a_slow_answer() -> None:
    assert list(databases.skew("It", 105.0, 100.0, 110.0)) == []
    assert list(databases.skew("It", 111.0, 100.0, 110.0)) == []
    assert "is 20 s ahead of this machine's" in said(lambda: databases.skew("It", 130.0, 100.0, 110.0))
    assert "is 40 s behind this machine's" in said(lambda: databases.skew("It", 60.0, 100.0, 110.0))


def test_a_server_that_keeps_what_a_vanished_machine_had_locked_is_said() -> None:
    usual = said(lambda: databases.vanished("It", 7200, 75, 9))  # of Linux, which PostgreSQL leaves as they are
    assert usual.startswith("warning It keeps the locks of a machine that vanished for 131 minutes: set tcp_keepalives")
    assert list(databases.vanished("It", 5, 2, 3)) == []
    assert list(databases.vanished("It", 0, 0, 0)) == []


# --- Redis ----------------------------------------------------------------------------------------------------------


def test_a_redis_that_throws_messages_away_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    with valkey(tmp_path, "--maxmemory-policy", "allkeys-lru") as port:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")
        settings.REDIS = addresses.redis("REDIS_URL", "")
        assert "maxmemory-policy is allkeys-lru" in said(brokers.look)
    assert "error " in said(brokers.look)  # it is gone
    with valkey(tmp_path) as port:
        settings.REDIS = addresses.redis("", f"redis://127.0.0.1:{port}/0")
        assert said(brokers.look) == ""


# --- Files ----------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, settings: Any) -> None:
    settings.MODEL_DIR = tmp_path / "models"
    assert "error" not in said(files.look)
    assert list(settings.MODEL_DIR.iterdir()) == []  # it leaves nothing
    (tmp_path / "file").touch()
    settings.MODEL_DIR = tmp_path / "file" / "models"
    assert "can't be written (Not a directory): give the user" in said(files.look)


# --- The other processes --------------------------------------------------------------------------------------------


@contextmanager
def worker(database: str, folder: Path, **changes: str) -> Iterator[None]:
    variables = environ(DATABASE_URL=database, **changes)
    words = [sys.executable, "-m", "celery", "--app", "config", "--quiet", "worker", "--loglevel", "INFO"]
    words += ["--pool", "threads", "--concurrency", "1", "--queues", "default,train", "--hostname", "far@%h"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, cwd=REPOSITORY, env=variables, stdout=log, stderr=log)
    try:
        wait_until(lambda: " ready." in (folder / "log").read_text(), 90, (folder / "log").read_text)
        yield
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.django_db
def test_who_works_on_which_queue_with_which_key_and_folder(database: str, tmp_path: Path, settings: Any) -> None:
    found = said(processes.workers)
    assert [f"No worker takes the queue {queue}" in found for queue in processes.QUEUES] == [True] * 3
    redis = embedded.redis_url(settings.DATA_DIR)
    theirs = {"REDIS_URL": redis, "SECRET_KEY": "another", "PODIUM_DATA_DIR": str(tmp_path)}
    with worker(database, tmp_path, **theirs):
        found = wait_for_answers(3)
    assert "No worker takes the queue head, so heads wait" in found
    assert found.count("No worker takes") == 1
    assert "The workers far@" in found
    assert "have another SECRET_KEY" in found
    assert "don't see what this process writes to PODIUM_MODEL_DIR" in found
    ours = {"SECRET_KEY": settings.SECRET_KEY, "PODIUM_MODEL_DIR": str(settings.MODEL_DIR)}
    with worker(database, tmp_path, **theirs | ours):
        assert "No worker takes the queue head" in wait_for_answers(1)


def wait_for_answers(lines: int) -> str:
    """A worker on a busy machine answers late now and then."""
    found: list[str] = []

    def are_there() -> bool:
        found.append(said(processes.workers))
        return len(found[-1].splitlines()) == lines and "queue default" not in found[-1]

    wait_until(are_there, 90, lambda: found[-1])
    return found[-1]


def test_of_many_workers_some_are_named() -> None:
    states = {f"w{n}": {"key": "another", "sees_files": True, "time": 0.0} for n in range(1000)}
    found = said(lambda: processes._of_machines(states, "0" * 32, time.time()))
    assert "The workers w0, w1, w10, w100, w101 and 995 more have another SECRET_KEY" in found
    assert found.count("The clock of") == processes.NAMED


def test_the_last_sweep_tells_whether_beat_ticks(servers: Any, settings: Any) -> None:
    broker = jobs.notify._broker(settings.REDIS)
    broker.delete("podium.swept")
    assert "Nothing sweeps (no sweep is known of)" in said(processes.beat)
    jobs.notify.note_sweep()
    assert said(processes.beat) == ""
    broker.set("podium.swept", time.time() - 300)
    assert "Nothing sweeps (the last sweep was 300 s ago)" in said(processes.beat)


class Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def test_each_scoring_service_is_asked(settings: Any) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        good = f"http://127.0.0.1:{server.server_port}"
        settings.REWARDS_URL = good
        assert said(processes.rewards) == ""
        gone = f"http://me:w0rd@127.0.0.1:{free_port()}"
        settings.REWARDS_URL = f"{good},{good}/other,{gone}"
        found = said(processes.rewards)
        server.shutdown()
    assert f"The scoring service at {good}/other isn't ready (it answers 503)" in found
    assert "me:***@127.0.0.1" in found
    assert "w0rd" not in found
    assert found.count("error ") == 2


# --- Settings -------------------------------------------------------------------------------------------------------


def test_the_settings_alone(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "staticfiles.json").touch()
    settings.ALLOWED_HOSTS, settings.HTTPS, settings.TRUSTED_PROXIES = ["podium.example.org"], True, 1
    assert said(site.look) == ""
    (tmp_path / "staticfiles.json").unlink()
    settings.ALLOWED_HOSTS, settings.TRUSTED_PROXIES, settings.SECRET_KEY = ["localhost"], 0, "short"
    found = said(site.look)
    for words in (
        "fewer than 32 letters",
        "machine's own names alone",
        "TRUSTED_PROXIES is 0",
        "`manage.py collectstatic`",
    ):
        assert words in found
    settings.ALLOWED_HOSTS, settings.HTTPS, settings.DEBUG = ["*"], False, True
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/podium")
    found = said(site.look)
    for words in ("SECRET_KEY isn't set", "ALLOWED_HOSTS is *", "PODIUM_HTTPS is off", "PODIUM_DEBUG is on"):
        assert words in found


def test_what_an_app_checks_of_its_own_is_among_it(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EXECUTORS = ["slurm"]
    monkeypatch.setenv("PATH", "/nowhere")
    assert "Mend it where the workers run" in said(site.look)
