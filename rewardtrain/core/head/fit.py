"""A linear head on fixed features, fitted to all comparisons at once. No torch: a fit starts as fast as numpy does.

Minimised is  F(w) = sum over prompts of the pair loss of loss.Objective + l2 / 2 * |w|^2  on features scaled to a
standard deviation of 1. F is strictly convex, so the head is the one optimum, whatever the seed. l2 is the precision of
a normal prior on each weight and so needs no change when data grows.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from rewardtrain.core.head.edges import Edges, sigmoid
from rewardtrain.core.head.solvers import Floats, Function, Solve, conjugate_gradients, minimise

Floats32 = npt.NDArray[np.float32]

L2_GRID = tuple(10.0**exponent for exponent in (4, 3.5, 3, 2.5, 2, 1.5, 1))
DEFAULT_L2 = 1000.0
MIN_VALIDATION = 30  # prompts; fewer would choose an l2 by luck
SEARCH_PROMPTS, SEARCH_FLAGS = 2000, 8000  # as many choose l2
_SOME = 8192  # comparisons that tell the curvature, and features that tell the scale
_FREE = 1e-3  # precision of the prior of what should have none


@dataclass(frozen=True)
class Linear:
    """One logit: features @ weight + bias."""

    weight: Floats  # (D,)
    bias: float

    def __call__(self, features: Floats32) -> Floats:
        """Maps (N, D) to (N,)."""
        return _times(features, self.weight) + self.bias


@dataclass(frozen=True)
class Problem:
    """Features (N, D), their comparisons, and what is worked out of them once for several fits.

    A point is the (D,) weights of scaled features, and log nu after them where Davidson's model is fitted.
    """

    features: Floats32
    edges: Edges

    @cached_property
    def scale(self) -> Floats:
        return _scale(self.features)

    @cached_property
    def mean(self) -> Floats:
        return np.asarray(self.features.mean(axis=0, dtype=np.float64))

    @cached_property
    def curvature(self) -> Floats:
        """Gives the (D, D) upper bound of the loss's Hessian per prompt, estimated by some of the prompts.

        An edge's curvature is at most 1/4, so the Hessian with that bounds it everywhere (Böhning & Lindsay 1988).
        """
        last = self.edges.prompt[min(len(self.edges.prompt), _SOME) - 1]
        some = self.edges.first(int(last) + 1)
        differences = (self.features[some.better] - self.features[some.worse]) / self.scale.astype(np.float32)
        differences *= np.sqrt(some.weight / 4 / some.n_prompts).astype(np.float32)[:, None]
        return (differences.T @ differences).astype(np.float64)

    @property
    def start(self) -> Floats:
        """Gives the point to start from: all rewards equal, and a tie as likely as each win."""
        return np.zeros(len(self.scale) + self.edges.davidson)

    def solver(self, l2: float) -> Solve:
        """Gives the inverse of that bound for all prompts and the prior, for a point or for weights alone."""
        n, size = self.edges.n_prompts, len(self.scale)
        inverse = np.linalg.inv(self.curvature * n + l2 * np.eye(size))

        def solve(gradient: Floats) -> Floats:
            return np.concatenate([inverse @ gradient[:size], gradient[size:] * 4 / n])

        return solve

    def first(self, n_prompts: int) -> Self:
        """Keeps the first prompts only."""
        edges = self.edges.first(n_prompts)
        part = replace(self, edges=edges, features=self.features[: max(edges.better.max(), edges.worse.max()) + 1])
        part.__dict__.update(scale=self.scale, curvature=self.curvature)  # worked out already, and good enough
        return part

    def ahead(self, weight: Floats) -> Floats:
        """Maps (D,) or (D, M) scaled weights to (E,) or (E, M) differences of reward."""
        rewards = _times(self.features, (weight.T / self.scale).T)
        return np.asarray(rewards[self.edges.better] - rewards[self.edges.worse])

    def back(self, slopes: Floats) -> Floats:
        """Maps (E,) or (E, M) derivatives by difference to (D,) or (D, M) derivatives by scaled weight."""
        better, worse, n = self.edges.better, self.edges.worse, len(self.features)
        columns = slopes.reshape(len(slopes), -1).T
        by_reward = np.stack([np.bincount(better, part, n) - np.bincount(worse, part, n) for part in columns], axis=1)
        return (_times(self.features.T, by_reward).T / self.scale).T.reshape(len(self.scale), *slopes.shape[1:])

    def objective(self, l2: float) -> Function:
        """Computes F of a point."""
        edges, size = self.edges, len(self.scale)

        def function(point: Floats) -> tuple[float, Floats]:
            weight, log_nu = point[:size], float(point[size:].sum())
            ahead = self.ahead(weight)
            value, slope, _ = edges.costs(ahead, log_nu)
            gradient = self.back(edges.weight * slope) + l2 * weight
            if edges.davidson:
                gradient = np.append(gradient, edges.tie_slope(ahead, log_nu))
            return float(edges.weight @ value + l2 / 2 * (weight @ weight)), gradient

        return function

    def linear(self, weight: Floats) -> Linear:
        """Gives the head of scaled weights, with a mean reward of zero over the features."""
        unscaled = weight[: len(self.scale)] / self.scale
        return Linear(unscaled, -float(self.mean @ unscaled))


@dataclass(frozen=True)
class Fit:
    """The optimum of F for an l2."""

    problem: Problem
    l2: float
    point: Floats
    loss: float  # F without the prior, per prompt

    @property
    def head(self) -> Linear:
        return self.problem.linear(self.point)


def fit(problem: Problem, *, l2: float) -> Fit:
    """Find the optimum."""
    point = minimise(problem.objective(l2), problem.start, problem.solver(l2))
    weight = point[: len(problem.scale)]
    value = problem.objective(l2)(point)[0] - l2 / 2 * float(weight @ weight)
    return Fit(problem, l2, point, value / problem.edges.n_prompts)


def choose_l2(problem: Problem, features: Floats32, validation: Edges) -> tuple[float, dict[float, float]]:
    """Finds the l2 of L2_GRID with the lowest log loss on validation edges, of `features`, and the log loss of each.

    At most SEARCH_PROMPTS are fitted. Too few validation prompts for a choice give DEFAULT_L2 and no losses.
    """
    if validation.n_prompts < MIN_VALIDATION or validation.tied.all():
        return DEFAULT_L2, {}
    part = problem.first(SEARCH_PROMPTS)
    point, losses = problem.start, dict[float, float]()
    for l2 in L2_GRID:  # from the strongest prior down, each from where the last ended
        point = minimise(part.objective(l2), point, part.solver(l2), tolerance=1e-6)
        losses[l2] = validation.log_loss(_times(features, point[: len(problem.scale)] / problem.scale))
    return min(losses, key=losses.__getitem__), losses


def fit_flag(features: Floats32, shares: Floats, *, l2: float, bias: bool) -> Linear:
    """Fits a logistic regression on (n, D) features: the log-odds of the positive class.

    shares: (n,) the part of the labelers who gave a completion the positive class. bias: whether there may be one; it
    has no prior.
    """
    scale = _scale(features)
    mean = features.mean(axis=0, dtype=np.float64) if bias else np.zeros(len(scale))
    ones = np.full((len(shares), 1), float(bias), dtype=np.float32)
    wide = np.concatenate([((features - mean) / scale).astype(np.float32), ones], axis=1)
    prior = np.append(np.full(len(scale), l2), _FREE)

    def function(point: Floats) -> tuple[float, Floats]:
        logits = _times(wide, point)
        value = (np.logaddexp(0, logits) - shares * logits).sum() + (prior * point**2).sum() / 2
        return float(value), _times(wide.T, sigmoid(logits) - shares) + prior * point

    inverse = np.linalg.inv((wide.T @ wide).astype(np.float64) / 4 + np.diag(prior))
    point = minimise(function, np.zeros(len(prior)), lambda gradient: np.asarray(inverse @ gradient))
    weight = point[:-1] / scale
    return Linear(weight, float(point[-1] - mean @ weight))


def choose_flag_l2(features: Floats32, shares: Floats, others: Floats32, wanted: Floats, *, bias: bool) -> float:
    """Finds the l2 of L2_GRID whose fit_flag has the lowest cross-entropy on `others`, (m, D), of the validation
    split."""
    if len(wanted) < MIN_VALIDATION:
        return DEFAULT_L2
    losses = dict[float, float]()
    for l2 in L2_GRID:
        logits = fit_flag(features[:SEARCH_FLAGS], shares[:SEARCH_FLAGS], l2=l2, bias=bias)(others)
        losses[l2] = float(np.mean(np.logaddexp(0, logits) - wanted * logits))
    return min(losses, key=losses.__getitem__)


def fit_ensemble(fitted: Fit, *, count: int, seed: int) -> Floats32:
    """Gives (count, D + 1) weights and bias of heads, each as if fitted to a bootstrap sample of the prompts.

    One Newton step from the optimum stands for the fit:
    w_m = w - H^-1 g_m, with g_m the gradient under the sample's counts: the one-step bootstrap, which the infinitesimal
    jackknife justifies (Giordano et al. 2019, arXiv 1806.00550, eq. 4). Davidson's nu stays where it is. Each head has
    a mean reward of zero over the features. H^-1 g is found by conjugate gradients, so that H is never formed.
    """
    problem, edges, size = fitted.problem, fitted.problem.edges, len(fitted.problem.scale)
    n, weight = edges.n_prompts, fitted.point[:size]
    _, slope, curvature = edges.costs(problem.ahead(weight), float(fitted.point[size:].sum()))
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=count).T  # (P, M)
    # The prior's part is in the optimum's gradient, which is zero: only the excess of the counts over 1 is left.
    gradients = problem.back((edges.weight * slope)[:, None] * (drawn - 1)[edges.prompt])  # (D, M)

    def hessian(directions: Floats) -> Floats:
        return problem.back((edges.weight * curvature)[:, None] * problem.ahead(directions)) + fitted.l2 * directions

    steps = conjugate_gradients(hessian, gradients, problem.solver(fitted.l2))
    heads = [problem.linear(weight - step) for step in steps.T]
    return np.array([np.append(head.weight, head.bias) for head in heads], dtype=np.float32)


def uncertainty(features: Floats32, heads: Floats) -> Floats:
    """Gives the (N,) standard deviation of the ensemble's rewards; heads: (M, D + 1), the bias last, as in
    heads.safetensors."""
    rewards = _times(features, heads[:, :-1].T) + heads[:, -1]
    return np.asarray(rewards.std(axis=1, ddof=1))


def _scale(features: Floats32) -> Floats:
    """Gives the (D,) standard deviations, of some of the features; one that never changes gets 1, and so a weight of
    zero."""
    some = features[:: max(1, len(features) // _SOME)]
    deviation = some.std(axis=0, dtype=np.float64)
    return np.where(deviation > 1e-6 * float(deviation.max()), deviation, 1.0)


def _times(matrix: Floats32, vectors: Floats) -> Floats:
    """Multiplies in float32, whose reading from memory is what takes the time."""
    return np.asarray(matrix @ vectors.astype(np.float32), dtype=np.float64)
