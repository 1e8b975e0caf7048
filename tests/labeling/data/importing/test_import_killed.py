"""Real processes: one that is killed loses nothing and does nothing twice, and two at once don't harm each other."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from jobs import lifecycle
from labeling.data.importing.background import import_files, import_jobs, import_worker
from labeling.models import Completion, Import, PreferencePair, Project, Prompt, Ranking
from labeling.projects import counters
from tests.config.helpers import REPOSITORY, environ
from tests.factories import make_project
from tests.labeling.api.client import row
from tests.rewardtrain.conftest import models_in
from tests.upgrade.conftest import url

pytestmark = pytest.mark.django_db(transaction=True)

WORK = """
import django
django.setup()
from labeling.data.importing.background import import_worker
import_worker.work({pk})
"""
ROWS = 6_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful")


def send(project: Project, *, start: int = 0) -> Import:
    """Rows with a ranking each, of which every thousandth is bad."""
    rows = [
        row(f"q{n}", rankings=[{"labeler": "ann", "ranks": [1, 2 - (n % 1000 == 7) * 2]}])
        for n in range(start, start + ROWS)
    ]
    data = io.BytesIO(b"".join(json.dumps(each).encode() + b"\n" for each in rows))
    return import_jobs.receive(project, import_files.receive(project, data), file_name="rows.jsonl", start=True)


def start_worker(job: Import, folder: Path) -> subprocess.Popen[bytes]:
    variables = {
        "DATABASE_URL": url(connection.settings_dict["NAME"]),
        "PODIUM_DATA_DIR": str(folder / "data"),
        "PODIUM_MODEL_DIR": str(folder / "models"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    return subprocess.Popen([sys.executable, "-c", WORK.format(pk=job.pk)], cwd=REPOSITORY, env=environ(**variables))


def kill_when(job: Import, folder: Path, is_so_far: Callable[[Import], bool]) -> None:
    with start_worker(job, folder) as process:
        deadline = time.monotonic() + 120
        while not is_so_far(job):
            assert process.poll() is None, "it was done before it could be killed"
            assert time.monotonic() < deadline
            job.refresh_from_db()
        os.kill(process.pid, signal.SIGKILL)


def go_on(job: Import) -> None:
    """As the sweep does when the heart has been silent for a minute."""
    assert Import.objects.get(pk=job.pk).state == "running"
    Import.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert lifecycle.requeue_stale(Import).queued == 1
    import_worker.work(job.pk)
    job.refresh_from_db()


def test_a_killed_import_goes_on_where_it_was(project: Project, folder: Path) -> None:
    job = send(project)
    kill_when(job, folder, lambda job: job.created > 0)
    job.refresh_from_db()
    bad = ROWS // 1000
    assert job.created < ROWS - bad
    assert Prompt.objects.count() == job.created
    go_on(job)
    assert (job.state, job.created, job.updated, job.skipped) == ("succeeded", ROWS - bad, 0, 0)
    assert (job.rankings, job.n_errors, len(job.errors)) == (ROWS - bad, bad, bad)
    assert Prompt.objects.count() == Ranking.objects.count() == PreferencePair.objects.count() == ROWS - bad
    assert Completion.objects.count() == 2 * (ROWS - bad)
    lines = import_files.path_of(job.bad_lines).read_bytes().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"q{n * 1000 + 7}" for n in range(bad)]
    assert not counters.differences(project)


def test_a_killed_undo_goes_on_where_it_was(project: Project, folder: Path) -> None:
    job = send(project)
    import_worker.work(job.pk)
    job.refresh_from_db()
    brought = job.created
    import_jobs.undo(job)
    kill_when(job, folder, lambda job: job.undone_rankings > 0)
    job.refresh_from_db()
    assert job.undone_prompts < brought
    assert Ranking.objects.count() == brought - job.undone_rankings
    go_on(job)
    assert (job.state, job.undone_prompts, job.undone_rankings) == ("succeeded", brought, brought)
    assert not Prompt.objects.exists()
    assert not counters.differences(project)


def test_two_at_once_bring_what_they_would_one_after_the_other(project: Project, folder: Path) -> None:
    one, two = send(project), send(project, start=ROWS // 2)
    with start_worker(one, folder), start_worker(two, folder):
        pass  # until both have ended
    for job in (one, two):
        job.refresh_from_db()
        assert (job.state, job.n_errors) == ("succeeded", ROWS // 1000), job.error
    good = (ROWS + ROWS // 2) // 1000 * 999
    assert one.created + two.created == Prompt.objects.count() == Ranking.objects.count() == good
    assert one.skipped + two.skipped == ROWS // 2 // 1000 * 999
    assert not counters.differences(project)
    import_jobs.undo(one)
    import_worker.work(one.pk)
    assert set(Prompt.objects.values_list("imported_by", flat=True)) == {two.pk}
    assert Prompt.objects.count() == two.created
    assert not counters.differences(project)
