"""Whose request it is, where proxies stand in front of Podium.

A proxy appends the address of whoever asked it to `X-Forwarded-For`; what stands before was sent by a visitor and may
be made up. So with PODIUM_TRUSTED_PROXIES=2 the second address from the right is the visitor's, and with 0 the header
is never read. To WSGI a visitor's `X_Forwarded_For` is the same header, and nothing here could tell the two apart: a
proxy has to drop names with underscores, as nginx does unasked and Caddy by a line of docs/install.md.

Everything that asks for an address (the login's limits, axes' log of logins, allauth) reads REMOTE_ADDR, which is set
here, once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

from django.conf import settings
from django.core import checks
from django.http import HttpRequest
from django.http.response import HttpResponseBase

LOOPBACK = "127.0.0.1"  # also for a peer without an address: who opens a Unix socket is on this machine


class VisitorsAddress:
    """The outermost middleware: puts the visitor's address into REMOTE_ADDR and the header out of everybody's reach."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META["REMOTE_ADDR"] = address_of(request.META, proxies=settings.TRUSTED_PROXIES)
        request.META.pop("HTTP_X_FORWARDED_FOR", None)
        return self.get_response(request)


def address_of(meta: Mapping[str, str], *, proxies: int) -> str:
    """Gives the address `proxies` hops in front of us. Where the header is shorter, or holds no address there, it is
    the peer's: a request that did not come the whole way has no other that can be believed."""
    peer = parsed(meta.get("REMOTE_ADDR", "")) or LOOPBACK
    if proxies < 1:
        return peer
    hops = meta.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", proxies)[-proxies:]  # a long header costs no more
    return (parsed(hops[0]) if len(hops) == proxies else None) or peer


def parsed(text: str) -> str | None:
    """Gives an address as RFC 5952 writes it, without port, brackets, zone; None for anything else. IPv4 in IPv6 is
    IPv4."""
    text = text.strip()
    if text.startswith("["):  # [2001:db8::1]:443
        text, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not _is_port(rest)):
            return None
    elif text.count(":") == 1:  # 192.0.2.1:443
        text, _, rest = text.partition(":")
        if not _is_port(f":{rest}"):
            return None
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isascii() and text[1:].isdigit()


@checks.register
def check_proxies(**kwargs: object) -> list[checks.CheckMessage]:
    """A proxy that nobody counted makes all visitors one, and then one visitor's wrong passwords slow everybody."""
    if not settings.HTTPS or settings.TRUSTED_PROXIES:
        return []
    return [
        checks.Warning(
            "PODIUM_HTTPS says there is a proxy and PODIUM_TRUSTED_PROXIES that there is none: all visitors are one.",
            hint="Set PODIUM_TRUSTED_PROXIES=1 where one proxy sets X-Forwarded-For, 2 where two do.",
            id="podium.W001",
        )
    ]
