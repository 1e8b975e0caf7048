"""A report's calibration, rewards, and people beside the model. Places are percentages of a drawing."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from formats.evaluation_report.figures import CalibrationError, Estimate, filled
from formats.evaluation_report.flags import FlagReport
from formats.evaluation_report.pairs import Distribution
from formats.evaluation_report.report import PairReport, Report
from rewardtrain.charts.shares import Share

HALF = 44.0  # percent of the drawing's height that a histogram's tallest bar takes, up or down


@dataclass(frozen=True)
class Bin:
    """Pairs of which the model was about equally sure, in a drawing from 50 to 100 % across and 0 to 100 % up."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    n_prompts: int
    part: float  # of the fullest bin

    @property
    def x(self) -> float:
        return round((self.confidence - 0.5) * 200, 1)

    @property
    def y(self) -> float:
        """Measures downwards, as SVG counts."""
        return round(100 - self.accuracy * 100, 1)

    @property
    def y_low(self) -> float:
        return round(100 - self.accuracy_low * 100, 1)

    @property
    def y_high(self) -> float:
        return round(100 - self.accuracy_high * 100, 1)

    @property
    def left(self) -> float:
        return round((self.low - 0.5) * 200 + 0.5, 1)

    @property
    def width(self) -> float:
        return round((self.high - self.low) * 200 - 1, 1)

    @property
    def height(self) -> float:
        return round(100 * self.part, 1)

    @property
    def top(self) -> float:
        return round(100 - self.height, 1)


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram, and the error that it amounts to."""

    name: str
    error: CalibrationError
    bins: list[Bin]

    @property
    def n(self) -> int:
        return sum(each.n for each in self.bins)


def reliability(report: PairReport) -> list[Reliability]:
    """Draws it before and after the temperature was fitted; one alone where none was."""
    calibrated = report["temperature"] * report["raw_scale"] != 1
    return _reliability(report["ece"], report["ece_raw"] if calibrated else None)


def flag_reliability(flags: FlagReport) -> list[Reliability]:
    """Draws the same of a flag's class."""
    return _reliability(flags["ece"], flags["ece_raw"] if flags["class_temperature"] != 1 else None)


def _reliability(after: CalibrationError, before: CalibrationError | None) -> list[Reliability]:
    if before is None:
        return [Reliability(_("As it comes out of training"), after, bins(after))]
    return [
        Reliability(_("Before calibration"), before, bins(before)),
        Reliability(_("After calibration"), after, bins(after)),
    ]


def bins(error: CalibrationError) -> list[Bin]:
    """Keeps those with a judgement in them."""
    shown = filled(error["bins"])
    fullest = max((each["n"] for each in shown), default=1)
    return [
        Bin(
            low=each["low"],
            high=each["high"],
            n=each["n"],
            confidence=each["confidence"],
            accuracy=each["accuracy"],
            accuracy_low=each["accuracy_low"],
            accuracy_high=each["accuracy_high"],
            n_prompts=each["n_prompts"],
            part=each["n"] / fullest,
        )
        for each in shown
    ]


# --- Rewards ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """One bin of rewards: chosen completions upwards, rejected ones downwards from the middle."""

    low: float
    high: float
    chosen: int
    rejected: int
    x: float
    width: float
    up: float  # heights
    down: float

    @property
    def top(self) -> float:
        return round(50 - self.up, 2)


@dataclass(frozen=True)
class Rewards:
    bars: list[Bar]
    chosen: Distribution
    rejected: Distribution
    chosen_x: float  # where the means stand
    rejected_x: float
    overlap: float
    auc: Estimate

    @property
    def low(self) -> float:
        return self.bars[0].low

    @property
    def high(self) -> float:
        return self.bars[-1].high


def rewards(report: PairReport) -> Rewards:
    """Draws the rewards of a report that has pairs."""
    seen = report["rewards"]
    edges, chosen, rejected = seen["edges"], seen["chosen"], seen["rejected"]
    fullest = max(*chosen["counts"], *rejected["counts"])

    def x(value: float) -> float:
        return round(min(100.0, max(0.0, 100 * (value - edges[0]) / (edges[-1] - edges[0]))), 2)

    bars = [
        Bar(
            low=low,
            high=high,
            chosen=up,
            rejected=down,
            x=x(low),
            width=round(x(high) - x(low), 2),
            up=round(HALF * up / fullest, 2),
            down=round(HALF * down / fullest, 2),
        )
        for low, high, up, down in zip(edges, edges[1:], chosen["counts"], rejected["counts"], strict=False)
    ]
    return Rewards(bars, chosen, rejected, x(chosen["mean"]), x(rejected["mean"]), seen["overlap"], seen["auc"])


# --- People -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """Pairs that two people judged alike: how many of all such pairs, and how sure the model is of them."""

    share: Share
    confidence: float | None


def verdicts(report: Report) -> list[Verdict]:
    """Gives two people's judgement of a pair beside the model's, as parts of all pairs that two judged; empty without
    any."""
    if not (people := report["people"]):
        return []
    parts = [
        (_("agree, the model too"), "model", people["with_both"]),
        (_("agree, the model against both"), "against", people["against_both"]),
        (_("disagree"), "people", people["disagree"]),
        (_("one or both: a tie"), "people", people["tied"]),
    ]
    found = []
    for name, kind, part in parts:
        share = Share(name, kind, part["n"] / people["n"], None, None, part["n"], part["n_prompts"])
        found.append(Verdict(share, part["confidence"]))
    return [verdict for verdict in found if verdict.share.n]
