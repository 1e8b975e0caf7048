"""The share of comparisons that agree, which hang together by their prompts. Plain values, no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from formats.wilson import wilson


@dataclass(frozen=True)
class Agreement:
    """Share of comparisons on which two people chose the same completion, with its 95 % interval.

    `value` is None, and so is the interval, until two people have ranked one prompt.
    """

    value: float | None
    low: float | None
    high: float | None
    n_pairs: int
    n_prompts: int
    of_latest: bool = False  # not of all prompts: there are more
    since: datetime | None = None  # with of_latest: when the first of those pairs was made


def agreement_of(prompts: Sequence[tuple[int, float]]) -> Agreement:
    """Computes it from (comparisons, agreed) of each prompt, halves of ties too; see agreement_of_counts."""
    return agreement_of_counts(Counter(prompts))


def agreement_of_counts(counts: Mapping[tuple[int, float], int]) -> Agreement:
    """Computes it from how many prompts have so many (comparisons, agreed).

    A prompt's comparisons are not independent, so the variance is that of a ratio of cluster totals
    (Cochran, Sampling Techniques, 1977, eq. 6.9), and the interval Wilson's at the sample size which that
    variance is worth. Where all agree, or none do, each prompt counts as one observation. So has every
    share of a model's report, by a rule of its own that a test holds to this one.
    """
    m = sum(counts.values())
    n = sum(comparisons * prompts for (comparisons, _), prompts in counts.items())
    if n == 0:
        return Agreement(None, None, None, 0, 0)
    p = sum(agreed * prompts for (_, agreed), prompts in counts.items()) / n
    residual = sum((agreed - p * comparisons) ** 2 * prompts for (comparisons, agreed), prompts in counts.items())
    variance = residual * m / (m - 1) / n**2 if m > 1 else 0.0
    effective = float(m)
    if m > 1 and 0 < p < 1:
        effective = min(p * (1 - p) / variance, float(n)) if variance > 0 else float(n)
    low, high = wilson(p, effective)
    return Agreement(p, low, high, n, m)
