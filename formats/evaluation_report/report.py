"""The evaluation report as a whole: what all have, and what only one with pairs has."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict, TypeGuard, cast

from formats.evaluation_report.attributes import AttributePart
from formats.evaluation_report.figures import CalibrationError, CountedShare, Estimate, ShareEstimate
from formats.evaluation_report.flags import FlagReport
from formats.evaluation_report.pairs import (
    GapPart,
    HeadOnPairs,
    HumanCeiling,
    LabelerPart,
    LengthPart,
    LongerBaseline,
    Margins,
    PairComparison,
    PeopleAndModel,
    RankCorrelation,
    RewardDistributions,
)

SCHEMA = 4  # raised by what changes a field that is read, with a migration of stored reports: docs/decisions/0116


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
    attributes: NotRequired[list[AttributePart]]  # where people rated some


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
