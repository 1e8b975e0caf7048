"""The evaluation report: one JSON object. No torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from formats.evaluation_report.figures import Estimate, ShareEstimate
from formats.evaluation_report.pairs import PairComparison
from formats.evaluation_report.report import (
    SCHEMA,
    Common,
    NoPairFigures,
    PairFigures,
    PairlessReport,
    PairMeans,
    PairReport,
    Report,
)
from rewardtrain.core.data.groups import Group
from rewardtrain.core.measures import curves, intervals, metrics, people
from rewardtrain.core.measures.classes import flag_report


@dataclass(frozen=True)
class Scores:
    """What a model says of every completion of some groups, and how many sequences had to be cut for it."""

    logits: npt.NDArray[np.float32]  # (N, labels), the completions of all groups one after the other
    sizes: list[int]  # completions of each group; their sum is N
    truncated: int
    truncated_completions: int
    seconds: float
    temperature: float = 1.0  # what a difference of rewards is divided by before the sigmoid
    labels: tuple[str, ...] = ()  # names of the logits; flags.flag_of says which flag they are of
    class_temperature: float = 1.0  # what the difference of two logits was divided by as it was calibrated
    rewritten: int = 0  # completions that the chat template doesn't write as they stand
    raw_scale: float = 1.0  # what rewards were multiplied with as training left them, before they were normalised

    @property
    def rewards(self) -> list[list[float]]:
        """Gives the last logit of each completion, parallel to each group's completions."""
        values = iter(self.logits[:, -1].tolist())
        return [[next(values) for _ in range(size)] for size in self.sizes]


def build_report(
    groups: Sequence[Group],
    scores: Scores,
    *,
    split: str,
    champion: Scores | None,
    device: str,
    peak_memory_mb: float,
    samples: int,
    seed: int,
) -> Report:
    """Makes the report of docs/training.md as JSON values.

    Where no group has a pair that isn't a tie, the figures on pairs are None or empty: flags alone train a classifier.
    """
    pairs, drawn = metrics.collect_pairs(groups), _Drawn(samples=samples, seed=seed)
    common: Common = {
        "schema": SCHEMA,
        "split": split,
        "pairs_fingerprint": metrics.fingerprint_pairs(groups),
        "n_prompts": len(groups),
        "n_distinct_prompts": pairs.n_clusters,
        "n_pairs": len(pairs.chosen),
        "n_pair_prompts": pairs.n_prompts,
        "n_ties": pairs.n_ties,
        "n_alike": metrics.n_alike(groups),
        "ln2": math.log(2),
        "temperature": scores.temperature,
        "raw_scale": scores.raw_scale,
        "human_ceiling": people.human_ceiling(groups),
        "people": people.people_and_model(groups, scores.rewards, temperature=scores.temperature),
        "flags": flag_report(
            groups,
            scores.logits,
            scores.labels,
            class_temperature=scores.class_temperature,
            rival=(champion.logits, champion.labels) if champion else None,
            **drawn,
        ),
        "seconds": round(scores.seconds, 3),
        "peak_memory_mb": round(peak_memory_mb, 1),
        "device": device,
        "truncated": scores.truncated,
        "truncated_completions": scores.truncated_completions,
        "rewritten": scores.rewritten,
    }
    if not len(pairs.chosen):
        on_no_pair: PairlessReport = {**common, **_NO_PAIRS}
        return on_no_pair
    on_pairs: PairReport = {**common, **_on_pairs(groups, pairs, scores, champion, **drawn)}
    return on_pairs


class _Drawn(TypedDict):
    """How every bootstrap of a report is drawn: the same way, so that all its differences are paired."""

    samples: int
    seed: int


def _on_pairs(
    groups: Sequence[Group],
    pairs: metrics.Pairs,
    scores: Scores,
    champion: Scores | None,
    **drawn: Unpack[_Drawn],
) -> PairFigures:
    rewards = scores.rewards
    margins = pairs.margins(rewards)
    calibrated, raw = margins / scores.temperature, margins * scores.raw_scale
    hits = metrics.correct(margins)
    return {
        **_figures(pairs, margins, calibrated, raw, champion, **drawn),
        "ece": curves.calibration(pairs, calibrated, **drawn),
        "ece_raw": curves.calibration(pairs, raw, **drawn),
        "kendall_tau_b": people.mean_tau(groups, rewards, **drawn),
        "rewards": curves.reward_distributions(pairs, rewards, **drawn),
        "margins": curves.margin_sizes(pairs, rewards, **drawn),
        "by_gap": curves.by_gap(pairs, hits),
        "by_length_difference": curves.by_length_difference(pairs, hits),
        "by_labeler": curves.by_labeler(pairs, hits),
    }


_NO_PAIRS: NoPairFigures = {
    "accuracy": None,
    "log_loss": None,
    "log_loss_raw": None,
    "brier": None,
    "baseline_longer": None,
    "champion": None,
    "ece": None,
    "ece_raw": None,
    "kendall_tau_b": None,
    "rewards": None,
    "margins": None,
    "by_gap": [],
    "by_length_difference": [],
    "by_labeler": [],
}


def _figures(
    pairs: metrics.Pairs,
    margins: metrics.Floats,
    calibrated: metrics.Floats,
    raw: metrics.Floats,
    champion: Scores | None,
    **drawn: Unpack[_Drawn],
) -> PairMeans:
    """Gives the figures that are means over pairs, by intervals.share_estimate and intervals.estimate."""
    columns = {
        "accuracy": metrics.correct(margins),
        "log_loss": metrics.log_loss(calibrated),
        "log_loss_raw": metrics.log_loss(raw),
        "brier": (1 - metrics.probability(calibrated)) ** 2,
    }
    theirs = pairs.margins(champion.rewards) if champion else None
    if champion and theirs is not None:
        columns["their_accuracy"] = metrics.correct(theirs)
        columns["their_log_loss"] = metrics.log_loss(theirs / champion.temperature)
    means, draws = intervals.means_and_draws(columns, pairs.cluster, pairs.n_clusters, **drawn)
    n, longer = pairs.n_prompts, intervals.share_estimate(metrics.correct(pairs.longer_by), pairs.cluster)
    figures: PairMeans = {
        "accuracy": intervals.share_estimate(columns["accuracy"], pairs.cluster),
        "log_loss": intervals.estimate(means["log_loss"], draws["log_loss"], n),
        "log_loss_raw": intervals.estimate(means["log_loss_raw"], draws["log_loss_raw"], n),
        "brier": intervals.estimate(means["brier"], draws["brier"], n, ends=(0.0, 1.0)),
        "baseline_longer": {"accuracy": longer["value"], "low": longer["low"], "high": longer["high"]},
        "champion": None,
    }
    if theirs is not None:
        accuracy = intervals.share_estimate(columns["their_accuracy"], pairs.cluster)
        loss = intervals.estimate(means["their_log_loss"], draws["their_log_loss"], n)
        same = bool(np.array_equal(margins, theirs))
        figures["champion"] = _against_champion(means, draws, n, accuracy, loss, same=same)
    return figures


def _against_champion(
    means: dict[str, float],
    draws: dict[str, metrics.Floats],
    n_prompts: int,
    accuracy: ShareEstimate,
    loss: Estimate,
    *,
    same: bool,
) -> PairComparison:
    """Measures the champion on the same pairs; differences are ours minus the champion's, on the same draws of
    prompts."""
    apart = {
        name: (means[name] - means[f"their_{name}"], draws[name] - draws[f"their_{name}"], n_prompts)
        for name in ("accuracy", "log_loss")
    }
    return {
        "accuracy": accuracy["value"],
        "accuracy_low": accuracy["low"],
        "accuracy_high": accuracy["high"],
        "log_loss": loss["value"],
        "log_loss_low": loss["low"],
        "log_loss_high": loss["high"],
        "difference": {
            "accuracy": intervals.difference(*apart["accuracy"], same=same),
            "log_loss": intervals.estimate(*apart["log_loss"]),
        },
    }
