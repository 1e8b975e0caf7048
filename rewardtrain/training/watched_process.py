"""Goes with a run's process to its end: its progress into the row, its heart's beat, and the reasons to end it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from jobs import child, lifecycle, shutdown
from rewardtrain.models import TrainingRun
from rewardtrain.training.run_progress import Progress, Tail

T = TypeVar("T")

LOOK_SECONDS = 0.25
BEAT_SECONDS = 1.0


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
    progress = Progress(run)
    while True:
        code = work.poll()
        now = time.monotonic()
        if tail and progress.read(tail.lines()):
            heard = now
        if code is not None or now - beaten >= BEAT_SECONDS:
            beaten = now
            cancel = lifecycle.heartbeat(run, **progress.row())
            progress.store_points()
            if code is not None:
                return Ended(code)
            if reason := why_stop(cancel=cancel, silent=now - heard > silence):
                return Ended(work.stop(), reason)
        work.wait(LOOK_SECONDS)


def alongside(run: TrainingRun, do: Callable[[], T]) -> T:
    """Does what takes a while without a process, a transfer say, and keeps the claim meanwhile. `do` has no database.

    Raises what it raises, and ClaimLost.
    """
    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(copy_context().run, do)
        while True:
            done, _ = wait((doing,), timeout=BEAT_SECONDS)
            if done:
                return doing.result()
            lifecycle.heartbeat(run)


def why_stop(*, cancel: bool, silent: bool) -> Reason:
    if cancel:
        return Reason.CANCELLED
    if shutdown.requested.is_set():
        return Reason.STOPPING
    return Reason.SILENT if silent else Reason.NONE
