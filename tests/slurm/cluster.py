"""What a test does to the cluster: see commands.py."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

COMMANDS = Path(__file__).with_name("commands.py")


class Cluster:
    """The jobs of a folder."""

    waits_for = "Priority"

    def __init__(self, spool: Path) -> None:
        self.spool = spool

    def jobs(self) -> list[dict[str, Any]]:
        numbers = sorted(int(path.stem) for path in self.spool.glob("*.json"))
        found = [{"id": str(number)} | json.loads((self.spool / f"{number}.json").read_text()) for number in numbers]
        return [job for job in found if "name" in job]  # else it is being submitted

    def job(self) -> dict[str, Any]:
        """The last one that was submitted."""
        return self.jobs()[-1]

    def hold(self, held: bool = True) -> None:
        (self.spool / "hold").touch() if held else (self.spool / "hold").unlink()

    def down(self, is_down: bool = True) -> None:
        (self.spool / "down").touch() if is_down else (self.spool / "down").unlink()

    def end(self, state: str) -> None:
        """Ends the last job: PREEMPTED, TIMEOUT, CANCELLED, or `requeue`, which has it wait again."""
        subprocess.run([sys.executable, COMMANDS, "end", self.job()["id"], state], check=True)

    def lose_node(self, state: str = "NODE_FAIL") -> None:
        """Kills all processes of the last job without a word."""
        job = self.job()
        os.kill(job["node"], signal.SIGKILL)  # its daemon first, or that would say how the job ended
        self.kill(job["pid"])
        self._note(job, state)

    def hours_of_the_job(self) -> int:
        hours, minutes, seconds = self.job()["options"]["time"].split(":")
        assert (minutes, seconds) == ("00", "00")
        return int(hours)

    def tell_to_stop(self) -> None:
        """As --signal=B:TERM@120 does."""
        os.kill(self.job()["pid"], signal.SIGTERM)

    def _note(self, job: dict[str, Any], state: str) -> None:
        path = self.spool / f"{job['id']}.json"
        path.write_text(json.dumps(job | {"state": state, "reason": "None", "pid": 0}))

    @staticmethod
    def kill(group: int) -> None:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return

    def close(self) -> None:
        for job in self.jobs():
            if job["state"] in ("PENDING", "RUNNING", "COMPLETING"):  # a number of one that has ended may be another's
                self._note(job, "CANCELLED")  # a daemon that holds a job sees it and ends
                for pid in filter(None, (job["node"], job["pid"])):
                    self.kill(pid)


@contextmanager
def cluster_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Puts the cluster's commands before all others."""
    commands = folder / "commands"
    (folder / "spool").mkdir(parents=True)
    commands.mkdir()
    for name in ("sbatch", "squeue", "scancel", "srun"):
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {COMMANDS} {name} "$@"\n')
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(folder / "spool"))
    cluster = Cluster(folder / "spool")
    try:
        yield cluster
    finally:
        cluster.close()


def variables() -> dict[str, str]:
    """Gives the environment by which another process finds it."""
    return {
        "PODIUM_EXECUTORS": "slurm",
        "PODIUM_SLURM_GPUS": "0",
        "FAKE_SLURM": os.environ["FAKE_SLURM"],
        "PATH": os.environ["PATH"],
    }
