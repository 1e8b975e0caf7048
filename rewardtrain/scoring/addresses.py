"""Several scoring services: whose turn it is, and who did not answer just now.

They know nothing of each other, and each answers for every project; which one is asked changes nothing but the time.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

AWAY_SECONDS = 5.0  # for which one that did not answer is asked after the others


class Turns:
    """Its methods may be called from several threads: at worst two of them ask the same one."""

    def __init__(self) -> None:
        self._turn = itertools.count()
        self._away: dict[str, float] = {}  # until when, time.monotonic()

    def order(self, addresses: Sequence[str]) -> list[str]:
        """Gives all of them, beginning with another one each time; those that did not answer just now at the end."""
        first = next(self._turn) % len(addresses)
        return sorted([*addresses[first:], *addresses[:first]], key=self.is_away)

    def is_away(self, address: str) -> bool:
        """Tells whether it did not answer just now."""
        return self._away.get(address, 0) > time.monotonic()

    def note(self, address: str, *, away: bool) -> None:
        if away:
            self._away[address] = time.monotonic() + AWAY_SECONDS
        else:
            self._away.pop(address, None)
