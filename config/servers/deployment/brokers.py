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
    parts = urlsplit(settings.REDIS_URL)
    if parts.scheme == "redis" and (parts.hostname or "") not in LOCAL:
        yield warning(
            f"{name} is asked without TLS: write rediss:// where it speaks it, unless nobody else is on that network."
        )
