"""How much to take at once, so that an interruption costs little and a page has news often."""

from __future__ import annotations


def next_size(size: int, seconds: float, *, aim: float, growth: int, largest: int) -> int:
    """Says how many to take, by how long `size` took, for the next to take about `aim` seconds.

    At most `growth` times as many: the first ones may have been short.
    """
    return max(1, min(round(size * aim / max(seconds, 0.001)), growth * size, largest))
