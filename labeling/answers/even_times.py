"""An answer to a check takes as long as any other: whoever could tell them apart by that would know what is looked at.

Data costs the database more than a check does: pairs, counts, draws for reviews. How long that took of the latest
answers is kept in the process, and a check waits for what one of these, drawn at random, took longer. It waits after
its transaction, where it holds nothing up.
"""

from __future__ import annotations

import secrets
import time
from collections import deque

LATEST, LONGEST = 200, 0.05  # answers, and seconds that a check waits at most
SLEEPS_ON = 0.0001  # seconds, about, that a sleep lasts longer than it is told to

_took: deque[float] = deque(maxlen=LATEST)


def even_out(*, is_data: bool, worked: float) -> None:
    """Notes how long an answer that is data worked, in seconds; one to a check waits until it took as long as one."""
    if is_data:
        _took.append(worked)
    elif _took:
        time.sleep(min(max(secrets.choice(_took) - worked - SLEEPS_ON, 0.0), LONGEST))
