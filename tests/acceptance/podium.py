"""The whole product as its user starts it: `manage.py up` on a free port and an empty data directory."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import requests

from config.servers import embedded

REPOSITORY = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 180
Found = TypeVar("Found")


class Podium:
    """Start it with `with Podium(data_dir) as podium:`; leaving stops it as Ctrl-C does."""

    def __init__(self, data_dir: Path, *, environ: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.port, self.rewards_port = free_port(), free_port()
        self.log = data_dir.parent / f"{data_dir.name}.log"
        ours = {
            "PODIUM_DATA_DIR": str(data_dir),
            "PODIUM_REWARDS_URL": f"http://127.0.0.1:{self.rewards_port}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "HF_HUB_OFFLINE": "1",
        }
        self.environ = {**os.environ, **ours, **(environ or {})}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Podium:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), "--rewards-port", str(self.rewards_port)],
                cwd=REPOSITORY,
                env=self.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(self._answers, "the web server to answer", seconds=START_SECONDS, podium=self)
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def manage(self, *arguments: str) -> str:
        """A manage.py command run beside it, in its own process, as an operator would."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=REPOSITORY, env=self.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def token(self, username: str) -> str:
        return self.manage("create_token", username).split()[-1]

    def set_policy(self, project: str, **changes: object) -> None:
        """What the form on the runs' page does."""
        code = (
            "from labeling.models import Project; from rewardtrain.training import policy; "
            f"policy.update_policy(Project.objects.get(slug={project!r}), **{changes!r})"
        )
        self.manage("shell", "-c", code)

    def password(self, username: str) -> str:
        logins = (self.data_dir / "logins.txt").read_text(encoding="utf-8").splitlines()
        return dict(line.split(" ", 1) for line in logins)[username]

    def client(self, token: str) -> Client:
        return Client(self.url, token)

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(embedded.database_url(self.data_dir), autocommit=True)

    def processes(self, words: str) -> list[psutil.Process]:
        """What runs below it with these words in its command line."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if words in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"manage.py up ended with {self.process.returncode}:\n{self.tail()}")
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.RequestException:
            return False


class Client:
    """The HTTP API with a token. Tries again where the server is gone for a moment, as a careful client does."""

    def __init__(self, url: str, token: str) -> None:
        self.base = f"{url}/api/v1"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, *, patience: float = 60, **options: Any) -> requests.Response:
        deadline = time.monotonic() + patience
        while True:
            try:
                answer = self.session.request(method, self.base + path, timeout=60, **options)
                if answer.status_code not in (502, 503):
                    return answer
            except requests.RequestException:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def get(self, path: str, **options: Any) -> Any:
        answer = self.call("GET", path, **options)
        assert answer.ok, answer.text
        return answer.json()

    def post(self, path: str, body: object = None, *, status: int | None = None, **options: Any) -> Any:
        answer = self.call("POST", path, json=body if body is not None else {}, **options)
        assert answer.status_code == status if status else answer.ok, f"{answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def upload(self, project: str, lines: bytes) -> Any:
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self.call("POST", f"/projects/{project}/prompts/", data=lines, headers=headers)
        assert answer.ok, answer.text
        return answer.json()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(ask: Callable[[], Found | None], what: str, *, seconds: float, podium: Podium | None = None) -> Found:
    """The first answer that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {what}" + (f"\n{podium.tail()}" if podium else ""))


def unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(3)}"
