"""Labelers at once on a Podium of its own: what benchmarks/queue measures with."""

from __future__ import annotations

import itertools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.queue.labelers import ByApi, ByPage, Labeler, Say, in_the_order_shown
from tests.acceptance.podium import Podium

if TYPE_CHECKING:
    from labeling.models import Project, User


@dataclass(frozen=True)
class Cell:
    """What one number of labelers did, times in seconds."""

    rate: float
    times: list[float]
    web_ms: float
    sql_ms: float
    here_ms: float
    failed: int
    connections: list[int]  # of each web process, the most first

    def at(self, share: int) -> float:
        return 1000 * (statistics.quantiles(self.times, n=100)[share - 1] if len(self.times) > 1 else self.times[0])


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

    def connections(self) -> list[int]:
        """Counts the clients' connections of each web process that has any, the most first."""
        found = [[each for each in worker.net_connections("tcp") if each.laddr.port == self.podium.port and each.raddr]
                 for worker in self.workers()]  # fmt: skip
        return sorted(filter(None, map(len, found)), reverse=True)

    def sql(self) -> float:
        return self.seconds_of(f"-D {self.podium.data_dir}")


def _times(process: psutil.Process) -> Any:
    try:
        return process.cpu_times()
    except psutil.Error:
        return None


def measure(site: Running, slug: str, labelers: Sequence[Labeler], *, seconds: float) -> Cell:
    times: list[float] = []
    failed = 0

    def work(labeler: Labeler) -> None:
        nonlocal failed
        try:
            while (began := time.perf_counter()) < end and labeler.label(slug):
                times.append(time.perf_counter() - began)
        except (OSError, ValueError) as error:
            failed += 1
            print(f"      {error}")

    at_once([lambda labeler=labeler: labeler.begin(slug) for labeler in labelers])  # type: ignore[misc]
    web, sql, here, began = site.web(), site.sql(), time.process_time(), time.perf_counter()
    end = began + seconds
    at_once([lambda labeler=labeler: work(labeler) for labeler in labelers])  # type: ignore[misc]
    took = time.perf_counter() - began
    web, sql, here = (
        1000 * (now - before) / len(times)
        for now, before in ((site.web(), web), (site.sql(), sql), (time.process_time(), here))
    )
    connections = site.connections()
    for labeler in labelers:
        labeler.close()
    return Cell(len(times) / took, times, web, sql, here, failed, connections)


def healthz(port: int, *, clients: int = 8, seconds: float = 4) -> float:
    """Requests a second to an address that does nothing."""
    count = [0] * clients

    def work(place: int) -> None:
        client = ByApi(port, "")
        while time.perf_counter() < end:
            client.send("GET", "/healthz")
            count[place] += 1

    began = time.perf_counter()
    end = began + seconds
    at_once([lambda place=place: work(place) for place in range(clients)])  # type: ignore[misc]
    return sum(count) / (time.perf_counter() - began)


@dataclass(frozen=True)
class Person:
    """A labeler of a project, who has a token; nobody of them has a password, which takes long to hash."""

    user: User
    token: str

    def by_api(self, site: Running, say: Say = in_the_order_shown) -> ByApi:
        return ByApi(site.podium.port, self.token, say)

    def by_page(self, site: Running, _say: Say = in_the_order_shown) -> ByPage:
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
        from django.contrib.sessions.backends.db import SessionStore

        store = SessionStore()
        store[SESSION_KEY] = str(self.user.pk)
        store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        store[HASH_SESSION_KEY] = self.user.get_session_auth_hash()
        store.create()
        return ByPage(site.podium.port, str(store.session_key))


DOORS: dict[str, Callable[[Person, Running, Say], Labeler]] = {"api": Person.by_api, "page": Person.by_page}
_numbers = itertools.count()


def join(project: Project, n: int) -> list[Person]:
    """Adds so many labelers."""
    from knox.models import AuthToken

    from labeling.models import Membership, User

    people = User.objects.bulk_create(User(username=f"bench-{next(_numbers)}", password="!") for _ in range(n))
    Membership.objects.bulk_create(Membership(project=project, user=person, role="labeler") for person in people)
    return [Person(person, AuthToken.objects.create(person)[1]) for person in people]


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


@cache
def filled(prompts: int, slug: str) -> Project:
    """Makes a project of so many prompts, each to be ranked twice, or gives the one that was made."""
    from benchmarks import large_site
    from rewardtrain.training import policy

    site = large_site.fill(prompts=prompts, rankings=0, labelers=1, overlap=2, slug=slug)
    policy.update_policy(site.project, enabled=False, head_enabled=False)
    return site.project


def verdict(name: str, value: float, target: str, *, met: bool) -> None:
    print(f"  {name:<62}{value:>9.2f}   {target}: {'met' if met else 'MISSED'}")
