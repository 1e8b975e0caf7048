from __future__ import annotations

import socket

import pytest
from django.db import connection
from django.test import Client

from config.environment import addresses
from config.servers import embedded
from tests.factories import make_user
from tests.labeling.api.client import as_user, errors_of


def test_healthz_answers_without_a_database() -> None:
    response = Client().get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_readyz_says_that_both_servers_answer(servers: embedded.Lease) -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response.json()) == (200, {"database": "ok", "broker": "ok"})


@pytest.mark.django_db
def test_readyz_names_the_broker_that_does_not_answer(settings: pytest.FixtureRequest) -> None:
    settings.REDIS = addresses.redis("", "redis://:secret@127.0.0.1:1/0")  # type: ignore[attr-defined]
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "broker": "unreachable (ConnectionError)"}


@pytest.mark.django_db
def test_readyz_asks_a_silent_broker_once(settings: pytest.FixtureRequest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        settings.REDIS = addresses.redis("", f"redis://127.0.0.1:{silent.getsockname()[1]}/0")  # type: ignore[attr-defined]
        response = Client().get("/readyz")
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert response.json() == {"database": "ok", "broker": "unreachable (TimeoutError)"}


@pytest.mark.django_db(transaction=True)
def test_readyz_names_the_database_that_does_not_answer(servers: embedded.Lease) -> None:
    place = connection.settings_dict["HOST"], connection.settings_dict["OPTIONS"].get("host")
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        response = Client().get("/readyz")
    finally:
        connection.settings_dict["HOST"] = place[0]
        connection.close()
    assert response.status_code == 503
    assert response.json() == {"database": "unreachable (OperationalError)", "broker": "ok"}


@pytest.mark.django_db
def test_metrics_are_for_administrators() -> None:
    answers = [as_user(user).get("/metrics") for user in (None, make_user(), make_user(superuser=True))]
    assert [answer.status_code for answer in answers] == [401, 403, 200]
    errors_of(answers[0])
    assert b"django_http_requests_before_middlewares_total" in answers[2].content
