"""What a test does to the cluster: see server.py. Beside what Kubernetes has, by the names that tests/slurm has."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.test import override_settings

SERVER = Path(__file__).with_name("server.py")
CONFIG = """\
apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: worker}}}}]
clusters: [{{name: here, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: worker, user: {{token: the-worker}}}}]
"""


class Kubernetes:
    """The Jobs of one API server."""

    waits_for = "Pending: couldn't assign flavors"

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    def ask(self, method: str, name: str) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/test/{name}", method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def state(self) -> dict[str, Any]:
        return dict(self.ask("GET", "state"))

    def jobs(self) -> list[dict[str, Any]]:
        """Those that there are and were, as tests/slurm tells of its jobs."""
        state = self.state()
        found = [*({**job, "gone": True} for job in state["deleted"]), *state["jobs"].values()]
        return [_as_job(job) for job in sorted(found, key=lambda job: int(job["metadata"]["uid"].split("-")[1]))]

    def job(self) -> dict[str, Any]:
        """The last one that was submitted."""
        return self.jobs()[-1]

    def hold(self, held: bool = True) -> None:
        self.ask("POST", f"hold/{'yes' if held else 'no'}")

    def down(self, is_down: bool = True) -> None:
        self.ask("POST", f"down/{'yes' if is_down else 'no'}")

    def end(self, state: str) -> None:
        """Ends the last job: PREEMPTED, TIMEOUT, or `requeue`, which has it wait again."""
        names = {"requeue": "preempt", "PREEMPTED": "fail/PreemptionByScheduler", "TIMEOUT": "fail/DeadlineExceeded"}
        self.ask("POST", names[state])

    def lose_node(self, index: int = 0) -> None:
        self.ask("POST", f"lose_node/{index}")

    def hours_of_the_job(self) -> int:
        return int(self.job()["spec"]["activeDeadlineSeconds"] / 3600)

    def tell_to_stop(self) -> None:
        os.kill(self.job()["pid"], signal.SIGTERM)


def _as_job(job: dict[str, Any]) -> dict[str, Any]:
    about = job["metadata"]
    ends = [each["type"] for each in job["status"]["conditions"] if each["status"] == "True"]
    state = (
        "CANCELLED" if job.get("gone") else (ends or ["PENDING" if job["spec"]["suspend"] else "RUNNING"])[0].upper()
    )
    return {"name": about["name"], "state": state, "starts": about["starts"], "pid": about["pid"], "spec": job["spec"]}


@contextmanager
def kubernetes_in(folder: Path, **more: Any) -> Iterator[Kubernetes]:
    """Starts one, and has the settings lead there. more: further settings."""
    folder.mkdir(parents=True)
    server = subprocess.Popen([sys.executable, SERVER, folder, str(os.getpid())])
    try:
        deadline = time.monotonic() + 60
        while not (folder / "port").exists():
            assert time.monotonic() < deadline
            assert server.poll() is None
            time.sleep(0.02)
        port = int((folder / "port").read_text())
        (folder / "config").write_text(CONFIG.format(port=port))
        usual = {
            "KUBERNETES_CONFIG": str(folder / "config"),
            "KUBERNETES_IMAGE": "registry.example/podium:1",
            "KUBERNETES_VOLUME": "podium-data/models",
            "KUBERNETES_QUEUES": ["gpu", "gpu-long"],
        }
        with override_settings(**usual | more):
            yield Kubernetes(folder, port)
    finally:
        (folder / "over").touch()
        server.wait(60)


def variables(cluster: Kubernetes) -> dict[str, str]:
    """Gives the environment by which another process finds it."""
    return {
        "PODIUM_EXECUTORS": "kubernetes",
        "PODIUM_KUBERNETES_CONFIG": str(cluster.folder / "config"),
        "PODIUM_KUBERNETES_IMAGE": "registry.example/podium:1",
        "PODIUM_KUBERNETES_VOLUME": "podium-data/models",
        "PODIUM_KUBERNETES_QUEUES": "gpu,gpu-long",
        "PODIUM_KUBERNETES_GPUS": "0",
    }
