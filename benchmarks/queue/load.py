"""Labelers at once on a Podium of its own: what benchmarks/queue measures with."""

from __future__ import annotations

import json
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.acceptance.podium import Podium

if TYPE_CHECKING:
    from benchmarks.large_site import Site


@dataclass(frozen=True)
class Cell:
    """What one number of labelers did, times in seconds."""

    rate: float
    times: list[float]
    web_ms: float
    sql_ms: float
    here_ms: float
    failed: int

    def at(self, share: int) -> float:
        return 1000 * (statistics.quantiles(self.times, n=100)[share - 1] if len(self.times) > 1 else self.times[0])


class Labeler:
    """A client with a token and a connection that is kept: as little work as one can have."""

    def __init__(self, port: int, token: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.head = f" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        self.rest = b""

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
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
        return status, answer

    def _receive(self) -> None:
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("the server closed the connection")
        self.rest += more

    def label(self, slug: str) -> bool:
        """Claims and submits; False where there is nothing to do."""
        return bool(self.answer(slug))

    def answer(self, slug: str, *, dawdle: float = 0) -> list[int] | None:
        """Gives the key of the ranking that was stored: none where somebody else had the prompt by then (409). None
        where there is nothing to do. dawdle: seconds that the labeler thinks."""
        status, body = self.send("POST", f"/api/v1/projects/{slug}/assignments/next/")
        if status == 204:
            return None
        if status != 200:
            raise ConnectionError(f"{status} {body[:200]!r}")
        task = json.loads(body)
        tiers = json.dumps({"tiers": [[shown["id"]] for shown in task["completions"]]}).encode()
        if dawdle:
            time.sleep(dawdle)
        status, body = self.send("POST", f"/api/v1/assignments/{task['id']}/ranking/", tiers)
        if status == 409 and dawdle:
            return []
        if status not in (200, 201):
            raise ConnectionError(f"{status} {body[:200]!r}")
        return [json.loads(body)["id"]]


def at_once(work: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Running:
    """The running Podium, its database, and what its processes took of the processor."""

    def __init__(self, podium: Podium) -> None:
        self.podium = podium

    def seconds_of(self, words: str) -> float:
        """Processor seconds of the processes with these words in their command line, and of what they started."""
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            try:
                if words in " ".join(process.cmdline()):
                    found |= {each.pid: each for each in (process, *process.children(recursive=True))}
            except psutil.Error:
                continue
        return float(sum(times.user + times.system for times in map(_times, found.values()) if times))

    def web(self) -> float:
        return self.seconds_of(f"config.processes.web --host 127.0.0.1 --port {self.podium.port}")

    def workers(self) -> list[psutil.Process]:
        """Lists the web's processes that answer, but for the one that starts them again."""
        found = self.podium.processes(f"config.processes.web --host 127.0.0.1 --port {self.podium.port}")
        return [child for process in found for child in process.children()]

    def sql(self) -> float:
        return self.seconds_of(f"-D {self.podium.data_dir}")


def _times(process: psutil.Process) -> Any:
    try:
        return process.cpu_times()
    except psutil.Error:
        return None


def measure(site: Running, slug: str, tokens: Sequence[str], *, seconds: float) -> Cell:
    times: list[float] = []
    failed = 0
    labelers = [Labeler(site.podium.port, token) for token in tokens]

    def work(labeler: Labeler) -> None:
        nonlocal failed
        while (began := time.perf_counter()) < end:
            try:
                if not labeler.label(slug):
                    return
            except (OSError, ValueError) as error:
                failed += 1
                print(f"      {error}")
                return
            times.append(time.perf_counter() - began)

    web, sql, here, began = site.web(), site.sql(), time.process_time(), time.perf_counter()
    end = began + seconds
    at_once([lambda labeler=labeler: work(labeler) for labeler in labelers])  # type: ignore[misc]
    took = time.perf_counter() - began
    web, sql, here = (
        1000 * (now - before) / len(times)
        for now, before in ((site.web(), web), (site.sql(), sql), (time.process_time(), here))
    )
    return Cell(len(times) / took, times, web, sql, here, failed)


def healthz(port: int, *, clients: int = 8, seconds: float = 4) -> float:
    """Requests a second to an address that does nothing."""
    count = [0] * clients

    def work(place: int) -> None:
        client = Labeler(port, "")
        while time.perf_counter() < end:
            client.send("GET", "/healthz")
            count[place] += 1

    began = time.perf_counter()
    end = began + seconds
    at_once([lambda place=place: work(place) for place in range(clients)])  # type: ignore[misc]
    return sum(count) / (time.perf_counter() - began)


def join(site: Site, n: int) -> tuple[list[int], list[str]]:
    """Adds so many labelers: their keys, and a token each. Nobody of them has a password, which takes long to hash."""
    from knox.models import AuthToken

    from labeling.models import Membership, User

    people = User.objects.bulk_create(
        User(username=f"bench-{site.project.slug}-{place}", password="!") for place in range(n)
    )
    Membership.objects.bulk_create(Membership(project=site.project, user=person, role="labeler") for person in people)
    return [person.pk for person in people], [AuthToken.objects.create(person)[1] for person in people]


@contextmanager
def running() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="podium-queue-") as folder, Podium(Path(folder) / "data") as podium:
        podium.set_policy("sample", enabled=False, head_enabled=False)
        os.environ["PODIUM_DATA_DIR"] = str(podium.data_dir)
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        import django

        django.setup()
        yield Running(podium)
        from django.db import connection

        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


def filled(prompts: int, slug: str, **more: Any) -> Site:
    from benchmarks import large_site
    from rewardtrain.training import policy

    site = large_site.fill(prompts=prompts, rankings=0, labelers=1, overlap=2, slug=slug, **more)
    policy.update_policy(site.project, enabled=False, head_enabled=False)
    return site


_joined: dict[str, int] = {}


def joined(site: Site, n: int) -> tuple[list[int], list[str]]:
    """Adds people to a project that has some of an earlier count."""
    slug = site.project.slug
    _joined[slug] = _joined.get(slug, 0) + 1
    project = site.project
    project.slug, kept = f"{slug}-{_joined[slug]}", project.slug
    try:
        return join(replace(site, project=project), n)
    finally:
        project.slug = kept
