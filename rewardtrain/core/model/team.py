"""The processes that train one model together, as each of them sees the others.

They make every step in the same order: each holds a part of every weight (see full.sharding), so a forward pass needs
them all, and a process that has less to read than another reads something short meanwhile.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from rewardtrain.core.device import gpus, require_devices, use_gpu
from rewardtrain.core.errors import ConfigError, CoreError, from_exception

Value = TypeVar("Value")

# The others wait so long while the first loads a backbone; a process that hangs is found by whoever watches the run.
WAIT = timedelta(hours=2)


@dataclass(frozen=True)
class Team:
    """The processes of a run as one of them sees it. A run in one process is a team of one."""

    rank: int = 0
    size: int = 1
    is_given: bool = False  # by a caller who made the group and goes on with it
    firsts: tuple[int, ...] = (0,)  # of each machine with a folder of its own, the process that sees to its files

    @property
    def is_first(self) -> bool:
        """The first process writes the files."""
        return self.rank == 0

    @property
    def device(self) -> str:
        """Names where its tensors are when they travel: the GPU over NCCL, the CPU over Gloo."""
        return "cuda" if self.size > 1 and dist.get_backend() == "nccl" else "cpu"

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
        return self._together(tensor, dist.ReduceOp.SUM)

    def most(self, tensor: Tensor) -> Tensor:
        """Gives the greatest of all processes' values, place by place."""
        return self._together(tensor, dist.ReduceOp.MAX)

    def any(self, flag: bool) -> bool:
        """Tells whether it is so in any process."""
        return bool(self.most(torch.tensor(float(flag))) > 0)

    def from_first(self, work: Callable[[], Value]) -> Value:
        """Lets the first process do the work, and gives what it got to all.

        Raises in all of them the CoreError that it raised, or RuntimeError with the words of another exception.
        """
        if self.size == 1:
            return work()
        told: list[tuple[Value | None, Exception | None] | None] = [None]
        if self.is_first:
            told = [_outcome(work)]
        dist.broadcast_object_list(told, src=0, device=torch.device(self.device))
        assert told[0] is not None
        value, error = told[0]
        if error is not None:
            raise error
        return value  # type: ignore[return-value]

    def leave(self) -> None:
        """Each goes on alone."""
        if self.size > 1 and not self.is_given:
            dist.destroy_process_group()

    def _together(self, tensor: Tensor, how: dist.ReduceOp.RedOpType) -> Tensor:
        if self.size == 1:
            return tensor
        total = tensor.detach().to(self.device, copy=True)
        dist.all_reduce(total, op=how)
        return total.to(tensor.device)


ALONE = Team()


def _outcome(work: Callable[[], Value]) -> tuple[Value | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:
        known = error if isinstance(error, CoreError) else from_exception(error)
        return None, known or RuntimeError(f"{type(error).__name__}: {error}")


def given_team(processes: int) -> Team | None:
    """Joins the group of processes that torchrun, or another launcher that sets its variables, has started this one in.

    A group that the caller has made already is taken as it is. None where this process was started alone. processes:
    the run's setting, which must not name another number. Raises ConfigError.
    """
    made = dist.is_available() and dist.is_initialized()
    size = dist.get_world_size() if made else int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or not (made or "RANK" in os.environ):
        return None
    if processes not in (1, size):
        seen = f"processes is {processes}, but the launcher started {size} (WORLD_SIZE)"
        raise ConfigError(f"{seen}; leave it out, or start as many")
    return Team(dist.get_rank(), size, is_given=True) if made else join_team()


def join_team() -> Team:
    """Meets the others where the environment says, as torchrun sets it: over NCCL with a GPU each, else over Gloo.

    Raises ConfigError where this machine has fewer GPUs than processes, or the launcher's restarts would wait for ever.
    """
    _require_new_addresses()
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    here = processes_here(size)
    require_devices(here)
    if gpus():
        use_gpu(int(os.environ.get("LOCAL_RANK", rank)))
        dist.init_process_group("nccl", timeout=WAIT)
    else:
        all_threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
        torch.set_num_threads(max(1, all_threads // here))
        dist.init_process_group("gloo", timeout=WAIT)
    return Team(rank, size)


def processes_here(processes: int) -> int:
    """Tells how many of a run's processes are on this machine, as whoever started them says."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", processes))


def _require_new_addresses() -> None:
    """Raises ConfigError where torchrun, at a restart, would give the processes the addresses of those that died.

    torch 2.13 keeps one store for all restarts unless told not to (elastic/rendezvous/dynamic_rendezvous.py), and the
    addresses in it are stale for a moment: the processes then fail to meet, or wait for each other without an end.
    """
    restarts = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS") or 0)
    if restarts and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise ConfigError(
            f"torchrun may restart {restarts} times, and its processes then look for those that died; set"
            " TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 where torchrun is called, or --max-restarts=0"
        )
