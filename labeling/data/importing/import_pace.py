"""An import that a web process runs gives way to those who label meanwhile: small turns, and a rest after each.

The process can't be given a lower priority, nor can one of its threads: it would be held up while it holds Python's
lock, and hold up the others.
"""

from __future__ import annotations

import time

from django.db import connection

# Transactions a second of the whole database, from which on somebody is taken to wait: a site at rest has a few a
# second, and a label takes six.
BUSY = 20
LOOK_EVERY = 1.0  # second: PostgreSQL's processes tell what they did about once a second
PARTS = 10  # of a batch
# So often and so long Python's lock is let go while lines are read, which else is taken for 5 ms at a time.
LINES, SECONDS = 10, 0.0005


class Pace:
    """Says how large a part of a batch to store at once, and rests as long as that took."""

    def __init__(self, *, gives_way: bool) -> None:
        self.gives_way = gives_way
        self.parts = 1
        self._looked, self._commits = time.monotonic(), _commits() if gives_way else 0

    def pause(self, lines: int) -> None:
        """Lets other threads of this process come first while so many lines are read."""
        if self.parts > 1 and lines % LINES == 0:
            time.sleep(SECONDS)

    def rest(self, seconds: float) -> None:
        """Lets others come first where there are any. `seconds` is what the part took; call it between transactions."""
        if not self.gives_way:
            return
        if (passed := time.monotonic() - self._looked) >= LOOK_EVERY:
            commits = _commits()
            self.parts = PARTS if is_busy(commits - self._commits, passed) else 1
            self._looked, self._commits = time.monotonic(), commits
        if self.parts > 1:
            time.sleep(seconds)


def is_busy(commits: int, seconds: float) -> bool:
    return commits > BUSY * seconds


def _commits() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
