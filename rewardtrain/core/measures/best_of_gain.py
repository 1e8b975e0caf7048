"""Best-of-n: what choosing the highest of n rewards gains, how far it strays, and where it may be fooled. No torch.

P: prompts; N: candidates of a prompt, which may differ from prompt to prompt.
"""

import math
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from formats.evaluation_report.figures import CountedEstimate
from rewardtrain.core.measures import intervals, metrics
from rewardtrain.core.measures.metrics import Floats

UNSURE = 0.9  # the quantile of all candidates' uncertainty from which a top counts as uncertain


class Gain(CountedEstimate):
    """What the best of n gains over a random candidate, and how far from the candidates' policy it strays."""

    kl: float


class Doubts(TypedDict):
    """What `doubts` finds, by the prompts' places."""

    limit: float
    uncertain: list[int]
    within: list[int]


class BestOfReport(TypedDict):
    """What is kept of a best of N; doubts are None of a model without an ensemble."""

    gains: list[Gain]
    doubts: Doubts | None


def expected_max(rewards: Sequence[float]) -> Floats:
    """Gives the (N,) expected highest of n of these N candidates drawn without replacement, for n from 1 to N.

    The unbiased estimate of E[max of n] from N samples: the i-th smallest is the highest of C(i - 1, n - 1) of the
    C(N, n) subsets. n = 1 is the mean, n = N the maximum.
    """
    ordered = sorted(rewards)
    size = len(ordered)
    gains = np.zeros(size)
    for n in range(1, size + 1):
        subsets = math.comb(size, n)
        gains[n - 1] = sum(math.comb(i, n - 1) / subsets * ordered[i] for i in range(n - 1, size))
    return gains


def kl(n: int) -> float:
    """Computes the KL from the candidates' policy to best-of-n of it: log n - (n - 1) / n, in nats.

    Stiennon et al. 2020, arXiv 2009.01325, appendix G.3; it is an upper bound where candidates can be equal.
    """
    return math.log(n) - (n - 1) / n


def gains(rewards: Sequence[Sequence[float]], *, samples: int, seed: int) -> list[Gain]:
    """Gives for each n that at least half of the prompts have candidates for the reward above a random candidate's.

    Of the prompts with at least n candidates the mean of E[max of n] - E[max of 1], its interval as
    intervals.estimate has it, their number, and kl. With fewer prompts than half a curve would tell which
    prompts have many candidates rather than what n is worth. Rewards are in units of their deviation on the model's own
    training completions.
    """
    if not len(rewards):
        return []
    widest = sorted(map(len, rewards), reverse=True)[(len(rewards) + 1) // 2 - 1]
    above, there = np.zeros((len(rewards), widest)), np.zeros((len(rewards), widest))
    for place, each in enumerate(rewards):
        best = expected_max(each)[:widest]
        above[place, : len(best)] = best - best[0]
        there[place, : len(best)] = 1
    draws = intervals.resampled_means(above, there, samples=samples, seed=seed)
    means = above.sum(axis=0) / there.sum(axis=0)
    sizes = there.sum(axis=0).astype(int).tolist()
    return [
        {**intervals.estimate(mean, drawn, n_prompts), "n": n, "n_prompts": n_prompts, "kl": kl(n)}
        for n, (mean, drawn, n_prompts) in enumerate(zip(means, draws.T, sizes, strict=True), start=1)
    ]


def doubts(rewards: Sequence[Sequence[float]], uncertainty: Sequence[Sequence[float]]) -> Doubts:
    """Tells where the highest reward may be the model's error rather than the candidate's worth.

    Choosing hard by a proxy finds what the proxy overrates (Gao et al. 2022, arXiv 2210.10760). limit: the 90th
    percentile of all candidates' uncertainty. uncertain: the prompts (places) whose top lies above it, a tenth where
    uncertainty says nothing of what is chosen. within: those whose gain, the top above the mean candidate, is smaller
    than the top's uncertainty.
    """
    limit = float(np.quantile(metrics.flatten(uncertainty), UNSURE))
    tops = [max(range(len(each)), key=each.__getitem__) for each in rewards]
    spread = [each[top] for each, top in zip(uncertainty, tops, strict=True)]
    gained = [each[top] - float(np.mean(each)) for each, top in zip(rewards, tops, strict=True)]
    return {
        "limit": limit,
        "uncertain": [place for place, own in enumerate(spread) if own > limit],
        "within": [place for place, own in enumerate(spread) if gained[place] < own],
    }
