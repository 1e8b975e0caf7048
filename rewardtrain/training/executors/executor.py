"""What Podium asks of a scheduler: to start a job, to say how it is, to end it. Nothing else is ever asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

NOTHING: Mapping[str, str] = MappingProxyType({})


class SchedulerAway(Exception):
    """The scheduler can't be asked right now, or refuses us; the same again may work. Says what to do."""


class State(StrEnum):
    """How a job is. One that the scheduler knows nothing of has none."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"  # by itself; its own last words say how
    PREEMPTED = "preempted"  # made way for another job: that is no failure of its own
    LOST = "lost"  # with its node
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Seen:
    """What the scheduler says of a job: its own number of it, and why it waits or ended, in its words."""

    id: str
    state: State
    reason: str = ""
    last_words: str = ""  # of a job that ended by itself, where the scheduler keeps them

    @property
    def is_alive(self) -> bool:
        """Tells whether it waits or works."""
        return self.state in (State.PENDING, State.RUNNING)


@dataclass(frozen=True)
class Resources:
    """What a job may use."""

    queue: str = ""  # Slurm's partition, Kueue's queue; "" is the cluster's own choice
    gpus: int = 0  # of each node
    hours: int = 24
    nodes: int = 1


@dataclass(frozen=True)
class Limits:
    """What a site lets its projects ask of an executor."""

    queues: Sequence[str]
    gpus: int  # of a node, at most
    hours: int
    nodes: int = 1
    queue: str = ""  # of a project that chose none; "" leaves it to the cluster


@dataclass(frozen=True)
class Job:
    """A job as it is submitted. arguments: what follows `python -m rewardtrain.core`, on each of its nodes.

    secrets: variables of its environment, the job's token among them. Whoever submits it gives them in no way that a
    command line, a log or a list of jobs shows to other people: in the script itself, in a Secret.
    """

    name: str
    arguments: Sequence[str]
    resources: Resources
    output: Path  # on the node: what is said before the job itself can say anything
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class Executor(Protocol):
    """A scheduler. Each call asks it once, ends within seconds, and may be repeated."""

    title: str  # for people

    def submit(self, job: Job) -> str:
        """Submits it unless there is one of this name, and gives the scheduler's number. Raises SchedulerAway."""

    def look(self, names: Sequence[str], ids: Mapping[str, str] = NOTHING) -> Mapping[str, Seen]:
        """Says how the jobs of these names are; those that it doesn't know are left out. Raises SchedulerAway.

        ids: what submit() gave, by name, for a scheduler that is still taking a job in.
        """

    def cancel(self, job: Seen) -> None:
        """Has it end; nothing where it has ended. Raises SchedulerAway."""

    def missing(self) -> list[str]:
        """Says what keeps it from working here, each in a sentence with what to do."""

    def limits(self) -> Limits:
        """Says what the operator's settings let a project ask of it."""

    def model_dir(self) -> str:
        """Names the folder of all artifacts as its nodes see it."""
