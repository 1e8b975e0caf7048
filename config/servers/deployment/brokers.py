"""Redis: is it there, does it keep what it is given, and can others read along."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from config.servers import preflight
from config.servers.deployment.databases import LOCAL, skew
from config.servers.deployment.finding import Said, error, warning

KEEPS_ALL = "noeviction"


def look() -> Iterator[Said]:
    name = preflight.title("valkey", settings.DATA_DIR)
    try:
        preflight.ask_broker(settings)
    except preflight.Unusable as unusable:
        yield error(f"{name} {unusable}")
        return
    with preflight.broker(settings) as client:
        before = time.time()
        seconds, microseconds = client.time()
        yield from skew(name, seconds + microseconds / 1e6, before, time.time())
        policy = client.info("memory").get("maxmemory_policy", KEEPS_ALL)
    if policy != KEEPS_ALL:
        yield warning(
            f"{name} throws messages away where its memory is full (maxmemory-policy is {policy}): set it to "
            f"{KEEPS_ALL}, and take another Redis for caches."
        )
    yield from _on_the_way(name)
    yield from _sentinels(name)


def _on_the_way(name: str) -> Iterator[Said]:
    places = settings.REDIS.sentinels or ((urlsplit(settings.REDIS.url).hostname or "", 0),)
    if settings.REDIS.ssl is None and any(host not in LOCAL for host, _ in places):
        yield warning(
            f"{name} is asked without TLS: write rediss:// (or sentinels://) where it speaks it, unless nobody else is "
            "on that network."
        )


def _sentinels(name: str) -> Iterator[Said]:
    """Most of them have to answer, or nobody makes another server the master. One name may be that of all of them."""
    import redis

    places, away = settings.REDIS.sentinels, []
    for host, port in places:
        try:
            with redis.Redis(host=host, port=port, **settings.REDIS.transport_options["sentinel_kwargs"]) as sentinel:
                sentinel.ping()
        except (redis.RedisError, OSError):
            away.append(f"{host}:{port}")
    if away:
        yield warning(f"{name} has {len(places)} Sentinels, of which {', '.join(away)} can't be asked: look there.")
