"""The address of Sentinels, as redis-py and as Celery have it."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from config.environment import sentinels, variables


def read(monkeypatch: pytest.MonkeyPatch, url: str) -> Any:
    monkeypatch.setenv("REDIS_URL", url)
    return sentinels.redis("REDIS_URL", "")


def test_it_names_who_is_asked_and_for_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, "sentinel://me:p%40ss@a.example,[::1]:26380,c:1/ours/2?sentinel_password=theirs")
    assert found.sentinels == (("a.example", 26379), ("::1", 26380), ("c", 1))
    assert (found.master, found.ssl) == ("ours", None)
    assert found.options == {"username": "me", "password": "p@ss", "db": 2}
    assert found.broker_url.startswith("sentinel://me:p%40ss@a.example:26379/2;sentinel://me:p%40ss@")
    assert found.transport_options["master_name"] == "ours"
    asked = found.transport_options["sentinel_kwargs"]
    assert (asked["password"], asked["socket_timeout"], asked["socket_connect_timeout"]) == ("theirs", 0.5, 0.5)
    assert asked["retry"].get_retries() == 0  # the next one is asked instead


def test_tls_is_for_the_sentinels_and_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, "sentinels://:word@a,b,c/ours?ssl_ca_certs=/ca.pem")
    checked = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, "ssl_ca_certs": "/ca.pem"}
    assert found.ssl == checked
    assert found.options == {"password": "word", "ssl": True, **checked, "db": 0}
    assert found.transport_options["sentinel_kwargs"]["ssl"] is True


def test_other_addresses_are_read_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, "redis://:word@a:6379/3")
    assert (found.url, found.sentinels, found.transport_options) == ("redis://:word@a:6379/3", (), {})


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://:word@a:26379",
        "sentinel://:word@/ours",
        "sentinel://:word@a:0/ours",
        "sentinel://:word@a:99999/ours",
        "sentinel://:word@a,,b/ours",
        "sentinel://:word@a/ours/x",
        "sentinel://:word@a/ours?db=1",
        "sentinel://:word@a/ours?ssl_ca_certs=/ca.pem",
        "sentinels://:word@a/ours?ssl_cert_reqs=perhaps",
        f"sentinel://:word@{'a' * 5000} /ours",
    ],
)
def test_one_that_cannot_be_right_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(variables.WrongSetting) as refused:
        read(monkeypatch, url)
    said = str(refused.value)
    assert said.startswith("podium: REDIS_URL is 'sentinel")
    assert ":word@" not in said
    assert len(said) < 600
