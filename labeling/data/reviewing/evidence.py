"""What a model said of a ranking, as plain values: whoever has models hands it over, for labeling knows of none."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Evidence:
    """A model is sure of the other order of two completions than a ranking has.

    probability: that `rejected` is preferred to `chosen`, calibrated. reward_gap: how much more reward it gets.
    """

    model: int  # its version
    ranking: int
    chosen: int  # by the ranking; both are keys of completions
    rejected: int
    probability: float
    reward_gap: float

    def stored(self) -> dict[str, Any]:
        return asdict(self)


def read(stored: dict[str, Any] | None) -> Evidence | None:
    """Reads what a case has of it."""
    return None if stored is None else Evidence(**stored)
