"""Figures of an evaluation report with their 95 % intervals and what they are counted of."""

from typing import TypedDict, TypeGuard


class Ends(TypedDict):
    """The interval of a figure that is no share: both None of too few prompts."""

    low: float | None
    high: float | None


class Estimate(Ends):
    """intervals.estimate."""

    value: float


class ShareEnds(TypedDict):
    """The interval of a share, which every share has."""

    low: float
    high: float


class ShareEstimate(ShareEnds):
    """intervals.share_estimate."""

    value: float


class Counted(TypedDict):
    """How many judgements, and of how many prompts."""

    n: int
    n_prompts: int


class CountedEstimate(Estimate, Counted): ...


class CountedShare(Counted):
    """intervals.share_of_some: a share of one judgement or more."""

    accuracy: float
    accuracy_low: float
    accuracy_high: float


class CountedShareOrNone(Counted):
    """intervals.share: all None of no judgement."""

    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None


class Bin(CountedShareOrNone):
    """Judgements that the model is `low` to `high` sure of, and how sure on average."""

    low: float
    high: float
    confidence: float | None


class FilledBin(CountedShare):
    """A bin with a judgement in it."""

    low: float
    high: float
    confidence: float


def filled(bins: list[Bin]) -> list[FilledBin]:
    def is_filled(each: Bin) -> TypeGuard[FilledBin]:
        return each["n"] > 0

    return [each for each in bins if is_filled(each)]


class CalibrationError(Estimate):
    """curves.calibration."""

    by_chance: float
    bins: list[Bin]
