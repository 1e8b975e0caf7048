"""Ties a child process to its parent: when the parent dies, however it dies, the kernel signals the child."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def dies_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Makes what Popen takes as preexec_fn. The kernel means the parent's thread: call Popen from a thread that lives
    on.

    When a parent of several threads dies, the child gets the signal from each of them: it is handed on to the next
    thread, and that one ends too. So SIGTERM is only for a child whose handler may be interrupted by itself.
    Linux only; elsewhere (macOS) a parent that is killed outright leaves its children behind.
    """
    if not sys.platform.startswith("linux"):
        return None
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, where it is safe to

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died between the fork and this line
            os._exit(1)

    return tie


def die_with_parent() -> None:
    """Ties a process that runs already, by SIGKILL."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:  # it died before that line
            os._exit(1)
