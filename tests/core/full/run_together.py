"""What torchrun starts in several processes: the runs that a file of JSON lists, one after another in one group."""

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch import distributed as dist

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.errors import Stopped
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.quiet import quiet_libraries
from rewardtrain.core.train import train


def run_out_of_memory_above(tokens: int) -> None:
    """Has the last process fail as torch does where its device is full, in larger micro-batches than this."""
    row_logits = RewardModel.row_logits

    def limited(model: RewardModel, rows: Sequence[Sequence[Encoded]]) -> Tensor:
        if model.team.rank == model.team.size - 1 and sum(len(one) for row in rows for one in row) > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return row_logits(model, rows)

    RewardModel.row_logits = limited  # type: ignore[method-assign]


def main(runs: Path) -> None:
    quiet_libraries()
    dist.init_process_group("gloo")
    for run in json.loads(runs.read_text()):
        if "memory" in run:
            run_out_of_memory_above(run["memory"])
        out = run["out"].format(node=os.environ.get("GROUP_RANK"))  # of torchrun, which calls machines groups
        arguments = Path(run["data"]), Path(out), TrainConfig.from_dict(run["settings"])
        for _ in range(run.get("stops", 0)):
            looks = itertools.count()
            with contextlib.suppress(Stopped):
                train(*arguments, should_stop=lambda looks=looks: next(looks) == 2)
        train(*arguments)
    dist.barrier()  # the first measures alone at the end of a run
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
