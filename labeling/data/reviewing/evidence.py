"""What a model said of an answer, as plain values: whoever has models hands it over, for labeling knows of none."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class OtherOrder:
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


@dataclass(frozen=True)
class OtherAnswer:
    """A model is sure of the other answer to a question about a text than a person gave.

    answer: the person's. probability: of the other one, calibrated.
    """

    model: int  # its version
    ranking: int  # that the answer is of
    completion: int  # the text
    flag: str  # the name of the question
    answer: bool
    probability: float

    def stored(self) -> dict[str, Any]:
        return asdict(self)


Evidence = OtherOrder | OtherAnswer


def read(stored: dict[str, Any] | None) -> Evidence | None:
    """Reads what a case has of it."""
    if stored is None:
        return None
    return OtherAnswer(**stored) if "flag" in stored else OtherOrder(**stored)
