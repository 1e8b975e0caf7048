"""Podium with all its processes in a folder of its own, and people at its doors."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import requests

PASSWORD = "correct-horse-battery"


class Site:
    """What fill() needs of it: its people with their tokens, its commands, its processes."""

    def __init__(self, url: str, environ: dict[str, str], process: subprocess.Popen[bytes]) -> None:
        self.url, self.environ, self.process = url, environ, process
        self.tokens: dict[str, str] = {}

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, env=self.environ, stdout=subprocess.PIPE, text=True, check=True).stdout

    def database_url(self) -> str:
        ask = "from django.db import connection as c; p = c.get_connection_params(); "
        ask += "print(p['user'], p['dbname'], p['host'])"
        user, name, host = self.manage("shell", "-c", ask).split()[-3:]
        return f"postgresql://{user}@/{name}?host={quote(host, safe='')}"

    def __getitem__(self, username: str) -> Client:
        if username not in self.tokens:
            self.tokens[username] = self.manage("create_token", username).split()[-1]
        return Client(self.url, self.tokens[username])

    def kill(self, words: str) -> None:
        """Those of its processes that have these words in their command line."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if words in " ".join(child.cmdline()):
                child.kill()


class Client:
    """A program with a person's token."""

    def __init__(self, url: str, token: str) -> None:
        self.base, self.session = f"{url}/api/v1", requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        answer = self.session.request(method, self.base + path, timeout=60, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def get(self, path: str) -> Any:
        return self.call("GET", path).json()

    def post(self, path: str, body: object = None) -> Any:
        answer = self.call("POST", path, json=body if body is not None else {})
        return answer.json() if answer.content else None

    def send_lines(self, path: str, lines: bytes) -> Any:
        return self.call("POST", path, data=lines, headers={"Content-Type": "application/x-ndjson"}).json()


class Browser:
    """A person at the pages."""

    def __init__(self, url: str) -> None:
        self.url, self.session = url, requests.Session()

    def post(self, path: str, page: str, **fields: object) -> requests.Response:
        """Sends a form that stands on `page`."""
        self.session.get(self.url + page).raise_for_status()
        form = {"csrfmiddlewaretoken": self.session.cookies["csrftoken"], **fields}
        return self.session.post(self.url + path, data=form, headers={"Referer": self.url + page})

    def log_in(self, username: str, password: str = PASSWORD) -> Browser:
        login = "/accounts/login/"
        self.post(login, login, login=username, password=password)
        return self


@contextmanager
def running(data_dir: Path, hub: Path, backbones: list[str]) -> Iterator[Site]:
    """Podium with all its processes, which are killed at the end, as by a power failure."""
    port, rewards_port = free_port(), free_port()
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "HF_HUB_CACHE": str(hub),
        "HF_HUB_OFFLINE": "1",
        "PODIUM_BACKBONES": ",".join(backbones),
        "PODIUM_DATA_DIR": str(data_dir),
        "PODIUM_REWARDS_URL": f"http://127.0.0.1:{rewards_port}",
    }
    words = ["--no-sample", "--workers", "1", "--port", str(port), "--rewards-port", str(rewards_port)]
    process = subprocess.Popen([sys.executable, "manage.py", "up", *words], env=environ, start_new_session=True)
    site = Site(f"http://127.0.0.1:{port}", environ, process)
    try:
        wait_for(lambda: answers(f"{site.url}/readyz"), "the site", seconds=180)
        yield site
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def wait_for(ask: Callable[[], Any], what: str, *, seconds: float) -> Any:
    """The first answer that is true."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.2)
    return answer


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
