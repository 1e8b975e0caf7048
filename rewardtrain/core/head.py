"""A linear head on fixed features, fitted to all comparisons at once. No torch: a fit starts as fast as numpy does.

Minimised is  F(w) = sum over prompts of the K-wise Bradley-Terry loss of loss.kwise_loss + l2 / 2 * |w|^2  on features
scaled to a standard deviation of 1. F is strictly convex, so the head is the one optimum, whatever the seed. l2 is the
precision of a normal prior on each weight and so needs no change when data grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from rewardtrain.core.solvers import Floats, Function, Solve, conjugate_gradients, minimise

Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Weights = dict[tuple[int, int], float]  # as comparisons.Comparisons has them: how many preferred i to j

L2_GRID = tuple(10.0**exponent for exponent in (4, 3.5, 3, 2.5, 2, 1.5, 1))
DEFAULT_L2 = 1000.0
MIN_VALIDATION = 30  # prompts; fewer would choose an l2 by luck
SEARCH_PROMPTS = 2000  # as many choose l2
_SOME = 8192  # comparisons that tell the curvature, and features that tell the scale


@dataclass(frozen=True)
class Edges:
    """The comparisons of P prompts: row `better` of the features was preferred to row `worse`; arrays are (E,)."""

    better: Ints
    worse: Ints
    weight: Floats  # those of one prompt sum to 1, so that a prompt counts once
    prompt: Ints  # 0 to P - 1, ascending
    n_prompts: int

    def first(self, n_prompts: int) -> "Edges":
        """Those of the first prompts only."""
        if n_prompts >= self.n_prompts:
            return self
        stop = int(np.searchsorted(self.prompt, n_prompts))
        return Edges(self.better[:stop], self.worse[:stop], self.weight[:stop], self.prompt[:stop], n_prompts)


@dataclass(frozen=True)
class Linear:
    """One logit: features @ weight + bias."""

    weight: Floats  # (D,)
    bias: float

    def __call__(self, features: Floats32) -> Floats:
        """(N, D) to (N,)."""
        return _times(features, self.weight) + self.bias


@dataclass(frozen=True)
class Problem:
    """Features (N, D) and what is known of them, from which heads are fitted."""

    features: Floats32
    edges: Edges

    @cached_property
    def scale(self) -> Floats:
        """(D,) standard deviations, of some of the features; one that never changes gets 1, and so a weight of zero."""
        return _scale(self.features)

    @cached_property
    def mean(self) -> Floats:
        return np.asarray(self.features.mean(axis=0, dtype=np.float64))

    @cached_property
    def curvature(self) -> Floats:
        """(D, D) upper bound of the loss's Hessian per prompt, estimated by some of the prompts.

        sigma' is at most 1/4, so the Hessian at zero bounds it everywhere (Böhning & Lindsay 1988).
        """
        last = self.edges.prompt[min(len(self.edges.prompt), _SOME) - 1]
        some = self.edges.first(int(last) + 1)
        differences = (self.features[some.better] - self.features[some.worse]) / self.scale.astype(np.float32)
        differences *= np.sqrt(some.weight / 4 / some.n_prompts).astype(np.float32)[:, None]
        return (differences.T @ differences).astype(np.float64)

    def solver(self, l2: float) -> Solve:
        """The inverse of that bound for all prompts and the prior."""
        inverse = np.linalg.inv(self.curvature * self.edges.n_prompts + l2 * np.eye(len(self.scale)))
        return lambda gradient: np.asarray(inverse @ gradient)

    def first(self, n_prompts: int) -> Self:
        """The same of the first prompts only."""
        edges = self.edges.first(n_prompts)
        part = replace(self, edges=edges, features=self.features[: max(edges.better.max(), edges.worse.max()) + 1])
        part.__dict__.update(scale=self.scale, curvature=self.curvature)  # worked out already, and good enough
        return part

    def rewards_to_weights(self, slopes: Floats) -> Floats:
        """(E,) or (E, M) derivatives by margin to (D,) or (D, M) derivatives by scaled weight."""
        columns = slopes.reshape(len(slopes), -1).T
        n = len(self.features)
        better, worse = self.edges.better, self.edges.worse
        by_reward = np.stack([np.bincount(better, part, n) - np.bincount(worse, part, n) for part in columns], axis=1)
        return (_times(self.features.T, by_reward).T / self.scale).T.reshape(len(self.scale), *slopes.shape[1:])

    def margins(self, weight: Floats) -> Floats:
        """(D,) or (D, M) scaled weights to (E,) or (E, M) differences of reward."""
        rewards = _times(self.features, (weight.T / self.scale).T)
        return np.asarray(rewards[self.edges.better] - rewards[self.edges.worse])

    def objective(self, l2: float) -> Function:
        """F."""
        edges = self.edges

        def function(weight: Floats) -> tuple[float, Floats]:
            margins = self.margins(weight)
            value = edges.weight @ np.logaddexp(0, -margins) + l2 / 2 * (weight @ weight)
            return float(value), self.rewards_to_weights(-edges.weight * sigmoid(-margins)) + l2 * weight

        return function

    def linear(self, weight: Floats) -> Linear:
        """The head of scaled weights, with a mean reward of zero over the features."""
        unscaled = weight / self.scale
        return Linear(unscaled, -float(self.mean @ unscaled))


def edges_of(comparisons: Sequence[Weights], sizes: Sequence[int]) -> Edges:
    """sizes: completions of each prompt; features lie one after the other. A prompt without comparisons is left out."""
    rows, prompts, weights = list[tuple[int, int]](), list[int](), list[float]()
    start = used = 0
    for merged, size in zip(comparisons, sizes, strict=True):
        total = sum(merged.values())
        for (i, j), weight in merged.items():
            rows.append((start + i, start + j))
            weights.append(weight / total)
            prompts.append(used)
        used += bool(merged)
        start += size
    table: Ints = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return Edges(table[:, 0], table[:, 1], np.array(weights), np.array(prompts, dtype=np.int64), used)


def fit_rewards(problem: Problem, *, l2: float) -> Linear:
    """The optimum of F."""
    start = np.zeros(len(problem.scale))
    return problem.linear(minimise(problem.objective(l2), start, problem.solver(l2)))


def choose_l2(problem: Problem, features: Floats32, validation: Edges) -> tuple[float, dict[float, float]]:
    """The l2 of L2_GRID with the lowest loss on validation edges, of `features`, and the loss of each.

    At most SEARCH_PROMPTS are fitted. Too few validation prompts for a choice give DEFAULT_L2 and no losses.
    """
    if validation.n_prompts < MIN_VALIDATION:
        return DEFAULT_L2, {}
    part = problem.first(SEARCH_PROMPTS)
    weight, losses = np.zeros(len(problem.scale)), dict[float, float]()
    for l2 in L2_GRID:  # from the strongest prior down, each from where the last ended
        weight = minimise(part.objective(l2), weight, part.solver(l2), tolerance=1e-6)
        losses[l2] = loss(Linear(weight / problem.scale, 0.0)(features), validation)
    return min(losses, key=losses.__getitem__), losses


def fit_flag(features: Floats32, flags: Floats, *, l2: float, bias: bool) -> Linear:
    """Logistic regression of flags, (n,) from 0 to 1, on (n, D) features: their log-odds.

    bias: whether there may be one; it has no prior, and features are then centred.
    """
    scale, mean = _scale(features), features.mean(axis=0, dtype=np.float64) if bias else np.zeros(features.shape[1])
    ones = np.full((len(flags), 1), float(bias), dtype=np.float32)
    wide = np.concatenate([((features - mean) / scale).astype(np.float32), ones], axis=1)
    prior = np.append(np.full(len(scale), l2), 1e-6)

    def function(point: Floats) -> tuple[float, Floats]:
        logits = _times(wide, point)
        value = (np.logaddexp(0, logits) - flags * logits).sum() + (prior * point**2).sum() / 2
        return float(value), _times(wide.T, sigmoid(logits) - flags) + prior * point

    inverse = np.linalg.inv((wide.T @ wide).astype(np.float64) / 4 + np.diag(prior))
    point = minimise(function, np.zeros(len(prior)), lambda gradient: np.asarray(inverse @ gradient))
    weight = point[:-1] / scale
    return Linear(weight, float(point[-1] - mean @ weight))


def fit_ensemble(problem: Problem, head: Linear, *, l2: float, count: int, seed: int) -> list[Linear]:
    """`count` heads, each as if fitted to a bootstrap sample of the prompts: one Newton step from the optimum.

    w_m = w - H^-1 g_m, with g_m the gradient under the sample's counts: the one-step bootstrap, which the infinitesimal
    jackknife justifies (Giordano et al. 2019, arXiv 1806.00550, eq. 4). Each has a mean reward of zero over the
    features. H^-1 g is found by conjugate gradients, so that H is never formed.
    """
    edges, n = problem.edges, problem.edges.n_prompts
    weight = head.weight * problem.scale
    margins = problem.margins(weight)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=count).T  # (P, M)
    # The prior's part is in the optimum's gradient, which is zero: only the excess of the counts over 1 is left.
    slopes = (-edges.weight * sigmoid(-margins))[:, None] * (drawn - 1)[edges.prompt]
    curvatures = edges.weight * sigmoid(margins) * sigmoid(-margins)

    def hessian(directions: Floats) -> Floats:
        return problem.rewards_to_weights(curvatures[:, None] * problem.margins(directions)) + l2 * directions

    steps = conjugate_gradients(hessian, problem.rewards_to_weights(slopes), problem.solver(l2))  # (D, M)
    return [problem.linear(weight - step) for step in steps.T]


def uncertainty(features: Floats32, heads: Floats) -> Floats:
    """(N,) standard deviation of the ensemble's rewards; heads: (M, D + 1), the bias last, as in heads.safetensors."""
    rewards = _times(features, heads[:, :-1].T) + heads[:, -1]
    return np.asarray(rewards.std(axis=1, ddof=1))


def loss(rewards: Floats, edges: Edges) -> float:
    """The mean over prompts of the K-wise loss."""
    margins = rewards[edges.better] - rewards[edges.worse]
    return float((edges.weight * np.logaddexp(0, -margins)).sum() / edges.n_prompts)


def sigmoid(values: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -values))


def _scale(features: Floats32) -> Floats:
    some = features[:: max(1, len(features) // _SOME)]
    deviation = some.std(axis=0, dtype=np.float64)
    return np.where(deviation > 1e-6 * float(deviation.max()), deviation, 1.0)


def _times(matrix: Floats32, vectors: Floats) -> Floats:
    """In float32, whose reading from memory is what takes the time."""
    return np.asarray(matrix @ vectors.astype(np.float32), dtype=np.float64)
