"""Finds what a lost message or a dead worker left, of all kinds of jobs in one statement. Each kind adds itself.

The rows are the truth; a message only says that there may be something to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from jobs import lifecycle
from jobs.lifecycle import Active
from jobs.models import Job

logger = logging.getLogger(__name__)

Send = Callable[[Sequence[Active]], None]  # tells whoever works on these; called with none of them too

_KINDS: dict[type[Job], Send] = {}


def add(kind: type[Job], send: Send) -> None:
    """`send` is given the rows of the kind that wait or are worked on, the oldest first."""
    _KINDS[kind] = send


def look() -> None:
    """Puts back what went silent, then sends a message wherever one is due."""
    active = lifecycle.active(_KINDS)
    if any(row.is_stale for row in active):
        requeue_stale()
        active = lifecycle.active(_KINDS)
    _send(active)


def send_messages() -> None:
    """Tells the workers at once, for whoever queued something just now."""
    _send(lifecycle.active(_KINDS))


def requeue_stale() -> None:
    for kind in _KINDS:
        requeued = lifecycle.requeue_stale(kind)
        if any((requeued.queued, requeued.failed, requeued.cancelled)):
            logger.warning("gone silent: %s", requeued)


def _send(active: Sequence[Active]) -> None:
    for kind, send in _KINDS.items():
        send([row for row in active if row.kind is kind])
