"""What a test does to SkyPilot: see server.py. By the names that tests/slurm has."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.test import override_settings

from tests.config.helpers import REPOSITORY

SERVER = Path(__file__).with_name("server.py")


class SkyPilot:
    """The managed jobs of one API server."""

    waits_for = "PENDING: In queue"

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    def ask(self, method: str, name: str) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/test/{quote(name)}", method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def jobs(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", "state")["jobs"])

    def job(self) -> dict[str, Any]:
        """The last one that was launched."""
        return dict(self.jobs()[-1], state=self.jobs()[-1]["status"])

    def hold(self, held: bool = True) -> None:
        self.ask("POST", f"hold/{'yes' if held else 'no'}")

    def down(self, is_down: bool = True) -> None:
        self.ask("POST", f"down/{'yes' if is_down else 'no'}")

    def end(self, state: str) -> None:
        assert state == "requeue"
        self.lose_node()

    def lose_node(self) -> None:
        self.ask("POST", "lose_machine")


@contextmanager
def skypilot_in(folder: Path, **more: Any) -> Iterator[SkyPilot]:
    """Starts one, and has the settings lead there. more: further settings."""
    folder.mkdir(parents=True)
    server = subprocess.Popen([sys.executable, SERVER, folder, str(os.getpid())])
    try:
        deadline = time.monotonic() + 120
        while not (folder / "port").exists():
            assert time.monotonic() < deadline
            assert server.poll() is None
            time.sleep(0.02)
        (folder / "token").write_text("sky_the-worker\n")
        run = f"cd {REPOSITORY} && exec {sys.executable} -m rewardtrain.core {{{{ arguments }}}}"
        (folder / "task.yaml").write_text(json.dumps({"resources": {"use_spot": True}, "run": run}))
        cluster = SkyPilot(folder, int((folder / "port").read_text()))
        usual = {
            "SKYPILOT_URL": f"http://127.0.0.1:{cluster.port}",
            "SKYPILOT_TOKEN_FILE": str(folder / "token"),
            "SKYPILOT_TEMPLATE": str(folder / "task.yaml"),
            "SKYPILOT_ACCELERATORS": ["H100", "A100-80GB"],
            "SKYPILOT_GPUS": 0,
        }
        with override_settings(**usual | more):
            yield cluster
    finally:
        (folder / "over").touch()
        server.wait(120)


def variables(cluster: SkyPilot) -> dict[str, str]:
    """Gives the environment by which another process finds it."""
    return {
        "PODIUM_EXECUTORS": "skypilot",
        "PODIUM_SKYPILOT_URL": f"http://127.0.0.1:{cluster.port}",
        "PODIUM_SKYPILOT_TOKEN_FILE": str(cluster.folder / "token"),
        "PODIUM_SKYPILOT_TEMPLATE": str(cluster.folder / "task.yaml"),
        "PODIUM_SKYPILOT_GPUS": "0",
    }
