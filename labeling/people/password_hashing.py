"""Passwords are hashed in turn: a hash takes most of a second of a core, on purpose, and every visitor can ask for one.

Half the cores of the machine hash at most, and few threads of a process wait for their turn, so that the pages of
everyone else go on. Who finds no place is told to come back (TooMany). All doors hash through here, because it is the
password hasher itself that waits.
"""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from labeling.errors import TooMany

RETRY_SECONDS = 3
GIVES_WAY = 10  # niceness
_LOOK_EVERY_SECONDS = 0.01


@dataclass(frozen=True)
class Patience:
    """How long somebody may wait for a turn, and beside how many others of the process."""

    seconds: float
    places: int


STRANGER = Patience(seconds=2.0, places=1)
KNOWN = Patience(seconds=8.0, places=2)  # the second place is theirs alone, whatever strangers send
patience: ContextVar[Patience] = ContextVar("patience", default=STRANGER)

_waiting = 0
_count = threading.Lock()


class WaitingPBKDF2(PBKDF2PasswordHasher):
    """Django's own hash, in turn."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        encode = super().encode
        with turn():
            return str(_hashers.submit(encode, password, salt, iterations).result())


@contextmanager
def turn() -> Iterator[None]:
    """Takes one of the machine's places to hash. Raises TooMany('busy')."""
    place = _free_place()
    if place is None:
        with _waits(patience.get()) as deadline:
            while (place := _free_place()) is None:
                if time.monotonic() > deadline:
                    raise TooMany("busy", seconds=RETRY_SECONDS)
                time.sleep(_LOOK_EVERY_SECONDS)
    try:
        yield
    finally:
        os.close(place)


def refuse_a_crowd() -> None:
    """Raises TooMany('busy') where a turn would be refused at once: before anything else is spent on the request."""
    if _waiting >= patience.get().places:
        raise TooMany("busy", seconds=RETRY_SECONDS)


def places() -> int:
    return max(1, (os.cpu_count() or 1) // 2)


@contextmanager
def _waits(own: Patience) -> Iterator[float]:
    global _waiting
    with _count:
        if _waiting >= own.places:
            raise TooMany("busy", seconds=RETRY_SECONDS)
        _waiting += 1
    try:
        yield time.monotonic() + own.seconds
    finally:
        with _count:
            _waiting -= 1


def _free_place() -> int | None:
    """Locks a free file, which the kernel unlocks with its process, however that ends."""
    folder = Path(settings.DATA_DIR) / "locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(places()):
        descriptor = os.open(folder / f"hash.{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return descriptor
    return None


def _give_way() -> None:
    """Lowers the thread's priority alone, which only Linux has; there is no way back up for an ordinary user."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + GIVES_WAY)  # 19 at most


# The threads that hash: a password takes as long as it takes, and pages go first.
_hashers = ThreadPoolExecutor(max_workers=places(), thread_name_prefix="hash", initializer=_give_way)
