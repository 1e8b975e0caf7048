"""The K-wise preference loss."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


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
