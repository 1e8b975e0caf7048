"""The report's distributions and parts: calibration, rewards, ties, and accuracy by one thing or another. No torch."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from formats.evaluation_report.figures import Bin, CalibrationError, Counted, CountedShare, Estimate
from formats.evaluation_report.flags import Thresholds
from formats.evaluation_report.pairs import Distribution, GapPart, LabelerPart, LengthPart, Margins, RewardDistributions
from rewardtrain.core.measures import intervals, metrics
from rewardtrain.core.measures.metrics import Floats, Ints, Pairs

CALIBRATION_BINS = 10  # from 0.5 to 1
REWARD_BINS = 24
THRESHOLDS, HUNDREDTHS = 299, 99  # of a class, and how many of them are 0.01 to 0.99
LENGTH_EDGES = (-500, -100, 0, 1, 101, 501)  # characters by which the chosen completion is longer


class Clustered(Protocol):
    """Judgements, pairs of completions or votes on classes, of which those of one cluster are drawn together."""

    @property
    def cluster(self) -> Ints: ...  # one for each judgement

    @property
    def n_clusters(self) -> int: ...


def calibration(clustered: Clustered, margins: Floats, *, samples: int, seed: int) -> CalibrationError:
    """Computes ECE (Guo et al. 2017, arXiv 1706.04599, eq. 3) of the preferred side's probability, with its bins from
    0.5 to 1.

    by_chance: the mean ECE that a perfectly calibrated model with the same probabilities would show on as many pairs,
    as in the consistency bars of Broecker and Smith 2007: even that one isn't at 0.
    """
    sure, hits = metrics.confidence(margins), metrics.correct(margins)
    place = np.minimum(((sure - 0.5) * 2 * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = np.where(place[:, None] == np.arange(CALIBRATION_BINS), (sure - hits)[:, None], 0.0)  # (P, bins)
    sums = intervals.cluster_sums(gaps, clustered.cluster, clustered.n_clusters)
    counts = np.bincount(clustered.cluster, minlength=clustered.n_clusters)[:, None]
    drawn = intervals.resampled_sums(np.hstack([sums, counts]), samples=samples, seed=seed)
    drawn = drawn[drawn[:, -1] > 0]
    draws = np.abs(drawn[:, :-1]).sum(axis=1) / drawn[:, -1]
    return {
        **intervals.estimate(np.abs(gaps.sum(axis=0)).sum() / len(sure), draws, intervals.count(clustered.cluster)),
        "by_chance": _error_by_chance(sure, place, samples=samples, seed=seed),
        "bins": [_bin(index, sure, hits, clustered.cluster, place == index) for index in range(CALIBRATION_BINS)],
    }


def _bin(index: int, sure: Floats, hits: Floats, cluster: Ints, inside: npt.NDArray[np.bool_]) -> Bin:
    low, high = ((1 + edge / CALIBRATION_BINS) / 2 for edge in (index, index + 1))
    mean = float(sure[inside].mean()) if inside.any() else None
    return {"low": low, "high": high, "confidence": mean, **intervals.share(hits[inside], cluster[inside])}


def _error_by_chance(sure: Floats, place: Ints, *, samples: int, seed: int) -> float:
    random = np.random.default_rng(seed)
    total = 0.0
    for _ in range(samples):
        gaps = sure - (random.random(len(sure)) < sure)
        total += float(np.abs(np.bincount(place, weights=gaps)).sum()) / len(sure)
    return total / samples


def reward_distributions(
    pairs: Pairs, rewards: Sequence[Sequence[float]], *, samples: int, seed: int
) -> RewardDistributions:
    """Gives histograms of the rewards of chosen and of rejected over the same bins, one entry for each pair.

    The first and the last bin hold what lies beyond them too. overlap: what the two have in common (Weitzman's
    coefficient: 0 is apart, 1 is equal). auc: how often the reward of any chosen is above that of any rejected, of
    whatever prompt, with its interval; accuracy compares within a prompt.
    """
    values = metrics.flatten(rewards)
    chosen, rejected = values[pairs.chosen], values[pairs.rejected]
    low, high = np.percentile(np.concatenate([chosen, rejected]), [0.5, 99.5])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, REWARD_BINS + 1)
    counts = [np.histogram(np.clip(side, low, high), edges)[0] for side in (chosen, rejected)]
    return {
        "edges": edges.tolist(),
        "chosen": _distribution(chosen, counts[0]),
        "rejected": _distribution(rejected, counts[1]),
        "overlap": float(np.minimum(*counts).sum() / len(chosen)),
        "auc": roc_auc(
            np.concatenate([chosen, rejected]),
            np.arange(2 * len(chosen)) < len(chosen),
            np.tile(pairs.cluster, 2),
            pairs.n_clusters,
            samples=samples,
            seed=seed,
        ),
    }


def _distribution(values: Floats, counts: Ints) -> Distribution:
    return {"mean": float(values.mean()), "sd": float(values.std()), "counts": counts.tolist()}


def roc_auc(
    values: Floats, positive: npt.NDArray[np.bool_], cluster: Ints, n_clusters: int, *, samples: int, seed: int
) -> Estimate:
    """Computes the area under the ROC curve: how often a positive's value is above a negative's, equal values counting
    half.

    All arrays are (n,). NaN without positives or without negatives.
    """
    drawn = drawn_auc(values, positive, cluster, n_clusters, samples=samples, seed=seed)
    return intervals.estimate(*drawn, n_prompts_of_area(positive, cluster), ends=(0.0, 1.0))


def n_prompts_of_area(positive: npt.NDArray[np.bool_], cluster: Ints) -> int:
    """Counts as many as the rarer side has: an area is not known better for a hundred prompts of the other one."""
    return min(intervals.count(cluster[positive]), intervals.count(cluster[~positive]))


def drawn_auc(
    values: Floats, positive: npt.NDArray[np.bool_], cluster: Ints, n_clusters: int, *, samples: int, seed: int
) -> tuple[float, Floats]:
    """Gives the same and its (samples,) bootstrap draws, which for equal clusters and seed are paired.

    It is the U of Mann and Whitney 1947 over its highest value; the draws weigh values that are sorted once.
    """
    levels = np.unique(values, return_inverse=True)[1]

    def area(weights: Floats) -> float:
        above, below = (
            np.bincount(levels[side], weights[side], minlength=len(values)) for side in (positive, ~positive)
        )
        highest = float(above.sum() * below.sum())
        return float(above @ (np.cumsum(below) - below / 2)) / highest if highest else math.nan

    random = np.random.default_rng(seed)
    draws = []
    for _ in range(samples):
        drawn = np.bincount(random.integers(0, n_clusters, n_clusters), minlength=n_clusters)
        draws.append(area(drawn[cluster].astype(np.float64)))
    return area(np.ones(len(values))), np.array(draws)


def thresholds(probabilities: Floats, positive: npt.NDArray[np.bool_]) -> Thresholds:
    """Counts what becomes of votes at each of up to THRESHOLDS thresholds, from the highest to the lowest, as counts.

    probabilities, positive: (n,) of the positive class, and whether it was said. Predicted positive is who has at least
    the threshold; so from these counts come the ROC curve, the precision-recall curve and every confusion matrix. The
    thresholds are the hundredths, and of the probabilities that occur those which share all of them out evenly.
    """
    seen = np.unique(probabilities)
    if len(seen) > THRESHOLDS - HUNDREDTHS:
        seen = np.unique(np.quantile(probabilities, np.linspace(0, 1, THRESHOLDS - HUNDREDTHS), method="lower"))
    grid = np.arange(1, HUNDREDTHS + 1) / (HUNDREDTHS + 1)
    cuts = np.unique(np.concatenate([seen, grid]))[::-1]

    def reached(of: Floats) -> list[int]:
        counts: list[int] = (len(of) - np.searchsorted(np.sort(of), cuts, side="left")).tolist()
        return counts

    return {
        "thresholds": cuts.tolist(),
        "true_positives": reached(probabilities[positive]),
        "false_positives": reached(probabilities[~positive]),
        "positives": int(positive.sum()),
        "negatives": int((~positive).sum()),
    }


def margin_sizes(pairs: Pairs, rewards: Sequence[Sequence[float]], *, samples: int, seed: int) -> Margins:
    """Says how far apart rewards are: the mean margin of pairs with its spread, and its mean size on pairs and on ties.

    A model that knows of ties gives the two completions of one rewards close to each other.
    """
    values, margins = metrics.flatten(rewards), pairs.margins(rewards)
    tied = np.abs(values[pairs.tied[:, 0]] - values[pairs.tied[:, 1]])
    columns = np.stack([margins, np.abs(margins), np.ones(len(margins))], axis=1)
    strict = intervals.cluster_sums(columns, pairs.cluster, pairs.n_clusters)
    ties = intervals.cluster_sums(np.stack([tied, np.ones(len(tied))], axis=1), pairs.tied_cluster, pairs.n_clusters)
    sums, counts = np.hstack([strict[:, :2], ties[:, :1]]), np.hstack([strict[:, 2:], strict[:, 2:], ties[:, 1:]])
    draws = intervals.resampled_means(sums, counts, samples=samples, seed=seed)
    of: Counted = {"n": len(margins), "n_prompts": pairs.n_prompts}
    n_tied = intervals.count(pairs.tied_cluster)
    return {
        **intervals.estimate(margins.mean(), draws[:, 0], pairs.n_prompts),
        "sd": float(margins.std()),
        **of,
        "size": {**intervals.estimate(np.abs(margins).mean(), draws[:, 1], pairs.n_prompts), **of},
        "size_on_ties": {**intervals.estimate(tied.mean(), draws[:, 2], n_tied), "n": len(tied), "n_prompts": n_tied}
        if len(tied)
        else None,
    }


def by_gap(pairs: Pairs, hits: Floats) -> list[GapPart]:
    return [{"gap": int(gap), **_part(pairs, hits, pairs.gap == gap)} for gap in np.unique(pairs.gap)]


def by_labeler(pairs: Pairs, hits: Floats) -> list[LabelerPart]:
    """Lists labelers, the one with most pairs first."""
    names = np.array(pairs.labelers, dtype=object)
    most = Counter(pairs.labelers).most_common()
    return [{"labeler": name, **_part(pairs, hits, names == name)} for name, _ in most]


def by_length_difference(pairs: Pairs, hits: Floats) -> list[LengthPart]:
    """Gives accuracy where the chosen completion is `low` to `high` characters longer (high excluded; None is no
    bound)."""
    place = np.searchsorted(LENGTH_EDGES, pairs.longer_by, side="right")
    bounds = enumerate(pairwise([None, *LENGTH_EDGES, None]))
    return [
        {"low": low, "high": high, **_part(pairs, hits, place == index)}
        for index, (low, high) in bounds
        if index in place
    ]


def _part(pairs: Pairs, hits: Floats, inside: npt.NDArray[np.bool_]) -> CountedShare:
    return intervals.share_of_some(hits[inside], pairs.cluster[inside])
