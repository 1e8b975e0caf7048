"""Goes with a run's process to its end: its progress into the row, its heart's beat, and the reasons to end it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from jobs import child, lifecycle, shutdown
from rewardtrain.models import TrainingRun
from rewardtrain.training.run_progress import Progress, Tail

T = TypeVar("T")

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
BEAT_SECONDS = 1.0
# Of the silence after which another worker takes the run: so long a database may be away. A beat may take the rest, for
# two processes of one run must never write into one folder.
AWAY_SHARE = 0.75


class Reason(StrEnum):
    """Why we ended a training process that had not ended by itself."""

    NONE = ""
    CANCELLED = "cancelled"
    STOPPING = "stopping"
    SILENT = "silent"


@dataclass(frozen=True)
class Ended:
    code: int
    reason: Reason = Reason.NONE


def watch(run: TrainingRun, work: child.Work, tail: Tail | None, *, silence: float) -> Ended:
    """Goes with it to its end, or ends it: cancelled by a person, we shut down, it hangs, or the claim is lost."""
    try:
        return follow(run, work, tail, silence)
    finally:
        work.close()


def follow(run: TrainingRun, work: child.Work, tail: Tail | None, silence: float) -> Ended:
    heard = beaten = time.monotonic()
    progress, claim = Progress(run), Claim(run)
    while True:
        code = work.poll()
        now = time.monotonic()
        if tail and progress.read(tail.lines()):
            heard = now
        if code is not None or now - beaten >= BEAT_SECONDS:
            beaten = now
            cancel = claim.keep(progress)
            if code is not None and cancel is not None:
                return Ended(code)
            if reason := why_stop(cancel=bool(cancel), silent=code is None and now - heard > silence):
                return Ended(work.stop(), reason)
        work.wait(LOOK_SECONDS)


def alongside(run: TrainingRun, do: Callable[[], T]) -> T:
    """Does what takes a while without a process, a transfer say, and keeps the claim meanwhile. `do` has no database.

    Raises what it raises, and ClaimLost.
    """
    claim = Claim(run)
    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(copy_context().run, do)
        while True:
            done, _ = wait((doing,), timeout=BEAT_SECONDS)
            if done:
                return doing.result()
            claim.keep()


class Claim:
    """A run's claim, kept by a beat each second, though the database may be away for a while."""

    def __init__(self, run: TrainingRun) -> None:
        self.run = run
        self.kept = time.monotonic()
        self.is_away = False

    def keep(self, progress: Progress | None = None) -> bool | None:
        """Beats, and stores the progress. Tells whether a person asked to cancel; None while the database is away.

        Raises ClaimLost, and the database's error where another worker may soon take the run.
        """
        now, changes = time.monotonic(), progress.row() if progress else {}
        try:
            cancel = lifecycle.heartbeat(self.run, **changes)
            if progress:
                progress.store_points()
        except (OperationalError, InterfaceError) as error:
            connection.close_if_unusable_or_obsolete()  # or the next beat would have the same connection
            if time.monotonic() - self.kept > AWAY_SHARE * settings.RUN_STALE_SECONDS:
                raise
            if progress:
                progress.changes = changes | progress.changes
            self.note_away(error)
            return None
        self.kept, self.is_away = now, False
        return cancel

    def note_away(self, error: Exception) -> None:
        if not self.is_away:
            words = "run %s of %s: the database is away, the training goes on: %s"
            logger.warning(words, self.run.number, self.run.project.slug, type(error).__name__)
        self.is_away = True


def why_stop(*, cancel: bool, silent: bool) -> Reason:
    if cancel:
        return Reason.CANCELLED
    if shutdown.requested.is_set():
        return Reason.STOPPING
    return Reason.SILENT if silent else Reason.NONE
