"""Tells whoever listens that something happened, by the name of a Celery task: who that is, nobody here knows."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from functools import cache
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

EXPIRES_SECONDS = 60  # a sweep has long seen what is older
SOON_SECONDS = 0.2  # how much of what happens is one message
LOST_SECONDS = 10  # after which a message that nobody took is sent anew
PATIENCE_SECONDS = 0.5  # with a broker, for a door that somebody waits at
SWEEP_KNOWN_SECONDS = 86_400
SILENCE_SECONDS = 5  # after a broker that is away: a sweep comes as often

logger = logging.getLogger(__name__)

_SWEPT = "podium.swept"
_silent_until = 0.0  # time.monotonic() before which this process tells nobody of what happens often


def notify(task: str, *arguments: int) -> None:
    """Sends the task after the commit, asks the database nothing, and never fails the door that calls it."""
    transaction.on_commit(lambda: _send(task, arguments))


def notify_soon(task: str, subject: int) -> None:
    """Does so with one message for all that happens to the subject in a moment, for what happens often.

    The task is to call `begin` before it looks: what happens later sends the next message. Of a broker that is away one
    door waits in a while, half a second at most.
    """
    transaction.on_commit(lambda: _send_soon(task, subject))


def begin(task: str, subject: int) -> None:
    """Lets the next message through; what happened until now, the one who calls this is going to see."""
    try:
        _broker(settings.REDIS).delete(_mark(task, subject))
    except redis.RedisError as error:  # the mark goes by itself, and a sweep finds what was not told
        logger.warning("%s of %s stays marked as waiting: %s", task, subject, error)


def note_sweep() -> None:
    """Says that a sweep has begun, for who asks whether beat and workers are alive. It may be lost with Redis."""
    with suppress(redis.RedisError):
        _broker(settings.REDIS).set(_SWEPT, time.time(), ex=SWEEP_KNOWN_SECONDS)


def seconds_since_sweep() -> float | None:
    """Tells how long ago the last one began; None where none is known of. Raises RedisError."""
    began = _broker(settings.REDIS).get(_SWEPT)
    return None if began is None else max(0.0, time.time() - float(began))


def _send_soon(task: str, subject: int) -> None:
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        is_first = _broker(settings.REDIS).set(_mark(task, subject), 1, nx=True, px=1000 * LOST_SECONDS)
    except redis.RedisError as error:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        logger.warning("nobody is told %s %s, nor what follows for %s s: %s", task, subject, SILENCE_SECONDS, error)
        return
    if is_first:
        _send(task, (subject,), countdown=SOON_SECONDS)


def _send(task: str, arguments: tuple[int, ...], countdown: float | None = None) -> None:
    try:
        current_app.send_task(task, arguments, retry=False, expires=EXPIRES_SECONDS, countdown=countdown)
    except OperationalError as error:
        logger.warning("nobody is told %s %s: %s", task, arguments, error)


def _mark(task: str, subject: int) -> str:
    """Names what is there while a message waits."""
    return f"podium.waiting.{task}.{subject}"


@cache
def _broker(address: Any) -> redis.Redis:
    """Keeps its connections for the process. A second try would be a second wait."""
    once = Retry(NoBackoff(), 0)
    client: redis.Redis = address.client(
        retry=once, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
    )
    return client
