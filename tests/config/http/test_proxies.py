"""The visitor's address behind no proxy, one and several."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.http import HttpRequest, HttpResponse
from hypothesis import given
from hypothesis import strategies as st

from config.http import proxies

PEER = "10.0.0.9"


@pytest.mark.parametrize(
    ("count", "header", "address"),
    [
        (0, "203.0.113.7", PEER),  # nobody is believed unless the operator says so
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "127.0.0.1, 203.0.113.7", "203.0.113.7"),  # what stands before was sent by the visitor
        (1, "203.0.113.7,", PEER),
        (1, "", PEER),
        (2, "6.6.6.6, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", PEER),  # it did not come through both
        (1, "203.0.113.7:52100", "203.0.113.7"),
        (1, "[2001:DB8::0001]:443", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "2001:db8:0::1", "2001:db8::1"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
        *[(1, garbage, PEER) for garbage in ("unknown", "_hidden", "203.0.113", "1.2.3.4:x", "[::1", "[::1]x", "::1]")],
        (1, "1.2.3.4 5.6.7.8", PEER),
        (1, "," * 100_000 + "203.0.113.7", "203.0.113.7"),
    ],
)  # fmt: skip
def test_the_header_is_read_at_the_depth_of_the_proxies(count: int, header: str, address: str) -> None:
    assert proxies.address_of({"REMOTE_ADDR": PEER, "HTTP_X_FORWARDED_FOR": header}, proxies=count) == address


@pytest.mark.parametrize(("peer", "address"), [("", "127.0.0.1"), ("::ffff:192.0.2.3", "192.0.2.3"), ("::1", "::1")])
def test_a_unix_socket_s_peer_is_this_machine_and_ipv4_is_written_one_way(peer: str, address: str) -> None:
    assert proxies.address_of({"REMOTE_ADDR": peer}, proxies=0) == address


@given(st.text(max_size=60), st.integers(0, 3))
def test_what_a_visitor_sends_never_stands_left_of_what_the_proxies_say(sent: str, extra: int) -> None:
    count = extra + 1
    hops = ", ".join(["203.0.113.7", *["10.0.0.1"] * extra])
    meta = {"REMOTE_ADDR": PEER, "HTTP_X_FORWARDED_FOR": f"{sent}, {hops}"}
    assert proxies.address_of(meta, proxies=count) == "203.0.113.7"


def test_everything_behind_the_middleware_sees_one_address_and_no_header(settings: object) -> None:
    settings.TRUSTED_PROXIES = 1  # type: ignore[attr-defined]
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": PEER, "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.7"}
    proxies.VisitorsAddress(lambda request: HttpResponse())(request)
    assert request.META == {"REMOTE_ADDR": "203.0.113.7"}


def test_https_without_a_counted_proxy_is_warned_of(settings: object) -> None:
    settings.HTTPS, settings.TRUSTED_PROXIES = True, 0  # type: ignore[attr-defined]
    assert "podium.W001" in [message.id for message in run_checks()]
    settings.TRUSTED_PROXIES = 1  # type: ignore[attr-defined]
    assert "podium.W001" not in [message.id for message in run_checks()]
