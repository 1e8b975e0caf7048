"""Several training processes on one machine: how they are started, watched and ended.

What they do together is in model/team.py. The parent trains nothing: it hands a wish to stop on, ends all when one is
gone, and raises what that one raised.
"""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Any

from torch.distributed import TCPStore  # type: ignore[attr-defined]

from rewardtrain.core.device import require_devices
from rewardtrain.core.errors import CoreError, ProcessDiedError, Stopped, from_exception
from rewardtrain.core.model.team import join_team

LOOK_SECONDS = 0.2  # between two looks at whether to stop
END_SECONDS = 2.0  # for the others to end after one failed, who wait for it in vain
SAVE_SECONDS = 60.0  # for them to end after a stop, which the first answers with a checkpoint


@dataclass
class _Member:
    rank: int
    process: BaseProcess
    connection: Connection
    error: Exception | None = None

    def look(self) -> None:
        """Take what the process has said before its end, or note that it ended without a word."""
        code = self.process.exitcode  # before reading, so that nothing is said after it
        try:
            while self.connection.poll():
                self.error = self.connection.recv()
        except EOFError:
            pass
        if code and not self.error:
            self.error = _died(self.rank, code)


def launch(work: Callable[..., None], arguments: Sequence[Any], *, size: int, should_stop: Callable[[], bool]) -> None:
    """Call work(team, *arguments, should_stop=...) in `size` new processes and return when all have.

    work and arguments are pickled. Raises the CoreError of a process that failed, ProcessDiedError where a signal ended
    one, ConfigError where there are fewer GPUs than processes.
    """
    require_devices(size)
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # 0: a port that is free
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    members = []
    for rank in range(size):
        ours, theirs = context.Pipe(duplex=False)
        call = (rank, size, store.port, stop, theirs, work, tuple(arguments))
        process = context.Process(target=_run_member, args=call, daemon=True)
        process.start()
        theirs.close()
        members.append(_Member(rank, process, ours))
    try:
        _watch(members, stop, should_stop)
    finally:
        for member in members:
            member.process.kill()
            member.process.join()
    _raise_first(members)


def _watch(members: Sequence[_Member], stop: Event, should_stop: Callable[[], bool]) -> None:
    """Return when all have ended, or a while after the first has failed."""
    deadline = float("inf")
    while any(member.process.is_alive() for member in members) and time.monotonic() < deadline:
        if should_stop():
            stop.set()
        wait([member.process.sentinel for member in members if member.process.is_alive()], timeout=LOOK_SECONDS)
        for member in members:
            member.look()
        failed = [member for member in members if member.error]
        if failed and deadline == float("inf"):
            gentle = any(isinstance(member.error, Stopped) for member in failed)
            deadline = time.monotonic() + (SAVE_SECONDS if gentle else END_SECONDS)
    for member in members:
        member.look()


def _died(rank: int, code: int) -> Exception:
    if code > 0:
        return RuntimeError(f"training process {rank} ended with exit code {code}")
    return ProcessDiedError(
        f"training process {rank} was ended by {signal.Signals(-code).name}; the same command goes on from the last"
        " checkpoint"
    )


def _raise_first(members: Sequence[_Member]) -> None:
    """Raise the error that says most: any other may only say that a process was gone."""
    errors = [member.error for member in members if member.error]
    for error in sorted(errors, key=lambda error: not isinstance(error, CoreError)):
        raise error


def _run_member(
    rank: int,
    size: int,
    port: int,
    stop: Event,
    connection: Connection,
    work: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    """Does the work of one process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the parent hands it on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True",
    }  # fmt: skip
    try:
        work(join_team(), *arguments, should_stop=stop.is_set)
    except Exception as error:
        known = error if isinstance(error, CoreError) else from_exception(error)
        connection.send(known or RuntimeError(f"training process {rank} failed:\n{traceback.format_exc()}"))
        connection.close()
        os._exit(1)  # what is left of a broken team may wait for ever


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
