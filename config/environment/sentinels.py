"""Reads REDIS_URL, which may name Sentinels: these know which of several servers is the master by now."""

import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from config.environment import addresses
from config.environment.addresses import Redis, certificates, hidden
from config.environment.variables import refuse, text

PORT = 26379
SECONDS = 0.5  # for each of them: the next is asked where one is away
EXAMPLE = (
    "it is sentinel://:PASSWORD@HOST:26379,HOST:26379,HOST:26379/MASTER/0, sentinels:// for TLS, and behind that "
    "?sentinel_password=... where the Sentinels want one of their own."
)
_HOST = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")
_ADDRESS = re.compile(r"(sentinels?)://(?:([^@/]*)@)?([^@/?#]+)/([\w.-]+)(?:/(\d{1,4}))?(?:\?([^#]*))?")


def redis(name: str, default: str) -> Redis:
    """Raises WrongSetting."""
    url = text(name, default)
    if not re.match(r"sentinels?:", url):
        return addresses.redis(name, default)
    found = _ADDRESS.fullmatch(url)
    if found is None:
        refuse(name, hidden(url), EXAMPLE)
    scheme, user, hosts, master, number, query = found.groups()
    options = dict(parse_qsl(query or "", keep_blank_values=True))
    login = _login(user or "")
    own = {"password": options.pop("sentinel_password")} if "sentinel_password" in options else {}
    if "sentinel_username" in options:
        own["username"] = options.pop("sentinel_username")
    tls = {key: options.pop(key) for key in list(options) if key.startswith("ssl_")}
    if options or (tls and scheme == "sentinel"):
        refuse(name, hidden(url), f"{', '.join(options or tls)} is not understood there: {EXAMPLE}")
    ssl = certificates(name, url, tls) if scheme == "sentinels" else None
    return _read([_host(name, url, host) for host in hosts.split(",")], master, int(number or 0), login, own, ssl, url)


def _read(
    hosts: list[tuple[str, int]],
    master: str,
    number: int,
    login: dict[str, str],
    own: dict[str, str],
    ssl: dict[str, Any] | None,
    url: str,
) -> Redis:
    from redis.backoff import NoBackoff  # where no Sentinels are, nothing of it is needed
    from redis.retry import Retry

    encrypted = {"ssl": True, **ssl} if ssl is not None else {}
    once = Retry(NoBackoff(), 0)  # the next one is asked instead
    asked = {**own, **encrypted, "retry": once, "socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
    words = ":".join(quote(login.get(part, ""), safe="") for part in ("username", "password")) if login else ""
    places = [f"sentinel://{words}{'@' if words else ''}{host}:{port}/{number}" for host, port in hosts]
    return Redis(
        url,
        ";".join(places),  # as Celery spells them
        ssl,
        sentinels=tuple(hosts),
        master=master,
        options={**login, **encrypted, "db": number},
        transport_options={"master_name": master, "sentinel_kwargs": asked},
    )


def _login(user: str) -> dict[str, str]:
    name, colon, password = user.partition(":")
    said = {"username": unquote(name), "password": unquote(password)} if colon else {"username": unquote(name)}
    return {part: word for part, word in said.items() if word}


def _host(name: str, url: str, written: str) -> tuple[str, int]:
    found = _HOST.fullmatch(written)
    if found is None or not 0 < int(found[2] or PORT) < 65536:
        refuse(name, hidden(url), EXAMPLE)
    return found[1].strip("[]"), int(found[2] or PORT)
