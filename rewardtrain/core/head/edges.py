"""All comparisons of a split as arrays, and what they cost: the pair losses of loss.Objective in numpy. No torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.head.solvers import Floats

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Edges:
    """The comparisons of P prompts: features' row `better` was preferred to row `worse`, or tied; arrays are (E,).

    n_prompts is P. Prompts are counted from 0 in the order of their features.
    """

    better: Ints
    worse: Ints
    weight: Floats  # those of one prompt sum to 1, so that it counts once; with scales to their mean
    offset: Floats  # reward by which better is to be ahead: the margin of Touvron et al. 2023
    tied: npt.NDArray[np.bool_]
    prompt: Ints  # ascending
    n_prompts: int
    davidson: bool  # ties have a probability of their own

    def first(self, n_prompts: int) -> "Edges":
        """Keeps those of the first prompts only."""
        n = min(n_prompts, self.n_prompts)
        part = slice(0, int(np.searchsorted(self.prompt, n)))
        better, worse, weight = self.better[part], self.worse[part], self.weight[part]
        return Edges(better, worse, weight, self.offset[part], self.tied[part], self.prompt[part], n, self.davidson)

    def costs(self, ahead: Floats, log_nu: float) -> tuple[Floats, Floats, Floats]:
        """Gives the loss of each edge, its slope and its curvature by `ahead`, (E,) r_better - r_worse; not yet
        weighted.

        Bradley-Terry: -log sigma(ahead - offset). Davidson 1970, as loss.davidson_losses: log Z - ahead / 2 of a win
        and log Z - log nu of a tie. Either curvature is at most 1/4.
        """
        if not self.davidson:
            chance = sigmoid(ahead - self.offset)
            return np.logaddexp(0, self.offset - ahead), chance - 1, chance * (1 - chance)
        log_z = np.logaddexp(np.logaddexp(ahead / 2, -ahead / 2), log_nu)
        win, loss = np.exp(ahead / 2 - log_z), np.exp(-ahead / 2 - log_z)
        value = log_z - np.where(self.tied, log_nu, ahead / 2)
        return value, (win - loss) / 2 - np.where(self.tied, 0, 0.5), (win + loss - (win - loss) ** 2) / 4

    def tie_slope(self, ahead: Floats, log_nu: float) -> float:
        """Gives the derivative of the weighted losses by log nu: the ties that Davidson's model expects, minus those
        seen."""
        log_z = np.logaddexp(np.logaddexp(ahead / 2, -ahead / 2), log_nu)
        return float(self.weight @ (np.exp(log_nu - log_z) - self.tied))

    def log_loss(self, rewards: Floats) -> float:
        """Gives the weighted mean of -log sigma(r_better - r_worse) over what is no tie."""
        ahead = rewards[self.better] - rewards[self.worse]
        weight = self.weight * ~self.tied
        return float(weight @ np.logaddexp(0, -ahead) / weight.sum())


def edges_of(comparisons: Sequence[Comparisons], sizes: Sequence[int], config: TrainConfig) -> Edges:
    """sizes: completions of each prompt; features lie one after the other. A prompt without comparisons is left out."""
    rows = list[tuple[int, int, float, float, bool, int]]()
    start = used = 0
    for merged, size in zip(comparisons, sizes, strict=True):
        total = sum(merged.weights.values()) + sum(merged.ties.values())
        rows += [
            (start + i, start + j, weight / total, offset * config.margin_scale, tied, used)
            for (i, j), weight, offset, tied in _entries(merged, config.label_smoothing)
        ]
        used += total > 0
        start += size
    columns = zip(*rows, strict=True) if rows else ((),) * 6
    better, worse, weight, offset, tied, prompt = columns
    return Edges(
        np.array(better, dtype=np.int64),
        np.array(worse, dtype=np.int64),
        np.array(weight, dtype=np.float64),
        np.array(offset, dtype=np.float64),
        np.array(tied, dtype=bool),
        np.array(prompt, dtype=np.int64),
        used,
        config.ties == "davidson",
    )


def sigmoid(values: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -values))


def _entries(merged: Comparisons, smoothing: float) -> Iterator[tuple[tuple[int, int], float, float, bool]]:
    """Lists (better, worse), weight, margin, tied. Smoothing is that of loss.smoothed."""
    weights, margins, scales = merged.weights, merged.margins, merged.scales
    for i, j in dict.fromkeys([*weights, *((j, i) for i, j in weights)]) if smoothing else weights:
        kept, turned = weights.get((i, j), 0.0) * (1 - smoothing), weights.get((j, i), 0.0) * smoothing
        margin = (kept * margins.get((i, j), 0.0) + turned * margins.get((j, i), 0.0)) / (kept + turned)
        scaled = kept * scales.get((i, j), 1.0) + turned * scales.get((j, i), 1.0)
        yield (i, j), scaled, margin, False
    for pair, weight in merged.ties.items():
        yield pair, weight, 0.0, True
