"""What a model prefers of a prompt's completions, and which of it is sure enough. Plain numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

HOLDOUT = 0.10  # of what a model decided: stays in turn, so that people judge it without selection


@dataclass(frozen=True)
class Preference:
    """Places of two completions, and how likely the first is to be preferred: at least a half."""

    chosen: int
    rejected: int
    probability: float
    uncertainty: float | None = None


def preferences(probabilities: Sequence[float], uncertainty: Sequence[float] | None = None) -> list[Preference]:
    """Compares every two of K completions. Bradley-Terry: P(i over j) = p_i / (p_i + p_j), for p is the softmax of r /
    T.

    The uncertainty of a difference of rewards is sqrt(u_i^2 + u_j^2), as if the two were independent: the heads of an
    ensemble tend to be wrong in the same direction about two answers to one prompt, so it is rather too large.
    """
    decided = []
    for i, j in combinations(range(len(probabilities)), 2):
        better, worse = (i, j) if probabilities[i] >= probabilities[j] else (j, i)
        both = probabilities[i] + probabilities[j]
        apart = math.hypot(uncertainty[i], uncertainty[j]) if uncertainty else None
        decided.append(Preference(better, worse, probabilities[better] / both if both else 0.5, apart))
    return decided


def kept(found: Sequence[Preference], threshold: float) -> list[Preference]:
    return [preference for preference in found if preference.probability >= threshold]


def is_held_out(content_sha256: str) -> bool:
    """Draws a tenth of all prompts, always the same ones; independent of the split, which the hash itself decides."""
    drawn = hashlib.sha256(f"holdout {content_sha256}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") / 2**64 < HOLDOUT
