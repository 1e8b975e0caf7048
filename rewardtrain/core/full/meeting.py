"""How the machines of one run find each other, and hear how it goes there.

Whoever starts a machine's training processes takes part; the processes themselves meet at a store that is named here
(see model.team). An error that ends the processes of one machine ends those of all: a library would have them wait.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, Self

from torch.distributed import TCPStore  # type: ignore[attr-defined]

from rewardtrain.core.errors import ConfigError, CoreError, ProcessDiedError, Stopped, from_exception
from rewardtrain.core.full.board import SILENT_SECONDS, Board, described, named, new_store
from rewardtrain.core.full.node import Node

LOOK_SECONDS = 0.2
JOIN_SECONDS = 600.0  # for all to come, once the first is there
FIND_SECONDS = 840.0  # for the first, which may have a checkpoint to fetch before; after 900 a job counts as hung
LEAVE_SECONDS = 20.0  # for the others to hear how the first ended
HERE = "127.0.0.1"


class Meeting(Protocol):
    """What those who start processes on a machine know of the run's other machines."""

    here: int  # processes of this machine
    first_rank: int  # of them
    size: int  # processes of all

    def is_done(self, work: Callable[[], bool]) -> bool:
        """Lets the first machine find out, and tells all. Raises what it raises there."""

    def begin(self) -> tuple[str, int]:
        """Gives where all processes are to meet: another place each time they are begun anew."""

    def look(self) -> list[Exception]:
        """Gives the errors of other machines."""

    def end(self, error: Exception | None) -> None:
        """Says how this machine's processes ended, or are about to."""

    def have_ended(self) -> bool:
        """Tells whether each other machine has said how it ended, or can't any more."""


class Alone:
    """A run on one machine."""

    first_rank = 0

    def __init__(self, processes: int) -> None:
        self.here = self.size = processes

    def is_done(self, work: Callable[[], bool]) -> bool:
        return work()

    def begin(self) -> tuple[str, int]:
        self._store = new_store()  # it is there as long as it is held
        return HERE, self._store.port

    def look(self) -> list[Exception]:
        return []

    def end(self, error: Exception | None) -> None:
        return

    def have_ended(self) -> bool:
        return True


class Together:
    """A run on several machines, as one of them sees it, which takes leave of the others at the end."""

    def __init__(self, node: Node, processes: int, *, should_stop: Callable[[], bool]) -> None:
        """Waits until all are here. Raises ConfigError where they don't come, Stopped."""
        self.here, self.size = node.share(processes), processes
        self.first_rank = node.rank * self.here
        self._node, self._should_stop = node, should_stop
        self._others = [rank for rank in range(node.count) if rank != node.rank]
        self._round = 0  # how often the processes have begun
        self._group: TCPStore | None = None
        self._board = Board.opened(node) if node.rank == 0 else self._find_board()
        self._board.say(f"here/{node.rank}", True)
        missing = lambda: f"machines {self._missing()} of {node.count} did not come"  # noqa: E731
        self._wait(lambda: not self._missing(), missing, seconds=JOIN_SECONDS)

    def _find_board(self) -> Board:
        found: list[Board] = []

        def look() -> bool:
            board = Board.found(self._node)
            found.extend([board] if board else [])
            return board is not None

        where = f"{self._node.host}:{self._node.port}"
        self._wait(look, lambda: f"the run's first machine does not listen at {where}", seconds=FIND_SECONDS)
        return found[0]

    def _missing(self) -> list[int]:
        return [rank for rank in self._others if not self._board.has(f"here/{rank}")]

    def _wait(self, condition: Callable[[], bool], what: Callable[[], str], *, seconds: float) -> None:
        began = time.monotonic()
        while not condition():
            if self._should_stop():
                raise Stopped("stopped as asked, before the training had begun")
            if time.monotonic() - began > seconds:
                advice = "see whether all have begun, and reach each other by TCP"
                raise ConfigError(f"{what()} within {seconds / 60:.0f} minutes; {advice}")
            time.sleep(LOOK_SECONDS)

    def is_done(self, work: Callable[[], bool]) -> bool:
        if self._node.rank == 0:
            try:
                done = work()
            except Exception as error:
                known = error if isinstance(error, CoreError) else from_exception(error)
                self._board.say("done", {"error": described(known or error)})
                raise
            self._board.say("done", {"done": done})
            return done
        said = self._first_says("done")
        if "error" in said:
            raise named(said["error"])
        return bool(said["done"])

    def begin(self) -> tuple[str, int]:
        self._round += 1
        if self._node.rank > 0:
            return self._node.host, int(self._first_says(f"{self._round}/port"))
        self._group = new_store()
        self._board.say(f"{self._round}/port", self._group.port)
        return HERE, self._group.port

    def _first_says(self, name: str) -> Any:
        """Waits for it as long as the first machine is there. Raises ProcessDiedError, Stopped."""
        while (said := self._board.heard(name)) is None:
            if self._should_stop():
                raise Stopped("stopped as asked, before the training had begun")
            time.sleep(LOOK_SECONDS)
        return said

    def look(self) -> list[Exception]:
        try:
            said = [self._board.heard(name) for name in self._ends()]
            found = [named(each["error"]) for each in said if each and each["error"]]
            return found + [self._lost(rank) for rank in self._others if self._is_lost(rank)]
        except ProcessDiedError as error:
            return [error]

    def _is_lost(self, rank: int) -> bool:
        return self._node.rank == 0 and self._board.is_silent(rank)

    def _lost(self, rank: int) -> Exception:
        seen = f"machine {rank} of {self._node.count} has said nothing for {SILENT_SECONDS:.0f} s"
        return ProcessDiedError(f"{seen}; the last checkpoint is from before")

    def end(self, error: Exception | None) -> None:
        with suppress(ProcessDiedError):  # look() tells that
            said = {"error": None if error is None else described(error)}
            self._board.say(f"{self._round}/ended/{self._node.rank}", said)

    def have_ended(self) -> bool:
        try:
            return all(self._board.has(name) for name in self._ends())
        except ProcessDiedError:
            return True

    def _ends(self) -> list[str]:
        return [f"{self._round}/ended/{rank}" for rank in self._others]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Waits a while on the first machine, for the others to hear what was said last: it goes with that one."""
        with suppress(ProcessDiedError):
            self._board.say(f"left/{self._node.rank}", True)
            until = time.monotonic() + LEAVE_SECONDS
            while self._node.rank == 0 and time.monotonic() < until:
                if all(map(self._needs_nothing, self._others)):
                    return
                time.sleep(LOOK_SECONDS)

    def _needs_nothing(self, rank: int) -> bool:
        """Tells whether a machine has left, or hasn't said how it ended: that one was lost."""
        has_begun = self._round and not self._board.has(f"{self._round}/ended/{rank}")
        return bool(has_begun) or self._board.has(f"left/{rank}")
