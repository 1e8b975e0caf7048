"""95 % intervals of figures over pairs that come in clusters, which are distinct dialogues. No torch.

One rule for every figure: of a share `share_estimate`, of all else `estimate` (docs/decisions/0057 and 0107).
P: judgements, C: clusters.
"""

from collections.abc import Hashable
from typing import TypeVar

import numpy as np

from formats.evaluation_report.figures import CountedShare, CountedShareOrNone, Estimate, ShareEstimate
from formats.wilson import wilson
from rewardtrain.core.measures.metrics import Floats, Ints

LEAST_PROMPTS = 5  # over fewer a bootstrap's interval is too narrow to be called one: docs/decisions/0107
Name = TypeVar("Name", bound=Hashable)


def resampled_sums(sums: Floats, *, samples: int, seed: int) -> Floats:
    """Draws a bootstrap over clusters: (C, M) sums of each cluster to (samples, M) sums of as many clusters, drawn
    anew.

    Whole clusters are drawn because pairs of one prompt aren't independent. Equal C, samples and seed draw equal
    clusters, so differences of columns are paired.
    """
    random = np.random.default_rng(seed)
    n = len(sums)
    return np.array([np.bincount(random.integers(0, n, n), minlength=n) @ sums for _ in range(samples)])


def resampled_means(sums: Floats, counts: Floats, *, samples: int, seed: int) -> Floats:
    """Does the same as means: sums over counts. sums: (C, M); counts: (C,) or (C, M). NaN where nothing was drawn."""
    width = sums.shape[1]
    counts = np.broadcast_to(counts.reshape(len(sums), -1), sums.shape)
    drawn = resampled_sums(np.hstack([sums, counts]), samples=samples, seed=seed)
    total: Floats = drawn[:, width:]
    means: Floats = np.full(total.shape, np.nan)
    np.divide(drawn[:, :width], total, out=means, where=total > 0)
    return means


def means_and_draws(
    columns: dict[Name, Floats], cluster: Ints, n_clusters: int, *, samples: int, seed: int
) -> tuple[dict[Name, float], dict[Name, Floats]]:
    """Gives each (P,) column's mean and its (samples,) bootstrap draws."""
    table = np.stack(list(columns.values()), axis=1)
    counts = np.bincount(cluster, minlength=n_clusters).astype(np.float64)
    draws = resampled_means(cluster_sums(table, cluster, n_clusters), counts, samples=samples, seed=seed)
    return (
        dict(zip(columns, table.mean(axis=0).tolist(), strict=True)),
        dict(zip(columns, draws.T, strict=True)),
    )


def cluster_sums(values: Floats, cluster: Ints, n_clusters: int) -> Floats:
    """Adds (P, M) values up to (C, M) sums."""
    columns = [np.bincount(cluster, weights=column, minlength=n_clusters) for column in values.T]
    return np.array(columns, dtype=np.float64).reshape(values.shape[1], n_clusters).T


def count(cluster: Ints) -> int:
    """Counts how many prompts the judgements of these clusters are of."""
    return int(np.count_nonzero(np.bincount(cluster)))  # sorting them, as numpy.unique does, takes ten times as long


def estimate(value: float, draws: Floats, n_prompts: int, *, ends: tuple[float, float] | None = None) -> Estimate:
    """Gives a figure that is no share with its 95 % interval; None of fewer than LEAST_PROMPTS prompts (decision 107).

    It is the middle 95 % of the bootstrap's draws, and the value, which draws of a skewed figure may leave out. ends:
    the least and the most that the figure can be. Where all draws are one of them the bootstrap says that nothing else
    can be; then it is Wilson's interval of as many cases as there are prompts, as share has it.
    """
    value, draws = float(value), draws[np.isfinite(draws)]
    if n_prompts < LEAST_PROMPTS or not len(draws):
        return {"value": value, "low": None, "high": None}
    low, high = map(float, np.percentile(draws, [2.5, 97.5]))
    if ends and value in ends and low == high:
        least, most = ends
        low, high = (least + (most - least) * end for end in wilson((value - least) / (most - least), n_prompts))
    return {"value": value, "low": min(low, value), "high": max(high, value)}


def difference(value: float, draws: Floats, n_prompts: int, *, same: bool) -> Estimate:
    """Does the same for a difference of two shares or areas on the same judgements.

    same: both are of one model, whose difference to itself is 0. Of two models that differ nowhere it is plus and minus
    what Wilson's interval leaves to none of so many prompts (Tango 1998, Statistics in Medicine 17, of paired shares).
    """
    interval = estimate(value, draws, n_prompts, ends=(-1.0, 1.0))
    if interval["low"] == interval["high"] == 0 and not same:
        most = wilson(0.0, n_prompts)[1]
        return {"value": interval["value"], "low": -most, "high": most}
    return interval


def share(hits: Floats, cluster: Ints) -> CountedShareOrNone:
    """Gives what share_of_some does, and None of nothing."""
    if len(hits):
        return {**share_of_some(hits, cluster)}
    return {"n": 0, "n_prompts": 0, "accuracy": None, "accuracy_low": None, "accuracy_high": None}


def share_of_some(hits: Floats, cluster: Ints) -> CountedShare:
    """Gives n, of how many prompts, accuracy and its interval as share_estimate has it. hits: one or more."""
    share = share_estimate(hits, cluster)
    return {
        "n": len(hits),
        "n_prompts": count(cluster),
        "accuracy": share["value"],
        "accuracy_low": share["low"],
        "accuracy_high": share["high"],
    }


def share_estimate(hits: Floats, cluster: Ints, weights: Floats | None = None) -> ShareEstimate:
    """Gives every share with its interval, whole or part. Three of three are not 100 % to 100 %.

    Wilson's interval at the effective number of pairs (Korn and Graubard 1998, Survey Methodology 24): as many
    independent ones as would scatter like these, which come in clusters. weights: (P,) how much of each counts; 1.
    """
    weights = np.ones(len(hits)) if weights is None else weights
    value = float(hits.sum()) / float(weights.sum())
    low, high = wilson(value, effective_number(hits, cluster, weights))
    return {"value": value, "low": low, "high": high}


def effective_number(hits: Floats, cluster: Ints, weights: Floats) -> float:
    """Gives a number between one and all of them; where nothing scatters, the number of clusters. See
    share_estimate."""
    n = float(weights.sum())
    value = float(hits.sum()) / n
    residuals, variance = hits - value * weights, value * (1 - value)
    sums = np.bincount(cluster, weights=residuals)[np.bincount(cluster) > 0]
    c = len(sums)
    if c == 1 or not np.ptp(residuals):
        return float(c)
    of_mean = c / (c - 1) * float(sums @ sums) / n**2
    return min(n, variance / of_mean) if of_mean > 0 else n
