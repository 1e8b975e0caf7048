"""How much of the processor and of the disk a child process takes from the others, for whom people wait."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
from django.conf import settings

LEAST = 19  # niceness


def give_way(pid: int) -> None:
    """Leaves it what nobody else wants, as far as the system lets us: what it refuses fails no run.

    Call it right after the start: on Linux all of this is a thread's own, and its later threads inherit it. It can't be
    taken back without a right.
    """
    steps: tuple[Callable[[int], object], ...] = (_be_least_nice,)
    if sys.platform == "linux":
        steps += (_run_when_idle, _read_when_idle, _be_least_nice_as_a_session)
    for step in steps:
        with contextlib.suppress(OSError, psutil.Error):  # it may have ended, too
            step(pid)


def _be_least_nice(pid: int) -> None:
    os.setpriority(os.PRIO_PROCESS, pid, LEAST)


def _run_when_idle(pid: int) -> None:
    """Ends its turn as soon as anything else is to be done; at niceness 19 alone it would go on to the turn's end."""
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def _read_when_idle(pid: int) -> None:
    psutil.Process(pid).ionice(psutil.IOPRIO_CLASS_IDLE)


def _be_least_nice_as_a_session(pid: int) -> None:
    """Where Linux groups tasks by session, all of the above counts within a group alone."""
    Path(f"/proc/{pid}/autogroup").write_text(str(LEAST), encoding="ascii")


def threads() -> dict[str, str]:
    """Gives the variables that bound the threads of numpy, torch and the tokenizers, where the operator wants it."""
    if settings.TRAIN_THREADS is None:
        return {}
    return {name: str(settings.TRAIN_THREADS) for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")}
