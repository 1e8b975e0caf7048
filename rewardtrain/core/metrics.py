"""How good rewards are, as plain functions of numbers. Everything carries sums and counts to the end. No torch."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardtrain.core.data import Group

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Json = dict[str, Any]

LENGTH_EDGES = (-500, -100, 0, 1, 101, 501)  # characters by which the chosen completion is longer


@dataclass(frozen=True)
class Pairs:
    """Every comparison that isn't a tie, once for each labeler who made it; all arrays are (P,)."""

    chosen: Ints  # where the chosen completion's reward is in the flat list of rewards
    rejected: Ints
    cluster: Ints  # equal for equal dialogues: what the bootstrap draws
    gap: Ints  # how many ranks apart, ranks counted without holes
    longer_by: Ints  # characters of chosen minus characters of rejected
    labelers: list[str]
    n_ties: int
    n_clusters: int

    def margins(self, rewards: Sequence[Sequence[float]]) -> Floats:
        """(P,) reward of chosen minus reward of rejected."""
        flat = np.array([value for group in rewards for value in group], dtype=np.float64)
        return flat[self.chosen] - flat[self.rejected]


def collect_pairs(groups: Sequence[Group]) -> Pairs:
    """Expand all rankings into pairs, in the order of the groups."""
    rows: list[tuple[int, int, int, int, int]] = []
    labelers: list[str] = []
    clusters = dict[str, int]()
    start = n_ties = 0
    for group in groups:
        cluster = clusters.setdefault(group.prompt_key, len(clusters))
        for ranking in group.rankings:
            dense = {rank: place for place, rank in enumerate(sorted(set(ranking.ranks)))}
            for i, j in combinations(range(len(ranking.ranks)), 2):
                if ranking.ranks[i] == ranking.ranks[j]:
                    n_ties += 1
                    continue
                best, worst = (i, j) if ranking.ranks[i] < ranking.ranks[j] else (j, i)
                gap = dense[ranking.ranks[worst]] - dense[ranking.ranks[best]]
                longer_by = len(group.completions[best]) - len(group.completions[worst])
                rows.append((start + best, start + worst, cluster, gap, longer_by))
                labelers.append(ranking.labeler)
        start += len(group.completions)
    table: Ints = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
    return Pairs(
        chosen=table[:, 0],
        rejected=table[:, 1],
        cluster=table[:, 2],
        gap=table[:, 3],
        longer_by=table[:, 4],
        labelers=labelers,
        n_ties=n_ties,
        n_clusters=len(clusters),
    )


def correct(margins: npt.NDArray[Any]) -> Floats:
    """1 where chosen is above rejected, a half where they are equal."""
    return np.asarray((margins > 0) + 0.5 * (margins == 0), dtype=np.float64)


def log_loss(margins: Floats) -> Floats:
    """-log sigma(margin), without overflow."""
    return np.logaddexp(0.0, -margins)


def probability(margins: Floats) -> Floats:
    """Bradley-Terry: sigma(margin), the chance that chosen is preferred."""
    return np.exp(-log_loss(margins))


def resampled_means(sums: Floats, counts: Floats, *, samples: int, seed: int) -> Floats:
    """Bootstrap over clusters: (samples, M) means, each the drawn clusters' sums over their counts.

    sums: (C, M); counts: (C,) or (C, M). Whole clusters are drawn because pairs of one prompt aren't independent. Equal
    arguments draw equal clusters, so differences of columns are paired.
    """
    random = np.random.default_rng(seed)
    n = len(sums)
    counts = np.broadcast_to(counts.reshape(n, -1), sums.shape)
    means = []
    for _ in range(samples):
        drawn = np.bincount(random.integers(0, n, n), minlength=n)
        total = drawn @ counts
        means.append(np.divide(drawn @ sums, total, out=np.full(sums.shape[1], np.nan), where=total > 0))
    return np.array(means)


def cluster_sums(values: Floats, cluster: Ints, n_clusters: int) -> Floats:
    """(P, M) values to (C, M) sums."""
    columns = [np.bincount(cluster, weights=column, minlength=n_clusters) for column in values.T]
    return np.array(columns, dtype=np.float64).reshape(values.shape[1], n_clusters).T


def interval(draws: Floats) -> Json:
    """The middle 95 % of bootstrap draws."""
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return {"low": None, "high": None}
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"low": float(low), "high": float(high)}


def expected_calibration_error(margins: Floats, *, n_bins: int = 10) -> Json:
    """ECE (Guo et al. 2017, arXiv 1706.04599, eq. 3) of the preferred side's probability, bins from 0.5 to 1."""
    confidence = np.maximum(probability(margins), probability(-margins))
    place = np.minimum(((confidence - 0.5) * 2 * n_bins).astype(np.int64), n_bins - 1)
    hits = correct(margins)
    bins, error = [], 0.0
    for index in range(n_bins):
        inside = place == index
        n = int(inside.sum())
        mean, accuracy = (float(confidence[inside].mean()), float(hits[inside].mean())) if n else (None, None)
        low, high = 0.5 + index / n_bins / 2, 0.5 + (index + 1) / n_bins / 2
        bins.append({"low": low, "high": high, "n": n, "confidence": mean, "accuracy": accuracy})
        if mean is not None and accuracy is not None:
            error += n / len(margins) * abs(mean - accuracy)
    return {"value": error, "bins": bins}


def kendall_tau_b(ranks: Sequence[int], rewards: Sequence[float]) -> float | None:
    """Kendall's tau-b between a ranking (1 is best) and rewards (more is better); None where either is all ties."""
    agreeing = ranked = scored = 0
    for i, j in combinations(range(len(ranks)), 2):
        by_rank = (ranks[j] > ranks[i]) - (ranks[j] < ranks[i])
        by_reward = (rewards[i] > rewards[j]) - (rewards[i] < rewards[j])
        agreeing += by_rank * by_reward
        ranked += by_rank != 0
        scored += by_reward != 0
    return agreeing / math.sqrt(ranked * scored) if ranked and scored else None


def mean_tau(groups: Sequence[Group], rewards: Sequence[Sequence[float]]) -> Json:
    """Mean tau-b over all rankings for which it is defined, and their number."""
    taus = [
        tau
        for group, values in zip(groups, rewards, strict=True)
        for ranking in group.rankings
        if (tau := kendall_tau_b(ranking.ranks, values)) is not None
    ]
    return {"value": sum(taus) / len(taus) if taus else None, "n": len(taus)}


def human_ceiling(groups: Sequence[Group], *, samples: int, seed: int) -> Json | None:
    """How often two different labelers, neither of whom tied it, agree on a pair; None where no pair has two."""
    clusters = dict[str, int]()
    rows = []
    for group in groups:
        cluster = clusters.setdefault(group.prompt_key, len(clusters))
        agreed = n = 0
        for one, other in combinations(group.rankings, 2):
            if one.labeler == other.labeler:  # the same person asked twice says nothing about agreement of people
                continue
            for i, j in combinations(range(len(one.ranks)), 2):
                product = (one.ranks[i] - one.ranks[j]) * (other.ranks[i] - other.ranks[j])
                agreed += product > 0
                n += product != 0
        rows.append((cluster, agreed, n))
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
    totals = cluster_sums(table[:, 1:].astype(np.float64), table[:, 0], len(clusters))
    agreed, n = totals.sum(axis=0)
    if not n:
        return None
    draws = resampled_means(totals[:, :1], totals[:, 1], samples=samples, seed=seed)
    return {"agreement": float(agreed / n), **interval(draws[:, 0]), "n": int(n)}


def by_gap(pairs: Pairs, hits: Floats) -> list[Json]:
    return [{"gap": int(gap), **_part(hits, pairs.gap == gap)} for gap in np.unique(pairs.gap)]


def by_labeler(pairs: Pairs, hits: Floats) -> list[Json]:
    names = np.array(pairs.labelers, dtype=object)
    return [{"labeler": name, **_part(hits, names == name)} for name, _ in Counter(pairs.labelers).most_common()]


def by_length_difference(pairs: Pairs, hits: Floats) -> list[Json]:
    """Accuracy where the chosen completion is `low` to `high` characters longer (high excluded; None is no bound)."""
    edges = [None, *LENGTH_EDGES, None]
    parts = []
    for low, high in pairwise(edges):
        inside = np.ones(len(hits), dtype=bool)
        if low is not None:
            inside &= pairs.longer_by >= low
        if high is not None:
            inside &= pairs.longer_by < high
        if inside.any():
            parts.append({"low": low, "high": high, **_part(hits, inside)})
    return parts


def _part(hits: Floats, inside: npt.NDArray[np.bool_]) -> Json:
    return {"n": int(inside.sum()), "accuracy": float(hits[inside].mean())}
