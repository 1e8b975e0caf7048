"""A scoring service that answers what a test has written down, and keeps what it was asked. It loads no model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.db import connections
from django.test import override_settings

Asked = tuple[str, dict[str, Any]]  # path and body
Said = tuple[int, Any]  # status and body


def problem(status: int, code: str, detail: str) -> Said:
    return status, {"type": "client_error", "errors": [{"code": code, "detail": detail, "attr": None}]}


@contextmanager
def answering(say: Callable[[str, dict[str, Any]], Said]) -> Iterator[list[Asked]]:
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, body))
            try:
                status, answer = say(self.path, body)
            finally:
                connections.close_all()  # of this thread, which a test may have had look into the database
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with override_settings(REWARDS_URL=f"http://127.0.0.1:{server.server_port}"):
            yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def scores(body: dict[str, Any]) -> Said:
    """What a service would say of {"rows"}: the longer a text the higher; it can't read one that says so."""
    for place, row in enumerate(body["rows"]):
        if any("unreadable" in text for text in row["completions"]):
            return problem(400, "bad_request", f"rows[{place}]: this can't be read")
    return 200, {"rows": [answer(row["completions"]) for row in body["rows"]]}


def answer(texts: list[str]) -> dict[str, Any]:
    rewards = [float(len(text)) for text in texts]
    return {
        "rewards": rewards,
        "probabilities": [1 / len(texts)] * len(texts),
        "truncated": [False] * len(texts),
        "best": max(range(len(texts)), key=rewards.__getitem__),
    }
