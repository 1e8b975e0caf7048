"""Labelers who claim and answer without a pause, by the API as a program does and by the page as its scripts do."""

from __future__ import annotations

import json
import re
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import urlencode

CSRF = "x" * 32
Said = dict[str, Any]  # a task, or an answer to one, as JSON
Say = Callable[[Said], Said]
HEARTBEAT = 8  # labels: the page says every four minutes that somebody looks at it, and a label takes half of one


class Labeler(ABC):
    """A client with a connection that is kept: as little work as one can have."""

    def __init__(self, port: int, credentials: str) -> None:
        self.port = port
        self.head = f" HTTP/1.1\r\nHost: 127.0.0.1\r\n{credentials}"
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def close(self) -> None:
        self.socket.close()

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, bytes]:
        more = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(f"{method} {path}{self.head}{more}".encode() + body)
        while b"\r\n\r\n" not in self.rest:
            self._receive()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        status = int(head[9:12])
        _, _, length = head.lower().partition(b"content-length:")
        size = int(length.split(b"\r\n", 1)[0]) if length else 0
        while len(self.rest) < size:
            self._receive()
        answer, self.rest = self.rest[:size], self.rest[size:]
        if b"\r\nconnection: close" in head.lower():  # fewer wait in another process
            self.close()
            self._connect()
        return status, answer

    def _receive(self) -> None:
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("the server closed the connection")
        self.rest += more

    def begin(self, slug: str) -> None:  # noqa: B027 - by the API there is nothing to open
        """Does what is done once, before the first label."""

    @abstractmethod
    def label(self, slug: str) -> bool:
        """Labels one prompt; False where there is nothing to do."""


def in_the_order_shown(task: Said) -> Said:
    return {"tiers": [[shown["id"]] for shown in task["completions"]]}


class ByApi(Labeler):
    """Claims, and submits what `say` says of the task: the tiers in the order shown, unless it is told otherwise."""

    def __init__(self, port: int, token: str, say: Say = in_the_order_shown) -> None:
        super().__init__(port, f"Authorization: Bearer {token}\r\n")
        self.say = say

    def label(self, slug: str) -> bool:
        return bool(self.answer(slug, say=self.say))

    def answer(self, slug: str, *, say: Say = in_the_order_shown, dawdle: float = 0) -> list[int] | None:
        """Gives the key of the ranking that was stored: none where somebody else had the prompt by then (409). None
        where there is nothing to do. dawdle: seconds that the labeler thinks."""
        task = self.claim(slug)
        if task is None:
            return None
        if dawdle:
            time.sleep(dawdle)
        status, body = self.send("POST", f"/api/v1/assignments/{task['id']}/ranking/", json.dumps(say(task)).encode())
        if status == 409 and dawdle:
            return []
        if status not in (200, 201):
            raise ConnectionError(f"{status} {body[:200]!r}")
        return [json.loads(body)["id"]]

    def claim(self, slug: str) -> Said | None:
        status, body = self.send("POST", f"/api/v1/projects/{slug}/assignments/next/")
        if status == 204:
            return None
        if status != 200:
            raise ConnectionError(f"{status} {body[:200]!r}")
        task: Said = json.loads(body)
        return task


class ByPage(Labeler):
    """A person at the ranking page, by what its scripts send (static/js/desk): the board once, with the task after it
    ahead; then of each label a draft, the answer, and the task ahead; of every eighth the heartbeat too."""

    def __init__(self, port: int, session: str) -> None:
        super().__init__(port, f"Cookie: podium_session={session}; csrftoken={CSRF}\r\nX-Requested-With: rank-desk\r\n")
        self.board = self.ahead = ""
        self.labels = count(1)

    def begin(self, slug: str) -> None:
        self.board = self._asked("GET", f"/p/{slug}/rank/")
        self.ahead = self._look_ahead()

    def label(self, slug: str) -> bool:
        if not self.board:
            return False
        names = dict.fromkeys(re.findall(r'name="(rank-[^"]+)"', self.board))
        answer = {"assignment": self._of_board("task"), "active_seconds": 20}
        answer |= {name: place for place, name in enumerate(names, start=1)}
        revision = self._of_board("revision")
        self._asked("POST", self._addresses()[0], {**answer, "draft_revision": revision})
        if next(self.labels) % HEARTBEAT == 0:
            task = re.search(r'data-task="(\d+)"', self.ahead)
            self._asked("POST", self._addresses()[1], {**answer, "ahead": task[1] if task else ""})
        self._asked("POST", f"/p/{slug}/rank/", answer)
        self.board = self.ahead
        self.ahead = self._look_ahead()
        return True

    def _look_ahead(self) -> str:
        return self._asked("POST", self._of_board("ahead"), {}) if self.board else ""

    def _asked(self, method: str, path: str, fields: dict[str, object] | None = None) -> str:
        body = b"" if fields is None else urlencode({**fields, "csrfmiddlewaretoken": CSRF}).encode()
        status, answer = self.send(method, path, body, "application/x-www-form-urlencoded")
        if status not in (200, 204):
            raise ConnectionError(f"{method} {path}: {status} {answer[:200]!r}")
        return answer.decode()

    def _of_board(self, name: str) -> str:
        found = re.search(rf'data-{name}="([^"]*)"', self.board)
        assert found, f"{name} is not in {self.board[:500]}"
        return found[1]

    def _addresses(self) -> list[str]:
        """Gives those of the draft and of the lease."""
        return re.findall(r'data-address="([^"]+)"', self.board)
