"""How many requests wait in each web process, so that kept connections move to the one where the fewest do.

Whoever asks keeps the connection, and which process it came to was chance: 20 of 32 labelers shared one process and
waited 220 ms for each answer, the other twelve 132 ms. Now the processes share a few numbers as memory, and one where
more wait than elsewhere closes a connection with an answer now and then: who asked comes again, to any of them. See
docs/decisions/0130-connections-move.md.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from array import array
from pathlib import Path

FILE = "PODIUM_WEB_WAITING"  # in the environment of the web processes: where the numbers are
PLACES = 256  # web processes at most; what is beyond them goes without
NOBODY = -1  # at a place that no process has
DIFFERENCE = 3  # in requests that wait, below which chance will do
PAUSE_SECONDS = 0.03  # between two connections that are closed, for what came of the last one to be seen


def share() -> None:
    """Makes the numbers for the processes that this one starts. They go with it, whatever ends it."""
    if hasattr(os, "memfd_create"):  # Linux
        file = os.memfd_create("podium-web-waiting")
        os.write(file, array("q", [NOBODY] * PLACES).tobytes())
        os.environ[FILE] = f"/proc/{os.getpid()}/fd/{file}"


class Balance:
    """This process's number of waiting requests, and those of the others. Each writes at its own place alone."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b", buffering=0)  # stays open, for a lock ends with that; so make one in a process
        self._waiting = memoryview(mmap.mmap(self._file.fileno(), 0)).cast("q")
        self._place = self._take_place()
        self._closed_at = 0.0

    def _take_place(self) -> int | None:
        """Takes the first place that no living process has locked: the kernel unlocks those of one that is killed."""
        for place in range(PLACES):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except BlockingIOError:
                continue
            self._waiting[place] = 0
            return place
        return None

    def close(self) -> None:
        """Leaves the place to another process."""
        if self._place is not None:
            self._waiting[self._place] = NOBODY
        self._file.close()

    def should_move(self, waiting: int) -> bool:
        """Tells the others that so many wait here, and whether one who asks had better ask elsewhere."""
        if self._place is not None:
            self._waiting[self._place] = waiting
        if waiting < DIFFERENCE or time.monotonic() < self._closed_at + PAUSE_SECONDS:
            return False
        if waiting - min(other for other in self._waiting.tolist() if other != NOBODY) < DIFFERENCE:
            return False
        self._closed_at = time.monotonic()
        return True


def of_this_process() -> Balance | None:
    """Gives None where this isn't one of several, or the system has no such memory."""
    path = os.environ.get(FILE)
    try:
        return Balance(Path(path)) if path else None
    except OSError:  # whoever started us is gone
        return None
