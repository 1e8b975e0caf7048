"""What an evaluation report says of pairs: beside the longer completion, other models and people, and in parts."""

from typing import Literal, TypedDict

from formats.evaluation_report.figures import (
    Counted,
    CountedEstimate,
    CountedShare,
    CountedShareOrNone,
    Ends,
    Estimate,
    ShareEnds,
)

PairMeasure = Literal["accuracy", "log_loss"]


class LongerBaseline(ShareEnds):
    """How often the longer completion is the chosen one."""

    accuracy: float


class HumanCeiling(ShareEnds, Counted):
    """people.human_ceiling."""

    agreement: float


class PairDifference(TypedDict):
    """The model's figure minus the other one's, on the same draws of prompts."""

    accuracy: Estimate
    log_loss: Estimate


class PairComparison(TypedDict):
    """Another model on the same pairs."""

    accuracy: float
    accuracy_low: float
    accuracy_high: float
    log_loss: float
    log_loss_low: float | None
    log_loss_high: float | None
    difference: PairDifference


class HeadOnPairs(PairComparison):
    """The newest head, which a fine-tuning has to beat as well."""

    version: int


class RankCorrelation(Ends, Counted):
    """people.mean_tau; None where it is defined for no ranking."""

    value: float | None


class Distribution(TypedDict):
    mean: float
    sd: float
    counts: list[int]


class RewardDistributions(TypedDict):
    """curves.reward_distributions."""

    edges: list[float]
    chosen: Distribution
    rejected: Distribution
    overlap: float
    auc: Estimate


class Margins(CountedEstimate):
    """curves.margin_sizes."""

    sd: float
    size: CountedEstimate
    size_on_ties: CountedEstimate | None


class GapPart(CountedShare):
    gap: int


class LengthPart(CountedShare):
    low: int | None
    high: int | None


class LabelerPart(CountedShare):
    labeler: str


class Sureness(Counted):
    confidence: float | None


class Agreed(Sureness, CountedShareOrNone): ...


class PeopleAndModel(Counted):
    """people.people_and_model."""

    agree: Agreed
    with_both: Sureness
    against_both: Sureness
    disagree: Sureness
    tied: Sureness
