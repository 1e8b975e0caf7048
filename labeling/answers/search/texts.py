"""Reads the words of texts that are new or have changed, a little at each sweep."""

from __future__ import annotations

import time

from labeling.models import SearchBacklog
from labeling.models.functions import call

SECONDS = 2.0  # of a sweep: whoever waits for a run doesn't wait longer for it
AT_ONCE = 1_000  # prompts, or one more row of the backlog: a thousand at most


def read(*, seconds: float = SECONDS) -> int:
    """Reads texts for so long, each few in a transaction of their own, and gives of how many prompts.

    Killed half-way it goes on at the next call; two at once share the work.
    """
    ends, n = time.monotonic() + seconds, 0
    while some := _read():
        n += some
        if time.monotonic() > ends:
            break
    return n


def are_read() -> bool:
    """Tells whether all texts of all projects are found by now."""
    return not SearchBacklog.objects.exists()


def _read() -> int:
    return int(call("podium_read_texts", most=AT_ONCE)["podium_read_texts"])
