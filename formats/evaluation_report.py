"""The evaluation report's shape: one JSON object and its parts, as core's build_report makes them for all of Podium.

Who makes a part is named as a module of rewardtrain/core/measures. Of a model that was tested on no pair the figures of
pairs are None or empty; has_pairs tells, and of a report that has some gives a PairReport, which knows them all.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict, TypeGuard, cast

SCHEMA = 4  # raised by what changes a field that is read, with a migration of stored reports: docs/decisions/0116

PairMeasure = Literal["accuracy", "log_loss"]
FlagMeasure = Literal["log_loss", "roc_auc"]

# --- Figures with their 95 % intervals --------------------------------------------------------------------------------


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


# --- Parts that pairs and flags have ----------------------------------------------------------------------------------


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


# --- Pairs ------------------------------------------------------------------------------------------------------------


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


# --- Flags ------------------------------------------------------------------------------------------------------------


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


# --- The whole --------------------------------------------------------------------------------------------------------


class SubsetPart(CountedShare):
    subset: str
    longer: float


class SubsetReport(TypedDict):
    """subsets.subset_report."""

    average: Estimate
    longer: float
    parts: list[SubsetPart]


class Common(TypedDict):
    """What a report has whether there are pairs or not."""

    schema: int
    split: str
    pairs_fingerprint: str
    n_prompts: int
    n_distinct_prompts: int
    n_pairs: int
    n_pair_prompts: int
    n_ties: int
    n_alike: int
    ln2: float
    temperature: float
    raw_scale: float
    human_ceiling: HumanCeiling | None
    people: PeopleAndModel | None
    flags: FlagReport | None
    seconds: float
    peak_memory_mb: float
    device: str
    truncated: int
    truncated_completions: int
    rewritten: int
    left_out: NotRequired[dict[str, int]]  # of a report on a file
    subsets: NotRequired[SubsetReport]  # where the file names some
    head_rival: NotRequired[HeadOnPairs]


class Parts(TypedDict):
    by_gap: list[GapPart]
    by_length_difference: list[LengthPart]
    by_labeler: list[LabelerPart]


class PairMeans(TypedDict):
    """Means over pairs, and what they are compared with."""

    accuracy: ShareEstimate
    log_loss: Estimate
    log_loss_raw: Estimate
    brier: Estimate
    baseline_longer: LongerBaseline
    champion: PairComparison | None


class PairFigures(PairMeans, Parts):
    ece: CalibrationError
    ece_raw: CalibrationError
    kendall_tau_b: RankCorrelation
    rewards: RewardDistributions
    margins: Margins


class NoPairFigures(Parts):
    accuracy: None
    log_loss: None
    log_loss_raw: None
    brier: None
    baseline_longer: None
    champion: None
    ece: None
    ece_raw: None
    kendall_tau_b: None
    rewards: None
    margins: None


class PairReport(Common, PairFigures):
    """A report on one pair or more."""


class PairlessReport(Common, NoPairFigures):
    """A report on votes alone, or on nothing."""


Report = PairReport | PairlessReport


def has_pairs(report: Report) -> TypeGuard[PairReport]:
    return report["n_pairs"] > 0


class OtherSchema(Exception):
    """A report that this version of Podium can't read."""


def read_report(stored: Mapping[str, Any]) -> Report:
    """Takes a report back from where it was kept. Raises OtherSchema."""
    if (schema := stored.get("schema")) != SCHEMA:
        raise OtherSchema(
            f"an evaluation report has schema {schema!r} and this version of Podium reads schema {SCHEMA}: migrate the "
            "database if it is of an earlier version, or go back to the version that wrote it"
        )
    return cast(Report, stored)
