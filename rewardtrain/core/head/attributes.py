"""Fits further heads, one for each attribute that people rated, on the features that the reward itself reads.

A rating teaches by what it orders: of two completions of a prompt that one labeler rated, the one rated higher. So a
head is fitted as a head of rewards is, by Bradley-Terry, whatever the scale, and however differently people use it. The
network and its reward are as they would be without.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from formats.evaluation_report.attributes import AttributePart
from rewardtrain.core.artifact.attribute_heads import AttributeHeads
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import Comparisons, merge
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Group, attributes_of, by_attribute
from rewardtrain.core.finish import Further
from rewardtrain.core.head.edges import Edges, edges_of
from rewardtrain.core.head.fit import Floats32, Problem, choose_l2, fit
from rewardtrain.core.measures import intervals, metrics
from rewardtrain.core.measures.metrics import Floats
from rewardtrain.core.model.gradients import predict_features
from rewardtrain.core.model.network import RewardModel

MOST = 20_000  # completions of the training split whose features are read for it


@dataclass(frozen=True)
class Rated:
    """Some prompts of a split, with what the network makes of their completions."""

    groups: Sequence[Group]
    features: Floats32  # (N, D), of all completions one after the other
    rewards: Floats  # (N,)


def read_rated(
    model: RewardModel,
    groups: Sequence[Group],
    encoded: Sequence[list[Encoded]],
    *,
    token_budget: int,
    tick: Callable[[], None],
) -> Rated:
    """Reads what a fine-tuned network makes of the rated prompts of a split. encoded: the split's sequences."""
    places = rated(groups)
    flat = [sequence for place in places for sequence in encoded[place]]
    layer = model.head()
    if not flat:
        return Rated([], np.zeros((0, layer.in_features), dtype=np.float32), np.zeros(0))
    features = predict_features(model.body(), flat, token_budget=token_budget, tick=tick)
    with torch.no_grad():
        rewards = layer(features.to(layer.weight.device))[:, -1].double().cpu().numpy()
    return Rated([groups[place] for place in places], features.numpy(), rewards)


def further_heads(train: Rated, validation: Rated, measured: Rated, config: TrainConfig) -> Further | None:
    """Fits the heads and measures them; None where nothing was rated, or too little."""
    heads = fit_attributes(train, validation, config)
    return Further(heads, measure(heads, measured)) if heads else None


def rated(groups: Sequence[Group], *, most: int = MOST) -> list[int]:
    """Gives the places of prompts that anybody rated: evenly spaced ones of so many completions together, where there
    are more."""
    places = [place for place, group in enumerate(groups) if any(each.attributes for each in group.rankings)]
    every = max(1, math.ceil(sum(len(groups[place].completions) for place in places) / most))
    return places[::every]


def fit_attributes(train: Rated, validation: Rated, config: TrainConfig) -> AttributeHeads | None:
    """Fits a head for each attribute with at least min_pairs comparisons; None where there is none.

    Whatever the settings say of ties, margins and weights is of the ranking: ratings are compared plainly.
    """
    plain = replace(config, ties="drop", margin="none", weight="none", label_smoothing=0.0)
    rows = dict[str, Floats32]()
    for name in attributes_of(train.groups):
        merged = _merged(train, name)
        if sum(each.n_strict for each in merged) < config.min_pairs:
            continue
        problem = Problem(train.features, _edges(train, merged, plain))
        l2 = (
            config.l2
            or choose_l2(problem, validation.features, _edges(validation, _merged(validation, name), plain))[0]
        )
        head = fit(problem, l2=l2).head
        sd = float(head(train.features).std()) or 1.0
        rows[name] = np.append(head.weight / sd, head.bias / sd).astype(np.float32)
    return AttributeHeads(tuple(rows), np.stack(list(rows.values()))) if rows else None


def measure(heads: AttributeHeads, measured: Rated) -> list[AttributePart]:
    """Counts how often each head prefers what people rated higher, and how often the reward does, and the longer one.

    Of an attribute that nobody compared there is no part.
    """
    parts = list[AttributePart]()
    values = heads.values(measured.features)
    for place, name in enumerate(heads.names):
        pairs = metrics.collect_pairs([by_attribute(group, name) for group in measured.groups])
        if not len(pairs.chosen):
            continue
        hits, rewards = (
            metrics.correct(of[pairs.chosen] - of[pairs.rejected]) for of in (values[:, place], measured.rewards)
        )
        longer = float(metrics.correct(pairs.longer_by).mean())
        counted = intervals.share_of_some(hits, pairs.cluster)
        parts.append({"name": name, **counted, "reward": float(rewards.mean()), "longer": longer})
    return parts


def _merged(of: Rated, name: str) -> list[Comparisons]:
    return [merge(by_attribute(group, name)) for group in of.groups]


def _edges(of: Rated, merged: Sequence[Comparisons], config: TrainConfig) -> Edges:
    return edges_of(merged, [len(group.completions) for group in of.groups], config)
