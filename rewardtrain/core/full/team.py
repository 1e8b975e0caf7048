"""What several training processes do together, so that they learn what one alone would have learnt.

The prompts of a batch are shared out; each process computes the logits of its own and gets those of the others, so
that all have the whole batch's loss and its gradient with respect to every logit; the backward passes from there are
again each one's own, and what they leave in the weights is added up. That is the chain rule, exact for any objective.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from rewardtrain.core.data.batching import Batch

Value = TypeVar("Value")


@dataclass(frozen=True)
class Team:
    """The processes of a run as one of them sees it. A run in one process is a team of one."""

    rank: int = 0
    size: int = 1
    accelerator: Any = None  # accelerate's, in a team of more than one

    @property
    def is_first(self) -> bool:
        """The first process writes the files."""
        return self.rank == 0

    def share(self, tokens: Sequence[int]) -> list[int]:
        """Tells which of these pieces of work are this process's: the largest first go to whoever has least."""
        loads, mine = [0] * self.size, []
        for index in sorted(range(len(tokens)), key=lambda index: (-tokens[index], index)):
            least = loads.index(min(loads))
            loads[least] += tokens[index]
            if least == self.rank:
                mine.append(index)
        return sorted(mine)

    def sum(self, tensor: Tensor) -> Tensor:
        """Gives the sum of all processes' tensors, to the same bits in each, where this one's was."""
        if self.size == 1:
            return tensor
        total: Tensor = self.accelerator.reduce(tensor.to(self.accelerator.device), reduction="sum")
        return total.to(tensor.device)

    def any(self, flag: bool) -> bool:
        """Tells whether it is so in any process."""
        return bool(self.sum(torch.tensor(float(flag))) > 0)

    def from_first(self, value: Value) -> Value:
        """Gives the first process's value."""
        if self.size == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]  # type: ignore[no-any-return]

    def sum_gradients(self, network: nn.Module) -> None:
        """Add up the gradients of all processes; a weight that has none in any of them has none afterwards."""
        if self.size == 1:
            return
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        counts = self.sum(torch.tensor([float(parameter.grad is not None) for parameter in parameters]))
        for parameter, count in zip(parameters, counts.tolist(), strict=True):
            if count:
                gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                parameter.grad = self.sum(gradient)

    def leave(self) -> None:
        """Each goes on alone; what was shared stays as it is."""
        if self.size > 1:
            torch.distributed.destroy_process_group()


def join_team(rank: int, size: int, port: int) -> Team:
    """Meet the others at the port of a store on this machine: over NCCL with a GPU each, else over Gloo."""
    from accelerate import Accelerator
    from accelerate.utils import InitProcessGroupKwargs

    all_threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    threads = str(max(1, all_threads // size))
    torch.set_num_threads(int(threads))
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True",
        "OMP_NUM_THREADS": threads,
    }  # fmt: skip
    on_gpu = torch.cuda.is_available()
    backend = InitProcessGroupKwargs(backend="nccl" if on_gpu else "gloo")
    return Team(rank, size, Accelerator(cpu=not on_gpu, kwargs_handlers=[backend]))


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

        Called a second time in a step, after memory ran out, it asks nobody again: the others are further on.
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
