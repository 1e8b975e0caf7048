"""The loss of a batch whose prompts are shared out among processes.

Each process computes the logits of its own prompts and gets those of the others, so that all have the whole batch's
loss and its gradient with respect to every logit; the backward passes from there are again each one's own, and what
they leave in the weights is added up. That is the chain rule, exact for any objective.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rewardtrain.core.data.batching import Batch
from rewardtrain.core.model.team import Team


class SharedObjective(nn.Module):
    """The loss of a whole batch, for a process that has the logits of some of its prompts."""

    def __init__(self, objective: nn.Module, batch: Batch, own: Sequence[int], team: Team) -> None:
        """own: which of the batch's prompts are this process's."""
        super().__init__()
        self.objective = objective
        self.batch = batch
        self.team = team
        mine = torch.zeros(len(batch.weights), dtype=torch.bool)
        mine[list(own)] = True
        self.places = mine[batch.prompts].nonzero()[:, 0]  # of this process's sequences among all
        self.margin: float | None = None  # mean of chosen minus rejected over the batch's comparisons
        self._all: Tensor | None = None

    def forward(self, logits: Tensor, batch: Batch | None = None) -> Tensor:
        """logits: (n, labels) of this process's completions, in the order of the whole batch. Returns its whole loss.

        Called a second time in a step, after memory ran out, it asks nobody again.
        """
        if self._all is None:
            mine = torch.zeros(len(self.batch.sequences), logits.shape[1])
            mine[self.places] = logits.detach()
            self._all = self.team.sum(mine)
            self.margin = _mean_margin(self.batch, self._all)
        loss: Tensor = self.objective(self._all.index_put((self.places,), logits), self.batch)
        return loss


def _mean_margin(batch: Batch, logits: Tensor) -> float | None:
    rewards = batch.matrix(logits[:, -1])  # (B, K)
    ahead = rewards[:, :, None] - rewards[:, None, :]  # (B, K, K)
    total = batch.weights.sum()
    return float((batch.weights * ahead).sum() / total) if total else None
