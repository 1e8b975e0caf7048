"""Workers as processes of their own, to be killed while they are at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from django.db import connection
from django.utils import timezone

from jobs import lifecycle
from jobs.models import Job
from tests.config.helpers import REPOSITORY, environ
from tests.upgrade.conftest import url

J = TypeVar("J", bound=Job)
WORK = """
import django
django.setup()
from {module} import {name} as worker
{before}
worker.work({pk})
"""


def start_worker(worker: str, job: Job, folder: Path, *, before: str = "") -> subprocess.Popen[bytes]:
    """Starts a process that works on the job. worker: the whole name of its module; before: what is done first."""
    variables = {
        "DATABASE_URL": url(connection.settings_dict["NAME"]),
        "PODIUM_DATA_DIR": str(folder / "data"),
        "PODIUM_MODEL_DIR": str(folder / "models"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    module, _, name = worker.rpartition(".")
    script = WORK.format(module=module, name=name, pk=job.pk, before=before)
    return subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, env=environ(**variables))


def wait_until(job: J, process: subprocess.Popen[bytes], is_so_far: Callable[[J], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so_far(job):
        assert process.poll() is None, "it was done before it could be stopped"
        assert time.monotonic() < deadline
        job.refresh_from_db()


def kill_when(worker: str, job: J, folder: Path, is_so_far: Callable[[J], bool]) -> None:
    """Starts a worker and kills it as soon as the job is so far."""
    with start_worker(worker, job, folder) as process:
        wait_until(job, process, is_so_far)
        os.kill(process.pid, signal.SIGKILL)
    job.refresh_from_db()


def silence(job: Job) -> None:
    """Puts the job back as the sweep does when the heart has been silent for a minute."""
    kind = type(job)
    assert kind._default_manager.get(pk=job.pk).state == "running"
    kind._default_manager.filter(pk=job.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert lifecycle.requeue_stale(kind).queued == 1
