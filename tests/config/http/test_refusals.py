"""A form or a request for another address than the site's: what the page says, and to whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

STALE = "This form was open for too long"
LOGIN = "/accounts/login/"

pytestmark = pytest.mark.django_db


def send(**headers: str) -> Any:
    return Client(enforce_csrf_checks=True).post(LOGIN, {"login": "ada"}, headers=headers)


def says(response: Any, *sentences: str) -> None:
    page = response.content.decode()
    for sentence in sentences:
        assert escape(sentence) in page
    assert STALE not in page


def test_a_stale_form_keeps_its_own_words() -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.get(LOGIN)
    response = browser.post(LOGIN, {"csrfmiddlewaretoken": "a" * 64}, headers={"origin": "http://testserver"})
    assert response.status_code == 403
    assert STALE in response.content.decode()


def test_a_host_that_the_proxy_replaced_is_named_with_the_one_that_was_asked() -> None:
    response = send(host="127.0.0.1", origin="https://podium.example.org")
    assert response.status_code == 403
    says(
        response,
        "https://podium.example.org",
        "http://127.0.0.1",
        "The proxy replaces the name podium.example.org by 127.0.0.1: let it pass on `Host` unchanged",
        "add https://podium.example.org to CSRF_TRUSTED_ORIGINS",
    )


def test_https_that_podium_does_not_know_of_is_named() -> None:
    says(send(host="localhost", origin="https://localhost"), "Podium doesn't know of it: set PODIUM_HTTPS=1.")


def test_a_missing_and_a_wrong_x_forwarded_proto_are_told_apart(settings: Any) -> None:
    settings.HTTPS, settings.SECURE_PROXY_SSL_HEADER = True, ("HTTP_X_FORWARDED_PROTO", "https")
    says(send(host="localhost", origin="https://localhost"), "the proxy doesn't send X-Forwarded-Proto")
    wrong = {"host": "localhost", "origin": "https://localhost", "x-forwarded-proto": "http"}
    says(send(**wrong), "the proxy says `X-Forwarded-Proto: http`")
    says(
        send(**wrong | {"origin": "http://localhost", "x-forwarded-proto": "https"}),
        "let it redirect http to https",
    )


def test_a_lost_port_is_named() -> None:
    says(send(host="localhost", origin="http://localhost:8443"), "The port is lost on the way", "`$http_host`")


def test_https_that_is_asked_for_and_not_there_is_named(settings: Any) -> None:
    settings.HTTPS, settings.SECURE_PROXY_SSL_HEADER = True, ("HTTP_X_FORWARDED_PROTO", "https")
    says(send(host="localhost", origin="http://localhost"), "PODIUM_HTTPS is on, and the page was opened with http")


def test_a_referer_serves_where_a_browser_sends_no_origin(settings: Any) -> None:
    settings.HTTPS, settings.SECURE_PROXY_SSL_HEADER = True, ("HTTP_X_FORWARDED_PROTO", "https")
    referer = {
        "host": "localhost",
        "x-forwarded-proto": "https",
        "referer": "https://podium.example.org/accounts/login/",
    }
    says(send(**referer), "The proxy replaces the name podium.example.org by localhost")


@pytest.mark.parametrize("origin", ["null", "http://[", "http://a:b", "javascript:alert(1)", "x" * 9000])
def test_an_origin_that_is_none_breaks_nothing(origin: str) -> None:
    response = send(host="localhost", origin=origin)
    assert response.status_code == 403
    assert len(response.content) < 20_000


def test_what_a_request_says_is_escaped_and_never_kept_by_a_cache() -> None:
    response = send(host="localhost", origin='http://<script>alert("1")</script>')
    assert b"<script>alert" not in response.content
    assert "no-store" in response.headers["Cache-Control"]


def test_a_page_tells_nobody_what_the_settings_hold(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["secret.example.org"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://hidden.example.org"]
    response = Client().get(LOGIN, headers={"host": "evil.example"})
    assert response.status_code == 400
    says(response, "evil.example", "add that name without its port to ALLOWED_HOSTS", "let it pass on `Host` unchanged")
    assert b"secret.example.org" not in response.content
    assert b"hidden.example.org" not in response.content


def test_a_name_that_the_proxy_tells_beside_its_own_is_named() -> None:
    response = Client().get(LOGIN, headers={"host": "upstream", "x-forwarded-host": "podium.example.org"})
    says(response, "The proxy replaces the name podium.example.org by upstream")


def test_the_api_says_it_in_its_own_shape() -> None:
    response = Client().get("/api/v1/projects/", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert response.json()["type"] == "client_error"
    assert "add that name without its port to ALLOWED_HOSTS" in response.json()["errors"][0]["detail"]
