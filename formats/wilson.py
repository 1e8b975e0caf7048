"""The interval of a share, as every page, report and file gives it."""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054  # of 95 %


def wilson(share: float, n: float) -> tuple[float, float]:
    """Gives the 95 % score interval of a share that was seen in n independent cases (Wilson, 1927)."""
    centre, half = share + Z**2 / (2 * n), Z * sqrt(share * (1 - share) / n + (Z / (2 * n)) ** 2)
    low, high = (centre - half) / (1 + Z**2 / n), (centre + half) / (1 + Z**2 / n)
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # rounding would leave out a share of 0 or 1
