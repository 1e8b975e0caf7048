"""Runs several processes as one: lines with names, restarts with back-off, and an end that leaves none behind.

Each child leads its own process group, so that a Ctrl-C at the terminal reaches only us and we end them in order.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

import psutil

from config import logs
from config.environment.folders import REPOSITORY
from config.processes.output import Output
from jobs.parent_death import dies_with_parent

LOOK_EVERY_SECONDS = 0.2
FIRST_BACK_OFF_SECONDS = 1.0
LONGEST_BACK_OFF_SECONDS = 30.0
STEADY_SECONDS = 60.0  # who lived this long begins again with the shortest back-off
GRACE_SECONDS = 10.0
KILL_SECONDS = 5.0
SUPERVISED = "PODIUM_SUPERVISED"  # in the environment of our children


@dataclass(frozen=True)
class Spec:
    name: str
    command: Sequence[str]
    # What the child gets when we are killed outright. SIGKILL for one that would first finish its tasks, or can't be
    # told twice.
    death_signal: signal.Signals = signal.SIGTERM
    nice: int = 0  # above 0 for one that computes for long: pages go first


@dataclass
class Child:
    spec: Spec
    process: "subprocess.Popen[str] | None" = None
    started: float = 0.0
    back_off: float = FIRST_BACK_OFF_SECONDS
    start_at: float = 0.0


@dataclass
class Supervisor:
    specs: Sequence[Spec]
    environ: Mapping[str, str]
    output: Output = field(default_factory=Output)
    look_after: Callable[[], None] = lambda: None  # called at every look, for what is not our child
    children: list[Child] = field(init=False)
    signals: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.children = [Child(spec) for spec in self.specs]

    def run(self) -> None:
        """Returns after the first SIGINT, SIGTERM or SIGHUP, when all children and theirs are gone."""
        before = {number: signal.signal(number, self.note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            while not self.signals:
                self.look()
                time.sleep(LOOK_EVERY_SECONDS)
            self.say("podium", "Stopping. Press Ctrl-C again to kill.")
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def note(self, signum: int, frame: FrameType | None) -> None:
        self.signals += 1

    def look(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.process is None:
                if now >= child.start_at:
                    self.start(child)
            elif (code := child.process.poll()) is not None:
                self.bury(child, code, now)
        self.look_after()

    def start(self, child: Child) -> None:
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            child.spec.command,
            cwd=REPOSITORY,  # they are modules of it, wherever `up` was typed
            env={**self.environ, "PYTHONUNBUFFERED": "1", SUPERVISED: "1", logs.PROCESS: child.spec.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=begin(child.spec),
        )
        threading.Thread(target=self.relay, args=(child.spec.name, child.process), daemon=True).start()

    def bury(self, child: Child, code: int, now: float) -> None:
        assert child.process is not None
        kill_group(child.process.pid)  # web workers outlive a main process that was killed
        if now - child.started > STEADY_SECONDS:
            child.back_off = FIRST_BACK_OFF_SECONDS
        child.process, child.start_at = None, now + child.back_off
        self.say("podium", f"{child.spec.name} ended ({how(code)}); it starts again in {child.back_off:.0f} s.")
        child.back_off = min(child.back_off * 2, LONGEST_BACK_OFF_SECONDS)

    def relay(self, name: str, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if line.strip():
                    self.say(name, line.rstrip("\n"))

    def say(self, name: str, line: str) -> None:
        self.output.say(name, line)

    # --- The end

    def stop(self) -> None:
        """Sends SIGTERM, waits ten seconds for all, then sends SIGKILL to whoever is left, grandchildren too."""
        alive = [child.process for child in self.children if child.process and child.process.poll() is None]
        family = descendants(alive)
        for process in alive:
            process.terminate()
        deadline, signals = time.monotonic() + GRACE_SECONDS, self.signals
        while time.monotonic() < deadline and self.signals <= signals:
            if all(process.poll() is not None for process in alive):
                break
            time.sleep(0.05)
        family |= descendants(alive)
        for process in alive:
            kill_group(process.pid)
            process.wait(KILL_SECONDS)
        end_all(family)
        for child in self.children:
            child.process = None


def begin(spec: Spec) -> Callable[[], None]:
    """Prepares the child before it becomes the program."""
    tie = dies_with_parent(spec.death_signal)

    def prepare() -> None:
        if tie:
            tie()
        if spec.nice:
            give_way(spec.nice)

    return prepare


def give_way(nice: int) -> None:
    """Makes it a session too: where Linux groups tasks by session, niceness counts within a group alone."""
    os.nice(nice)
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as group:
        group.write(str(nice))


def descendants(processes: "Sequence[subprocess.Popen[str]]") -> set[psutil.Process]:
    found: set[psutil.Process] = set()
    for process in processes:
        try:
            found.update(psutil.Process(process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            continue
    return found


def kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says 'not permitted' of a group of zombies
        return


def end_all(processes: set[psutil.Process]) -> None:
    """Ends those that left their parent's group: a training child, say."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + KILL_SECONDS
    while any(lives(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE  # init may be slow to bury it
    except psutil.NoSuchProcess:
        return False


def how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
