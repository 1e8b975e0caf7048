"""What all tests share: one embedded PostgreSQL and Valkey for the session, the shared data, a browser."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.core.servers.basehttp import WSGIRequestHandler
from django.test import TransactionTestCase
from django.utils import translation
from hypothesis import HealthCheck
from playwright.sync_api import Browser, expect, sync_playwright

from config.environment import folders
from config.servers import embedded
from tests import chromium as chromium_program
from tests.session import tables
from tests.session.light import Light
from tests.session.machine import Machine

# Hypothesis times neither its examples nor how they are made: a busy machine is no mistake.
hypothesis.settings.register_profile("podium", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.settings.load_profile("podium")
expect.set_options(timeout=20_000)  # ms; what comes late on a busy machine still comes

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--light", action="store_true", help="leave out what needs a browser or torch")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--light"):
        config.pluginmanager.register(Light())
    config.pluginmanager.register(Machine(config))


def pytest_collection_finish() -> None:
    """What was imported stays to the end: no collection of cycles has to look through it again."""
    gc.collect()
    gc.freeze()


def missing(what: str) -> NoReturn:
    """Skips a test that lacks something of the machine. On CI that is a failure: nothing is skipped there."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def servers() -> Iterator[embedded.Lease]:
    """The two servers, in the tests' own data directory, started once and only if a test asks for them."""
    data_dir = folders.data_directory()
    with embedded.running(data_dir) as lease:
        with psycopg.connect(embedded.database_url(data_dir), autocommit=True) as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):  # nobody misses a test's data
                connection.execute(f"ALTER SYSTEM SET {name} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield lease


@pytest.fixture(scope="session", autouse=True)
def _no_waits_of_the_live_server() -> None:
    """It sends headers and body apart: the kernel holds the second back for 40 ms, until the first is acknowledged."""
    WSGIRequestHandler.disable_nagle_algorithm = True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: embedded.Lease) -> Iterator[None]:
    """pytest-django's hook before it makes the test database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: tables.empty())
        yield


def pytest_unconfigure() -> None:
    """The data directory goes with the process: that of each worker, and that of the one that leads them."""
    shutil.rmtree(settings.DATA_DIR, ignore_errors=True)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """A request leaves its language to its thread; the next test begins in English again."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def _no_wait_after_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests send much that is refused; tests/labeling/requests/test_throttle.py gives the waits back."""
    monkeypatch.setattr("labeling.requests.throttle.LONGEST", 0.0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real preference data beside the repository; `shared/data/README.md` tells its format."""
    for folder in (REPOSITORY.parent / "shared" / "data", REPOSITORY / "shared" / "data"):
        if folder.is_dir():
            return folder
    missing(f"there is no real data at {REPOSITORY.parent / 'shared' / 'data'}")


@pytest.fixture(scope="session")
def needs_torch() -> None:
    """For a test that loads torch, itself or in a process that it starts: tests/session/light.py tells which."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for the session. A test opens its own context, so that nobody sees another's cookies."""
    path = chromium_program.chromium()
    if path is None:
        missing("there is no Chromium: `apt install chromium`, or `python -m playwright install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium_program.arguments())
        yield browser
        browser.close()
