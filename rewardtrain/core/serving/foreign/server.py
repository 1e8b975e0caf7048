"""One HTTP server of somebody else's: its address, and requests to it that end, whatever it answers."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3

from formats import values
from rewardtrain.core.errors import ConfigError, CoreError

KINDS = ("vllm", "tei")
SECONDS = 30.0  # for one request, to the last byte of its answer
MOST_BYTES = 8 * 2**20  # of an answer: some hundred rows of a few numbers
_EXAMPLE = "give NAME=vllm:http://host:8000, or tei: and an address; a token stands in it, http://x:TOKEN@host"


class ForeignError(CoreError):
    """The server can't be reached, or its answer is none that we can use."""


@dataclass(frozen=True)
class Address:
    """Where a server is, of which kind, and what opens it."""

    kind: str
    url: str  # without the token
    token: str = field(default="", repr=False)


def parse_address(argument: str) -> tuple[str, Address]:
    """Reads NAME=KIND:URL, as the operator writes it. Raises ConfigError, which doesn't show a token."""
    name, _, value = argument.partition("=")
    kind, _, url = value.partition(":")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"the address of a server for {name[:80]!r} can't be read; {_EXAMPLE}") from None
    if not name or kind not in KINDS or parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ConfigError(f"the server for {name[:80]!r} is none of {' and '.join(KINDS)}; {_EXAMPLE}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    where = host if port is None else f"{host}:{port}"
    plain = urlunsplit((parts.scheme, where, parts.path.rstrip("/"), "", ""))
    return name, Address(kind, plain, unquote(parts.password or ""))


def parse_addresses(arguments: Sequence[str]) -> dict[str, Address]:
    """Reads each by parse_address. Raises ConfigError, for a name that stands twice too."""
    found: dict[str, Address] = {}
    for name, address in map(parse_address, arguments):
        if name in found:
            raise ConfigError(f"{name!r} has two servers; put a balancer before them, and give its address")
        found[name] = address
    return found


class Server:
    """Its method may be called from several threads."""

    def __init__(self, address: Address, *, seconds: float = SECONDS) -> None:
        self.address, self._seconds = address, seconds
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=8, retries=False)
        self._headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}

    def post(self, path: str, body: object) -> Any:
        """Gives what it answers. A redirect is no answer: the token would go wherever it points. Raises
        ForeignError."""
        ends = time.monotonic() + self._seconds
        timeout = urllib3.Timeout(connect=3.0, read=self._seconds)
        try:
            response = self._pool.request(
                "POST", self.address.url + path, json=body, headers=self._headers, timeout=timeout,
                redirect=False, preload_content=False,
            )  # fmt: skip
            try:
                content = self._read(response, ends)
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ForeignError(f"{self.address.url} doesn't answer ({type(error).__name__})") from error
        if response.status != 200:
            words = content[:200].decode(errors="replace").strip()
            raise ForeignError(f"{self.address.url} answers {response.status}: {words!r}")
        try:
            return values.parse(content.decode())
        except ValueError as error:
            raise ForeignError(f"{self.address.url} answers what is no JSON") from error

    def _read(self, response: urllib3.BaseHTTPResponse, ends: float) -> bytes:
        parts, size = [], 0
        while part := response.read1(2**16):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise ForeignError(f"the answer of {self.address.url} is over {MOST_BYTES // 2**20} MiB")
            if time.monotonic() > ends:
                raise ForeignError(f"{self.address.url} has not ended its answer within {self._seconds:.0f} s")
        return b"".join(parts)


def shown(value: object) -> str:
    """Writes the beginning of what a server answered."""
    return json.dumps(value, default=str)[:80]
