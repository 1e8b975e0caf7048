"""What a batch costs: each loss in one function, and the objective that a run's settings make of them.

Every function gives one value per prompt, (B,), zero where the prompt has nothing of its kind, and a prompt counts once
however many completions, comparisons or labelers it has. The objective is their mean over the prompts of a batch, so
it doesn't depend on how prompts of different kinds fall into batches, or batches onto processes.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, logsigmoid

from rewardtrain.core.config import TrainConfig

if TYPE_CHECKING:
    from rewardtrain.core.data.batching import Batch


class Objective(nn.Module):
    """The loss of a batch by a run's settings. Its parameter, if it has one, is trained beside the network's."""

    log_nu: nn.Parameter | None

    def __init__(self, config: TrainConfig, *, tie_share: float = 1 / 3) -> None:
        """tie_share: ties among the training split's judgements. Davidson's nu starts where it explains them at equal
        rewards, P(tie) = nu / (2 + nu), for a few hundred steps could not bring it there from anywhere."""
        super().__init__()
        self.config = config
        start = torch.tensor(math.log(2 * tie_share / (1 - tie_share)))
        self.log_nu = nn.Parameter(start) if config.ties == "davidson" else None

    def forward(self, logits: Tensor, batch: "Batch") -> Tensor:
        """logits: (N, labels) float32 on the CPU, in the order of batch.sequences. Returns the loss, a scalar."""
        rewards = batch.matrix(logits[:, -1])
        losses = self._pair_losses(rewards, batch)
        if self.config.centering:
            compared = batch.weights.sum(dim=(1, 2)) > 0
            sizes = torch.bincount(batch.rows, minlength=len(rewards))
            losses = losses + self.config.centering * compared * centering(rewards, sizes)
        if self.config.head == "binary" and batch.votes is not None:
            losses = losses + self.config.flag_weight * flag_losses(batch.matrix(logits), batch.votes)
        return losses.mean()

    def _pair_losses(self, rewards: Tensor, batch: "Batch") -> Tensor:
        weights, margins, scales = batch.weights, batch.margins, batch.scales
        if share := self.config.label_smoothing:
            weights = smoothed(batch.weights, share)
            margins = None if margins is None else turned_too(margins, batch.weights, share)
            scales = None if scales is None else turned_too(scales, batch.weights, share)
        if self.log_nu is not None:
            ties = torch.zeros_like(weights) if batch.ties is None else batch.ties
            return davidson_losses(rewards, weights, ties, self.log_nu)
        ahead = 0.0 if margins is None else self.config.margin_scale * margins
        return kwise_losses(rewards, weights, ahead, 1.0 if scales is None else scales)


def kwise_losses(
    rewards: Tensor, weights: Tensor, margins: Tensor | float = 0.0, scales: Tensor | float = 1.0
) -> Tensor:
    """Computes the Bradley-Terry loss over all comparisons of each prompt, Ouyang et al. 2022, arXiv 2203.02155,
    section 3.5, eq. 1.

    rewards: (B, K) in float32; columns past a prompt's own K may hold anything finite.
    weights: (B, K, K); weights[b, i, j] is how many labelers preferred completion i to j, zero on padding.
    margins: (B, K, K), by how much reward i is to be ahead of j (Touvron et al. 2023, arXiv 2307.09288, eq. 2), or 0.
    scales: (B, K, K), how many times a comparison counts, or 1: the strength of a scaled Bradley-Terry loss
    (Wang et al. 2024, arXiv 2410.01257, section 3).
    Returns the weighted mean over each prompt's comparisons of -s_ij log sigma(r_i - r_j - m_ij): scales are not in
    what it is divided by, or a prompt with one comparison would count once whatever its strength.
    """
    ahead = rewards[:, :, None] - rewards[:, None, :]  # (B, K, K)
    return _mean(-weights * scales * logsigmoid(ahead - margins), weights)


def davidson_losses(rewards: Tensor, weights: Tensor, ties: Tensor, log_nu: Tensor) -> Tensor:
    """Computes Bradley-Terry with ties, Davidson 1970, J. Am. Stat. Assoc. 65 (329), with strengths p = exp(r):

        P(i before j) = p_i / Z,  P(tie) = nu sqrt(p_i p_j) / Z,  Z = p_i + p_j + nu sqrt(p_i p_j)

    Divided by sqrt(p_i p_j) all depend on d = r_i - r_j alone: -log P is log(e^(d/2) + e^(-d/2) + nu) minus d/2 for a
    win and minus log nu for a tie. Without ties nu goes to 0 and this to Bradley-Terry; given that it is no tie, the
    chance of a win is sigma(d) whatever nu.

    rewards, weights: as in kwise_losses. ties: (B, K, K), how many tied i and j, each pair at one place.
    log_nu: a scalar. Returns the weighted mean over each prompt's comparisons and ties.
    """
    half = (rewards[:, :, None] - rewards[:, None, :]) / 2  # (B, K, K)
    log_z = torch.logsumexp(torch.stack([half, -half, log_nu.expand_as(half)]), dim=0)
    return _mean(weights * (log_z - half) + ties * (log_z - log_nu), weights + ties)


def smoothed(weights: Tensor, share: float) -> Tensor:
    """Smooths the labels: takes `share` of each comparison to be the wrong way round (Mitchell 2023's conservative
    DPO).

    (B, K, K) weights become (1 - share) w_ij + share w_ji.
    """
    return torch.lerp(weights, weights.transpose(1, 2), share)


def turned_too(values: Tensor, weights: Tensor, share: float) -> Tensor:
    """Gives (B, K, K) margins or scales of smoothed comparisons. One that is turned round keeps its own, and that of a
    pair is the mean over its comparisons. weights: (B, K, K), before they are smoothed."""
    turned, totals = smoothed(weights, share), weights * values
    return torch.lerp(totals, totals.transpose(1, 2), share) / turned.where(turned > 0, 1.0)


def centering(rewards: Tensor, sizes: Tensor) -> Tensor:
    """Gives the squared mean reward of each prompt, after Eisenstein et al. 2023, arXiv 2312.09244.

    The pair loss doesn't change when a constant is added to all rewards of a prompt; this chooses the constant that
    makes their mean zero, and nothing else: squared rewards would also shrink the differences, which the pairs decide,
    and the mean of a batch would leave each prompt's own constant free. At K = 2 it is a quarter of the paper's
    (r_i + r_j)^2.

    rewards: (B, K), zero on padding. sizes: (B,), each prompt's own K.
    """
    return (rewards.sum(dim=1) / sizes) ** 2


def flag_losses(logits: Tensor, votes: Tensor) -> Tensor:
    """Gives the cross-entropy of the class logits with the share of labelers who gave each class, a soft label where
    they differ.

    logits: (B, K, 2). votes: (B, K, 2), how many gave a completion each class, zero where nobody did.
    Returns the mean over each prompt's completions with a vote.
    """
    cast = votes.sum(dim=2)  # (B, K)
    voted = (cast > 0).to(logits.dtype)
    shares = votes / cast.where(cast > 0, 1.0)[:, :, None]
    losses = -(shares * log_softmax(logits, dim=2)).sum(dim=2)  # (B, K)
    return losses.sum(dim=1) / voted.sum(dim=1).clamp(min=1.0)


def _mean(terms: Tensor, weights: Tensor) -> Tensor:
    """Gives (B,) weighted means of (B, K, K) terms that were multiplied by their weights; zero where all weights
    are."""
    total = weights.sum(dim=(1, 2))
    return terms.sum(dim=(1, 2)) / total.where(total > 0, 1.0)
