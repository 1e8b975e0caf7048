"""What a fine-tuned network makes of a part of the training split: its rewards there, and an ensemble of heads."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import Comparisons, Dataset
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.finish import reference
from rewardtrain.core.head.edges import edges_of
from rewardtrain.core.head.fit import DEFAULT_L2, Floats32, Problem, fit, fit_ensemble
from rewardtrain.core.measures.report import Scores
from rewardtrain.core.model.gradients import predict_features
from rewardtrain.core.model.network import RewardModel


@dataclass(frozen=True)
class Reference:
    """The final features of finish.reference's prompts, forwarded once for both uses."""

    features: torch.Tensor  # (N, D)
    sequences: list[list[Encoded]]
    comparisons: list[Comparisons]
    n_prompts: int  # in the training split
    layer: torch.nn.Linear
    seconds: float

    def scores(self) -> Scores:
        """Gives the raw logits."""
        flat = [sequence for completions in self.sequences for sequence in completions]
        with torch.no_grad():
            logits = self.layer(self.features.to(self.layer.weight.device)).float().cpu().numpy()
        return Scores(
            logits=logits,
            sizes=[len(completions) for completions in self.sequences],
            truncated=sum(sequence.prompt_cut or sequence.completion_cut for sequence in flat),
            truncated_completions=sum(sequence.completion_cut for sequence in flat),
            rewritten=sum(sequence.rewritten for sequence in flat),
            seconds=self.seconds,
        )

    def heads(self, config: TrainConfig) -> Floats32 | None:
        """Gives the ensemble, (M, D + 1), in raw rewards; None where there are no comparisons or the settings want
        none."""
        weight = self.layer.weight.detach().float().cpu().numpy()[-1]
        bias = 0.0 if self.layer.bias is None else self.layer.bias.detach().float().cpu().numpy()[-1]
        return heads_around(
            np.append(weight, bias).astype(np.float32),
            self.features.numpy(),
            self.comparisons,
            [len(completions) for completions in self.sequences],
            n_prompts=self.n_prompts,
            config=config,
        )


def read_reference(
    model: RewardModel,
    dataset: Dataset,
    encoded: Sequence[list[Encoded]],
    *,
    token_budget: int,
    tick: Callable[[], None],
) -> Reference:
    """encoded: the sequences of the training split."""
    started = time.monotonic()
    chosen = reference(dataset.splits["train"])
    sequences = [encoded[index] for index in chosen]
    flat = [sequence for completions in sequences for sequence in completions]
    features = predict_features(model.body(), flat, token_budget=token_budget, tick=tick)
    return Reference(
        features=features,
        sequences=sequences,
        comparisons=[dataset.comparisons["train"][index] for index in chosen],
        n_prompts=len(encoded),
        layer=model.head(),
        seconds=time.monotonic() - started,
    )


def heads_around(
    row: Floats32,
    features: Floats32,
    comparisons: Sequence[Comparisons],
    sizes: Sequence[int],
    *,
    n_prompts: int,
    config: TrainConfig,
) -> Floats32 | None:
    """Gives (M, D + 1) weights and bias of heads that lie around a network's own last row as bootstrap samples would.

    row: (D + 1,) weights and bias of the reward. features: (N, D) of some training prompts, with their comparisons and
    numbers of completions. A head is fitted to these anew, only to see how far its ensemble (head.fit_ensemble) departs
    from it; with n_prompts in training instead of the few here it would depart sqrt(few / n_prompts) as far. The layers
    below are taken as they are, so this is the least of the uncertainty. None without comparisons, or an ensemble.
    """
    edges = edges_of(comparisons, sizes, config)
    if not config.ensemble or not edges.n_prompts:
        return None
    fitted = fit(Problem(features, edges), l2=config.l2 or DEFAULT_L2)
    departures = fit_ensemble(fitted, count=config.ensemble, seed=config.seed)
    departures -= np.append(fitted.head.weight, fitted.head.bias).astype(np.float32)
    return np.asarray(row + departures * math.sqrt(min(1.0, edges.n_prompts / n_prompts)), dtype=np.float32)
