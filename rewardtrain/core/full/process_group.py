"""The training processes of one machine: how they are started, watched and ended.

What they do together is in model/team.py. The parent trains nothing: it hands a wish to stop on, ends all when one is
gone, here or on another machine of the run (see meeting.py), and raises what that one raised.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Any

from rewardtrain.core.device import require_devices
from rewardtrain.core.errors import CoreError, ProcessDiedError, Stopped, from_exception
from rewardtrain.core.full.meeting import Meeting
from rewardtrain.core.model.team import join_team

LOOK_SECONDS = 0.2  # between two looks at whether to stop
END_SECONDS = 2.0  # for the others to end after one failed, who wait for it in vain
HEAR_SECONDS = 10.0  # for another machine to say why, where nothing is known here but that it hung up
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


def launch(
    work: Callable[..., None], arguments: Sequence[Any], *, meeting: Meeting, should_stop: Callable[[], bool]
) -> None:
    """Call work(team, *arguments, should_stop=...) in new processes and return when all have, on all machines.

    work and arguments are pickled. Raises the CoreError of a process that failed, ProcessDiedError where a signal ended
    one or a machine was lost, ConfigError where there are fewer GPUs here than processes.
    """
    require_devices(meeting.here)
    place = meeting.begin()
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    members = []
    for local in range(meeting.here):
        ours, theirs = context.Pipe(duplex=False)
        call = (_variables(local, meeting, place), stop, theirs, work, tuple(arguments))
        process = context.Process(target=_run_member, args=call, daemon=True)
        process.start()
        theirs.close()
        members.append(_Member(meeting.first_rank + local, process, ours))
    try:
        elsewhere = _watch(members, stop, should_stop, meeting)
    finally:
        for member in members:
            member.process.kill()
            member.process.join()
    if error := _first_error(members, elsewhere):
        raise error


def _variables(local: int, meeting: Meeting, place: tuple[str, int]) -> dict[str, str]:
    """Gives what torchrun tells a process too."""
    return {
        "RANK": str(meeting.first_rank + local), "LOCAL_RANK": str(local),
        "WORLD_SIZE": str(meeting.size), "LOCAL_WORLD_SIZE": str(meeting.here),
        "MASTER_ADDR": place[0], "MASTER_PORT": str(place[1]), "TORCHELASTIC_USE_AGENT_STORE": "True",
    }  # fmt: skip


def _watch(
    members: Sequence[_Member], stop: Event, should_stop: Callable[[], bool], meeting: Meeting
) -> list[Exception]:
    """Returns when all have ended, or a while after the first has failed, with the errors of other machines."""
    deadline, elsewhere = float("inf"), list[Exception]()
    while time.monotonic() < deadline:
        alive = [member.process.sentinel for member in members if member.process.is_alive()]
        if not alive and meeting.have_ended():
            break
        if should_stop():
            stop.set()
        wait(alive, timeout=LOOK_SECONDS)
        elsewhere = _look(members, meeting) or elsewhere
        if error := _first_error(members, elsewhere):
            deadline = min(deadline, time.monotonic() + _patience(error, meeting))
    elsewhere = _look(members, meeting) or elsewhere
    if not meeting.have_ended() and not isinstance(_first_error(members, elsewhere), CoreError):
        elsewhere.append(ProcessDiedError("another machine of the run was lost; the last checkpoint is from before"))
    return elsewhere


def _look(members: Sequence[_Member], meeting: Meeting) -> list[Exception]:
    """Takes what has been said here, says it to other machines, and gives what they have said."""
    are_over = not any(member.process.is_alive() for member in members)  # before looking: nothing is said after it
    for member in members:
        member.look()
    error = _first_error(members, [])
    if error or are_over:
        meeting.end(error)
    return meeting.look()


def _patience(error: Exception, meeting: Meeting) -> float:
    if isinstance(error, Stopped):
        return SAVE_SECONDS
    return END_SECONDS if isinstance(error, CoreError) or meeting.size == meeting.here else HEAR_SECONDS


def _died(rank: int, code: int) -> Exception:
    if code > 0:
        return RuntimeError(f"training process {rank} ended with exit code {code}")
    return ProcessDiedError(
        f"training process {rank} was ended by {signal.Signals(-code).name}; the same command goes on from the last"
        " checkpoint"
    )


def _first_error(members: Sequence[_Member], elsewhere: Sequence[Exception]) -> Exception | None:
    """Gives the error that says most: any other may only say that a process was gone."""
    errors = [*(member.error for member in members if member.error), *elsewhere]
    return min(errors, key=lambda error: not isinstance(error, CoreError), default=None)


def _run_member(
    variables: dict[str, str],
    stop: Event,
    connection: Connection,
    work: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    """Does the work of one process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the parent hands it on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ |= variables
    try:
        work(join_team(), *arguments, should_stop=stop.is_set)
    except Exception as error:
        known = error if isinstance(error, CoreError) else from_exception(error)
        who = f"training process {variables['RANK']}"
        connection.send(known or RuntimeError(f"{who} failed:\n{traceback.format_exc()}"))
        connection.close()
        os._exit(1)  # what is left of a broken team may wait for ever
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a thread of torch or of ours that is at work while Python ends may abort the process (SIGABRT)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
