"""What an evaluation report says of a flag: how well the model tells it, and each threshold."""

from typing import Literal, NotRequired, TypedDict

from formats.evaluation_report.figures import CalibrationError, Counted, Estimate, ShareEstimate

FlagMeasure = Literal["log_loss", "roc_auc"]


class Flag(TypedDict):
    name: str
    positive: bool


class Thresholds(TypedDict):
    """curves.thresholds: counts at each threshold, the highest first."""

    thresholds: list[float]
    true_positives: list[int]
    false_positives: list[int]
    positives: int
    negatives: int


class Curve(Thresholds):
    effective: dict[str, list[float | None]]  # by rate: of how many independent votes it is, at each threshold


# One of its keys is a word of Python.
FlagBaseline = TypedDict(
    "FlagBaseline", {"class": str, "accuracy": ShareEstimate, "log_loss": Estimate, "difference": Estimate}
)


class FlagDifference(TypedDict):
    log_loss: Estimate
    roc_auc: Estimate | None


class FlagComparison(TypedDict):
    """Another model on the same votes."""

    log_loss: Estimate
    roc_auc: Estimate | None
    difference: FlagDifference


class HeadOnFlags(FlagComparison):
    """The newest head, which a fine-tuning has to beat as well."""

    version: int


class ClassFigures(Counted):
    label: str
    precision: ShareEstimate | None
    recall: ShareEstimate | None
    f1: ShareEstimate | None


class FlagFigures(TypedDict):
    """The model alone, over all votes. The areas are None where all votes are for one class."""

    n_votes: int
    n_completions: int
    n_prompts: int
    roc_auc: Estimate | None
    roc_auc_of_reward: Estimate | None
    curve: Curve
    accuracy: ShareEstimate
    log_loss: Estimate
    log_loss_raw: Estimate


class FlagRivals(TypedDict):
    """Other models on the same votes."""

    champion: FlagComparison | None
    head_rival: NotRequired[HeadOnFlags]


class FlagReport(FlagFigures, FlagRivals):
    """classes.flag_report."""

    flag: Flag
    baseline: FlagBaseline
    classes: list[ClassFigures]
    class_temperature: float
    ece: CalibrationError
    ece_raw: CalibrationError
