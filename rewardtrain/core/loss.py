"""What a batch costs: each loss in one function, and the objective that a run's settings make of them."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from rewardtrain.core.config import TrainConfig

if TYPE_CHECKING:
    from rewardtrain.core.batching import Batch


class Objective(nn.Module):
    """The loss of a batch by a run's settings. Its parameters, if it has any, are trained beside the network's."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, logits: Tensor, batch: "Batch") -> Tensor:
        """logits: (N, labels) float32 on the CPU, in the order of batch.sequences. Returns the loss, a scalar."""
        return kwise_loss(batch.matrix(logits[:, -1]), batch.weights)


def kwise_loss(rewards: Tensor, weights: Tensor) -> Tensor:
    """Bradley-Terry loss over all comparisons of each prompt, Ouyang et al. 2022, arXiv 2203.02155, §3.5, eq. 1.

    rewards: (B, K) in float32; columns past a prompt's own K may hold anything finite.
    weights: (B, K, K); weights[b, i, j] is how many labelers preferred completion i to j, zero on padding; each
    prompt has at least one weight above zero.
    Returns the mean over prompts of the weighted mean over a prompt's comparisons of -log sigma(r_i - r_j), so a prompt
    counts once however many completions or labelers it has.
    """
    margins = rewards[:, :, None] - rewards[:, None, :]  # (B, K, K)
    losses = -(weights * logsigmoid(margins)).sum(dim=(1, 2)) / weights.sum(dim=(1, 2))  # (B,)
    return losses.mean()


def weight_matrix(comparisons: list[dict[tuple[int, int], float]], size: int) -> Tensor:
    """(B, size, size) float32 of data.Comparisons.weights, zero where nothing was compared."""
    weights = torch.zeros(len(comparisons), size, size)
    for row, merged in enumerate(comparisons):
        for (i, j), weight in merged.items():
            weights[row, i, j] = weight
    return weights
