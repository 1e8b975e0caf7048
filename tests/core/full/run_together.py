"""What torchrun starts in several processes: the runs that a file of JSON lists, one after another in one group."""

import contextlib
import itertools
import json
import sys
from pathlib import Path

from torch import distributed as dist

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import Stopped
from rewardtrain.core.quiet import quiet_libraries
from rewardtrain.core.train import train


def main(runs: Path) -> None:
    quiet_libraries()
    dist.init_process_group("gloo")
    for run in json.loads(runs.read_text()):
        arguments = Path(run["data"]), Path(run["out"]), TrainConfig.from_dict(run["settings"])
        for _ in range(run.get("stops", 0)):
            looks = itertools.count()
            with contextlib.suppress(Stopped):
                train(*arguments, should_stop=lambda looks=looks: next(looks) == 2)
        train(*arguments)
    dist.barrier()  # the first measures alone at the end of a run
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
