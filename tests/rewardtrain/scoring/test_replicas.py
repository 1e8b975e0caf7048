"""Three scoring services behind an ordinary balancer: one is killed, one is drained, and the champion changes.

Real processes on the tests' database, and nginx with the block of docs/serving.md.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection
from django.test import override_settings

from labeling.models import Project
from rewardtrain.registry import champions
from rewardtrain.scoring import service_client
from tests.config.helpers import REPOSITORY, environ, free_port, wait_until
from tests.conftest import missing
from tests.rewardtrain.conftest import make_model, rank_prompts
from tests.rewardtrain.service import finish_models
from tests.upgrade.conftest import url

DOCS = REPOSITORY / "docs" / "serving.md"
ROWS = [{"prompt": f"ba {'be ' * place}", "completions": ["good da", "bad ka", "mi"]} for place in range(6)]
SECONDS = 120


@dataclass
class Replica:
    """A service, as an operator starts one."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> int:
        """The status of its readiness; 0 where nothing listens."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=30).status_code
        except requests.ConnectionError:
            return 0


@contextmanager
def replica(folder: Path, **variables: str) -> Iterator[Replica]:
    port = free_port()
    known = {"DATABASE_URL": url(connection.settings_dict["NAME"]), "SECRET_KEY": settings.SECRET_KEY}
    known |= {
        "PODIUM_MODEL_DIR": str(settings.STORAGES["models"]["OPTIONS"]["location"]),
        "PODIUM_DATA_DIR": str(settings.DATA_DIR),
    }
    command = [sys.executable, "-m", "manage", "serve_rewards", "--port", str(port)]
    with (folder / f"replica-{port}.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environ(OMP_NUM_THREADS="1", **known, **variables), stdout=log, stderr=log
        )
    try:
        yield Replica(port, process)
    finally:
        process.kill()
        process.wait(30)


@contextmanager
def nginx(folder: Path, replicas: list[Replica]) -> Iterator[str]:
    """The address of a balancer: the documented block, with this machine's ports."""
    if shutil.which("nginx") is None:
        missing("there is no nginx: `apt install nginx-light`")
    found = re.search(r"(    upstream rewards \{.*?\n)\n\S", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    port = free_port()
    block = found[1].replace("listen 8001;", f"listen 127.0.0.1:{port};")
    servers = "".join(f"server 127.0.0.1:{each.port};" for each in replicas)
    block, count = re.subn(r"(server [\w-]+\.example:8001;\s*)+", servers, block)
    assert count == 1
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = f"daemon off;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{block}\n}}\n"
    (folder / "nginx.conf").write_text(text)
    with (folder / "nginx.out").open("w") as log:
        command = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 30, (folder / "nginx.log").read_text)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=30).ok
    except requests.ConnectionError:
        return False


@dataclass
class Load:
    """Callers that go on asking until they are told to stop; each answer is looked at as it comes."""

    ask: Callable[[], dict[str, Any]]
    wanted: dict[int, list[list[float]]]  # by version
    seen: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        while not self.stop.is_set():
            try:
                answer = self.ask()
                rewards = [row["rewards"] for row in answer["rows"]]
                for row, right in zip(rewards, self.wanted[answer["model"]], strict=True):
                    assert row == pytest.approx(right, abs=1e-4)
                self.seen.append(answer["model"])
            except Exception as error:
                self.failed.append(repr(error))
                self.stop.set()

    def go_on(self, *, until: Callable[[], bool] | None = None, count: int = 12) -> None:
        """Returns when so many more have been answered, and then the condition is true."""
        before = len(self.seen)
        wait_until(lambda: bool(self.failed) or len(self.seen) >= before + count, SECONDS, lambda: f"{self.failed}")
        wait_until(lambda: bool(self.failed) or until is None or until(), SECONDS, lambda: f"{self.failed}")
        assert not self.failed


def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {service_client.credential()}"}


def champion_of(each: Replica) -> tuple[int, bool]:
    row = told_by(each)
    return row["version"], row["in_memory"]


def told_by(each: Replica) -> dict[str, Any]:
    (row,) = requests.get(f"{each.url}/models", headers=headers(), timeout=30).json()["champions"]
    return dict(row)


@pytest.fixture
def served(project: Project, model_dir: Path, tmp_path: Path, needs_torch: None) -> Project:
    rank_prompts(project)
    for _ in range(2):
        make_model(project)
    finish_models(project, tmp_path)
    first = project.reward_models.get(version=1)
    if not first.champion:
        champions.promote(first, by=None, reason="To begin with.", past_gate=True)
    return project


def asked_of(address: str, **body: object) -> dict[str, Any]:
    response = requests.post(f"{address}/helpful/rows", json={"rows": ROWS, **body}, headers=headers(), timeout=SECONDS)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_no_answer_is_lost_or_mixed_when_one_is_killed_one_drained_and_the_champion_changes(
    served: Project, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        variables = {"PODIUM_REWARDS_DRAIN": "2", "PODIUM_REWARDS_SERVERS": "helpful=vllm:http://127.0.0.1:9"}
        started = [stack.enter_context(replica(tmp_path, **variables)) for _ in range(3)]
        logs = lambda: "\n".join(path.read_text() for path in tmp_path.glob("replica-*.log"))  # noqa: E731
        wait_until(lambda: all(each.ready() == 200 for each in started), SECONDS, logs)
        address = stack.enter_context(nginx(tmp_path, started))
        several = ",".join(each.url for each in started)
        stack.enter_context(override_settings(REWARDS_URL=several))
        versions = {version: asked_of(started[0].url, model=version) for version in (1, 2)}
        wanted = {version: [row["rewards"] for row in answer["rows"]] for version, answer in versions.items()}
        assert wanted[1] != wanted[2]

        balanced = Load(lambda: asked_of(address), wanted)
        ours = Load(lambda: service_client.send("/helpful/rows", {"rows": ROWS}, timeout=SECONDS).json(), wanted)
        pool = stack.enter_context(ThreadPoolExecutor(4))
        callers = [pool.submit(load.work) for load in (balanced, ours, balanced, ours)]
        try:
            for load in (balanced, ours):
                load.go_on()
            champions.promote(served.reward_models.get(version=2), by=None, reason="To see.", past_gate=True)
            for load in (balanced, ours):
                load.go_on(until=lambda: all(champion_of(each) == (2, True) for each in started))
            began = {id(load): len(load.seen) for load in (balanced, ours)}
            started[0].process.send_signal(signal.SIGKILL)
            for load in (balanced, ours):
                load.go_on(until=lambda: started[0].process.poll() is not None)
            started[1].process.send_signal(signal.SIGTERM)
            wait_until(lambda: started[1].ready() != 200, SECONDS, logs)
            for load in (balanced, ours):
                load.go_on(until=lambda: started[1].process.poll() is not None)
            for load in (balanced, ours):
                load.go_on()
                assert load.seen[0] == 1
                assert 2 in load.seen[began[id(load)] :]
        finally:
            for load in (balanced, ours):
                load.stop.set()
            for caller in callers:
                caller.result()
        assert not balanced.failed
        assert not ours.failed
        assert not told_by(started[2])["server"]["asked"]  # nothing listens there, and nobody noticed
        assert started[1].process.returncode in (0, -signal.SIGTERM)


def test_who_answers_nothing_is_asked_last_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    from rewardtrain.scoring.addresses import Turns

    turns = Turns()
    assert [turns.order(["a", "b", "c"]) for _ in range(3)] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]
    turns.note("b", away=True)
    assert [turns.order(["a", "b", "c"])[-1] for _ in range(3)] == ["b", "b", "b"]
    turns.note("b", away=False)
    assert turns.order(["a", "b", "c"]) == ["a", "b", "c"]
