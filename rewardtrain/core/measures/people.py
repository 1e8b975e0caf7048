"""What the labelers themselves say: how far they agree, with each other and with the model; and rank correlation."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from formats.evaluation_report.pairs import HumanCeiling, PeopleAndModel, RankCorrelation, Sureness
from rewardtrain.core.data.groups import Group, Ranking
from rewardtrain.core.measures import intervals, metrics
from rewardtrain.core.measures.metrics import Floats, Ints


def human_ceiling(groups: Sequence[Group]) -> HumanCeiling | None:
    """Measures how often two different labelers, neither of whom tied it, agree on a pair; None where no pair has
    two."""
    rows = [
        (cluster, sign == 1)
        for group, cluster in zip(groups, metrics.clusters_of(groups), strict=True)
        for one, other in _twos(group)
        for _, _, sign in _side_by_side(one, other)
        if sign
    ]
    if not rows:
        return None
    clusters, agreed = np.array(rows, dtype=np.int64).T
    share = intervals.share_of_some(agreed.astype(np.float64), clusters)
    return {
        "agreement": share["accuracy"],
        "low": share["accuracy_low"],
        "high": share["accuracy_high"],
        "n": share["n"],
        "n_prompts": share["n_prompts"],
    }


def people_and_model(
    groups: Sequence[Group], rewards: Sequence[Sequence[float]], *, temperature: float
) -> PeopleAndModel | None:
    """Compares pairs judged by two different labelers, once for each two of them, with what the model says there.

    agree: both prefer the same; accuracy is how often the model does too, with_both and against_both are parts of it.
    disagree: each prefers another, so the model is with one of them whatever it says. tied: one of them or both called
    it a tie. confidence: the mean probability of the side that the model prefers. None where no pair was judged by two.
    """
    rows = [
        (cluster, sign, values[better] - values[worse])
        for group, values, cluster in zip(groups, rewards, metrics.clusters_of(groups), strict=True)
        for one, other in _twos(group)
        for better, worse, sign in _side_by_side(one, other)
    ]
    if not rows:
        return None
    clusters, signs = np.array([row[:2] for row in rows], dtype=np.int64).T
    margins = np.array([row[2] for row in rows], dtype=np.float64) / temperature
    agree = signs == 1

    def sure(part: npt.NDArray[np.bool_]) -> Sureness:
        return _sure(margins[part], clusters[part])

    return {
        "n": len(rows),
        "n_prompts": intervals.count(clusters),
        "agree": {**sure(agree), **intervals.share(metrics.correct(margins[agree]), clusters[agree])},
        "with_both": sure(agree & (margins > 0)),
        "against_both": sure(agree & (margins < 0)),
        "disagree": sure(signs == -1),
        "tied": sure(signs == 0),
    }


def _sure(margins: Floats, clusters: Ints) -> Sureness:
    n = len(margins)
    sure = float(metrics.confidence(margins).mean()) if n else None
    return {"n": n, "n_prompts": intervals.count(clusters), "confidence": sure}


def _twos(group: Group) -> Iterator[tuple[Ranking, Ranking]]:
    """Yields rankings of two different people: the same person asked twice says nothing about the agreement of
    people."""
    return ((one, other) for one, other in combinations(group.rankings, 2) if one.labeler != other.labeler)


def _side_by_side(one: Ranking, other: Ranking) -> Iterator[tuple[int, int, int]]:
    """Yields every pair that both compared: the better and the worse as `one` has it, and 1 if `other` agrees, -1 if
    not, 0 if either tied."""
    theirs = {(i, j): gap for i, j, gap in other.judgements()}
    for better, worse, gap in one.judgements():
        agrees, contradicts = theirs.get((better, worse)), theirs.get((worse, better))
        if agrees is not None or contradicts is not None:
            yield better, worse, 0 if not gap else bool(agrees) - bool(contradicts)


def kendall_tau_b(ranking: Ranking, rewards: Sequence[float]) -> float | None:
    """Computes Kendall's tau-b between a ranking (1 is best) and rewards (more is better), over what it compares; None
    where either is all ties."""
    agreeing = ranked = scored = 0
    for better, worse, gap in ranking.judgements():
        by_reward = (rewards[better] > rewards[worse]) - (rewards[better] < rewards[worse])
        agreeing += by_reward if gap else 0
        ranked += gap != 0
        scored += by_reward != 0
    return agreeing / math.sqrt(ranked * scored) if ranked and scored else None


def mean_tau(
    groups: Sequence[Group], rewards: Sequence[Sequence[float]], *, samples: int, seed: int
) -> RankCorrelation:
    """Gives the mean tau-b over all rankings for which it is defined, its interval, their number and that of their
    prompts."""
    clusters = metrics.clusters_of(groups)
    rows = [
        (cluster, tau)
        for group, values, cluster in zip(groups, rewards, clusters, strict=True)
        for ranking in group.rankings
        if (tau := kendall_tau_b(ranking, values)) is not None
    ]
    if not rows:
        return {"value": None, "low": None, "high": None, "n": 0, "n_prompts": 0}
    places, taus = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    n_clusters = max(clusters) + 1
    sums = intervals.cluster_sums(taus[:, None], places, n_clusters)
    counts = np.bincount(places, minlength=n_clusters).astype(np.float64)
    draws = intervals.resampled_means(sums, counts, samples=samples, seed=seed)
    interval = intervals.estimate(taus.mean(), draws[:, 0], intervals.count(places), ends=(-1.0, 1.0))
    return {**interval, "n": len(rows), "n_prompts": intervals.count(places)}
