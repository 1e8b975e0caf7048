"""What each machine of a job does beside the first: trains with the others, and writes nothing into the storage."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rewardtrain.core.errors import Stopped
from rewardtrain.core.full.node import Node
from rewardtrain.core.job.commands import STOPPED, Commands
from rewardtrain.core.job.spec import Spec
from rewardtrain.core.job.storage import Storage
from rewardtrain.core.job.training import fetch_inputs

ASK_SECONDS = 5.0  # between two questions whether the first has ended


@dataclass
class Follower:
    """A machine of a job that isn't the first, at work in a folder of its own."""

    spec: Spec
    storage: Storage
    scratch: Path
    should_stop: Callable[[], bool]
    node: Node

    def carry_out(self) -> int:
        """Does its part and gives the exit code. Raises a CoreError.

        It ends after the first has: a scheduler may begin that one anew, as long as no other says that all is done.
        """
        data, options = fetch_inputs(self.spec, self.storage, self.scratch)
        commands = Commands(None, should_stop=self.should_stop, is_lost=lambda: False)
        code = commands.run("train", data, self.scratch / "out", *options, *self.node.words())
        ended = self._first_ended()
        return code if ended is None else ended

    def _first_ended(self) -> int | None:
        """Waits for the first to say how the job ended; None where it can't be known."""
        while not self.should_stop():
            try:
                code = self.storage.patiently(self.storage.ended)
            except Stopped:  # the run is over, or another job has it
                return STOPPED
            if code is not None:
                return code
            time.sleep(ASK_SECONDS)
        return None
