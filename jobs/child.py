"""Child processes: started so that they die with us, watched, ended, and asked why they ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from django.conf import settings

from jobs import priority
from jobs.parent_death import dies_with_parent

GRACE_SECONDS = 5.0  # from SIGTERM to SIGKILL: a checkpoint of a large model takes seconds to write


class Work(Protocol):
    """What a worker watches: a process of its own, or a request to the one that stays."""

    def poll(self) -> int | None:
        """Gives the exit code, None while it works."""

    def wait(self, seconds: float) -> None:
        """Waits until something happens, at most so long."""

    def stop(self) -> int:
        """Ends it and returns the exit code."""

    def close(self) -> None:
        """Leaves nothing of it behind."""


class Once:
    """A command in a process of its own. gives_way: nobody waits for it, so it computes when nobody else does."""

    def __init__(self, command: Sequence[str], *, log: Path, gives_way: bool = False) -> None:
        self._process = start(command, log=log, environ=priority.threads() if gives_way else {})
        if gives_way and settings.TRAIN_PRIORITY == "idle":
            priority.give_way(self._process.pid)

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def stop(self) -> int:
        return stop(self._process)

    def close(self) -> None:
        stop(self._process, grace=0)


def start(command: Sequence[str], *, log: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts it in a session of its own; what it says is appended to `log`. It dies with us, whatever kills us.

    Call it from a thread that lives on: to the kernel the parent is the thread that forked.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=settings.BASE_DIR,
            env={**os.environ, **environ},
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
        )


def stop(child: subprocess.Popen[bytes], *, grace: float = GRACE_SECONDS) -> int:
    """Asks, then kills the whole group; returns the exit code."""
    if child.poll() is None:
        child.terminate()
        deadline = time.monotonic() + grace
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
    kill(child)
    return child.wait()


def kill(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)  # data-loading processes of the child outlive it otherwise
    except (ProcessLookupError, PermissionError):  # macOS says 'not permitted' of a group of zombies
        return


def error_of(log: Path, code: int) -> str:
    """Says why the child that wrote this log ended, in words."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        return last_words(file.read(), code)


def last_words(said: bytes, code: int) -> str:
    """Gives the child's own `error: ...` line, else how it ended and the last that it said."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    if code > 0 and lines and lines[-1].startswith("error: "):
        return lines[-1].removeprefix("error: ")
    last = f" Its last words: {lines[-1][:500]}" if lines else ""
    if code >= 0:
        return f"The process ended with exit code {code}.{last}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    memory = " (out of memory, perhaps)" if name == "SIGKILL" else ""
    return f"The process was killed by {name}{memory}.{last}"
