"""PostgreSQL away: 503 with Retry-After for pages and programs, whoever asks, and soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from config.environment import addresses
from tests.every_door import operations
from tests.factories import make_project, make_user
from tests.labeling.api.client import as_user, errors_of


@pytest.fixture
def away(transactional_db: None) -> Iterator[dict[str, Client]]:
    """Three who came while the database was there, and the database gone."""
    manager = make_user("manager")
    make_project(manager=manager, slug="helpful")
    program, browser = as_user(manager), Client(raise_request_exception=False)
    browser.force_login(manager)
    place = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        yield {"program": program, "browser": browser, "nobody": Client(raise_request_exception=False)}
    finally:
        connection.settings_dict["HOST"] = place
        connection.close()


def test_every_address_of_the_api_says_that_the_database_is_away(away: dict[str, Client]) -> None:
    for who in ("program", "browser"):
        for operation in operations():
            answer = away[who].generic(operation.method.upper(), operation.url.replace("{id}", "1"), b"{}")
            said = (answer.status_code, answer["Retry-After"], errors_of(answer))
            assert said == (503, "5", [("no_database", None)]), (who, operation)


@pytest.mark.parametrize(
    "path", ["/", "/p/helpful/", "/p/helpful/rank/", "/p/helpful/runs/", "/preferences/", "/admin/"]
)
def test_every_page_says_that_the_database_is_away(away: dict[str, Client], path: str) -> None:
    for ask in (away["browser"].get, away["browser"].post):
        answer = ask(path)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert b"can&#x27;t reach its database" in answer.content or b"can't reach its database" in answer.content


def test_what_needs_no_database_goes_on_without_one(away: dict[str, Client]) -> None:
    assert away["nobody"].get("/healthz").status_code == 200
    assert away["nobody"].get("/api/v1/projects/").status_code == 401
    assert away["nobody"].get("/api/schema/").status_code == 200


def test_a_request_waits_a_few_seconds_for_the_database_and_no_longer() -> None:
    found = addresses.database("DATABASE_URL", "postgresql://podium@127.0.0.1/podium")
    assert found["OPTIONS"]["pool"]["timeout"] <= 5
    assert found["OPTIONS"]["connect_timeout"] <= 5
    assert found["ENGINE"] == "config.servers.database"  # tests/config/servers/test_pool.py: what it spares a request


def test_a_link_that_was_cut_is_noticed_within_seconds_unless_the_address_says_otherwise() -> None:
    address = "postgresql://podium@127.0.0.1/podium"
    options = addresses.database("DATABASE_URL", address)["OPTIONS"]
    assert options["tcp_user_timeout"] == 10_000
    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 15
    longer = addresses.database("DATABASE_URL", f"{address}?tcp_user_timeout=30000")["OPTIONS"]
    assert int(longer["tcp_user_timeout"]) == 30_000


def test_no_message_waits_for_ever_for_a_broker_behind_a_cut_link() -> None:
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    assert options["socket_connect_timeout"] <= options["socket_timeout"] <= 5
    assert options["health_check_interval"] <= 5
