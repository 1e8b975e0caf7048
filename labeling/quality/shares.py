"""Shares and medians of what one person did, with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

from formats.wilson import Z, wilson
from labeling.quality.comparisons import agreement_of


@dataclass(frozen=True)
class Share:
    """hits of n cases, of so many prompts where these count; value and interval are None where there is no case."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    n_prompts: int | None = None

    def is_below(self, other: float | None) -> bool:
        return other is not None and self.high is not None and self.high < other

    def is_above(self, other: float | None) -> bool:
        return other is not None and self.low is not None and self.low > other


@dataclass(frozen=True)
class Median:
    """value and interval are None where nothing was measured; the interval too where there is too little."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0


def share_of(hits: float, n: int) -> Share:
    """Computes it from n independent cases, with the score interval (Wilson, 1927). hits may hold parts of ties."""
    if not n:
        return Share()
    return Share(hits / n, *wilson(min(hits / n, 1.0), n), n)


def share_by_prompts(prompts: Iterable[tuple[int, int]]) -> Share:
    """Computes it from (cases, hits) of each prompt, whose cases hang together: see comparisons.agreement_of_counts."""
    found = agreement_of([(n, hits) for n, hits in prompts if n])
    return Share(found.value, found.low, found.high, found.n_pairs, found.n_prompts)


def median_of(values: Sequence[float]) -> Median:
    """Computes the median of sorted values. The interval is between two of them, by the binomial's normal
    approximation (Conover, Practical Nonparametric Statistics, 1999, section 3.2): none below six values, which are
    all of them inside by chance too often."""
    n = len(values)
    if not n:
        return Median()
    middle = (values[(n - 1) // 2] + values[n // 2]) / 2
    if n < 6:
        return Median(middle, None, None, n)
    half = Z * sqrt(n) / 2
    low, high = floor(n / 2 - half), ceil(n / 2 + half)
    return Median(middle, values[max(low, 0)], values[min(high, n - 1)], n)
