"""Calls made at the same time, each over a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import OperationalError, connection, connections, transaction

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Each call in a thread with a connection of its own, let go together."""
    start = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        try:
            start.wait()
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def waits(call: Callable[[], object]) -> bool:
    """Whether somebody on another connection has to wait for us."""

    def attempt() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        try:
            with transaction.atomic():
                call()
        except OperationalError as error:
            return "lock timeout" in str(error)
        return False

    return at_once([attempt])[0]
