"""A bucket that can't be used is one sentence before anything begins."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from config.environment import storage
from config.environment.variables import WrongSetting
from config.servers import preflight
from tests.artifacts.s3 import KEY, address, make_bucket
from tests.config.helpers import manage


def sentence(monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    """What it ends a process with, '' where it lets it go on."""
    for name, value in {**KEY, "PODIUM_STORAGE": url}.items():
        monkeypatch.setenv(name, value)
    try:
        preflight.ask_storage(SimpleNamespace(STORAGES={"models": storage.bucket("PODIUM_STORAGE")}))
    except WrongSetting as error:
        said = str(error)
        assert said.startswith(f"podium: PODIUM_STORAGE ({url}): ")
        assert "\n" not in said
        assert KEY["AWS_SECRET_ACCESS_KEY"] not in said
        return said
    return ""


@pytest.fixture
def closed() -> Iterator[str]:
    """The address of a server that lets nobody in."""

    class Closed(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(403)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_bucket_that_cannot_be_used_is_one_sentence(monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    with socket.socket() as taken:  # listens to nobody
        taken.bind(("127.0.0.1", 0))
        away = f"s3://podium?endpoint_url=http://127.0.0.1:{taken.getsockname()[1]}"
        assert "can't be reached at http://127.0.0.1:" in sentence(monkeypatch, away)
    missing = f"s3://nobody-made-it/x?endpoint_url={address()}"
    assert "nobody-made-it doesn't exist: make it" in sentence(monkeypatch, missing)
    refused = f"s3://podium?endpoint_url={closed}"
    assert "refuses us (403): see the key" in sentence(monkeypatch, refused)
    assert sentence(monkeypatch, f"s3://{make_bucket()}/x?endpoint_url={address()}") == ""


def test_a_command_says_it_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """And help needs no bucket, as it needs no database."""
    url = f"s3://nobody-made-it?endpoint_url={address()}"
    done = manage("help", PODIUM_STORAGE=url, **KEY)
    assert done.returncode == 0, done.stderr
