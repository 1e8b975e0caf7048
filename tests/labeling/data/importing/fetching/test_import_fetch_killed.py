"""Real processes: a fetch that is killed leaves nothing half-done and goes on; two at once don't harm each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling.data.importing.background import import_drafts, import_worker
from labeling.models import Project
from tests.hub_stub import Hub
from tests.jobs import killed_workers as killed
from tests.labeling.data.importing.fetching.test_import_fetch import NAME, ask, files, jsonl, work

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = import_worker.__name__


def test_a_killed_fetch_goes_on_at_its_file_and_leaves_nothing_half_done(
    hub: Hub, project: Project, folder: Path
) -> None:
    hub.add("dataset", NAME, {"a.jsonl": jsonl("q1"), "b.jsonl": jsonl(*(f"b{n}" for n in range(1000)))})
    is_killed = threading.Event()

    def sends(path: str, data: bytes) -> Iterator[bytes]:
        yield data[: len(data) // 2]
        if path.endswith("b.jsonl"):
            is_killed.wait(60)
        yield data[len(data) // 2 :]

    hub.sends = sends
    job = ask(project)
    killed.kill_when(WORKER, job, folder, lambda job: job.done == 1 and has_begun(project))
    is_killed.set()
    assert (job.state, job.done, job.upload) == ("running", 1, "")
    assert has_begun(project)
    hub.asked.clear()
    killed.silence(job)
    assert work(job).state == "draft"
    assert files(project) == ["00001.upload"]
    assert not [path for _, path in hub.asked if path.endswith("a.jsonl")], "what is whole is not fetched again"
    assert work(import_drafts.start(job)).created == 1001


def has_begun(project: Project) -> bool:
    return any(name.endswith(".incomplete") for name in files(project))


def test_two_at_once_are_two_imports_of_the_same(hub: Hub, project: Project, folder: Path) -> None:
    hub.add("dataset", NAME, {"a.jsonl": jsonl("q1"), "b.jsonl": jsonl(*(f"b{n}" for n in range(3000)))})
    one, two = ask(project), ask(project)
    with killed.start_worker(WORKER, one, folder), killed.start_worker(WORKER, two, folder):
        pass  # until both have ended
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.state, two.state, one.sha256) == ("draft", "draft", two.sha256)
    assert files(project) == ["00001.upload", "00002.upload"]


def test_of_two_workers_one_takes_it(hub: Hub, project: Project, folder: Path) -> None:
    hub.add("dataset", NAME, {"a.jsonl": jsonl("q1")})
    job = ask(project)
    with killed.start_worker(WORKER, job, folder), killed.start_worker(WORKER, job, folder):
        pass  # until both have ended
    job.refresh_from_db()
    assert (job.state, job.error, files(project)) == ("draft", "", ["00001.upload"])
    assert sum(path.endswith("a.jsonl") for method, path in hub.asked if method == "GET") == 1
