"""Real processes: an act on many prompts that is killed anywhere goes on where it was, and two at once do it once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeling.data.bulk import bulk_jobs, bulk_worker
from labeling.data.bulk.bulk_jobs import Foreseen
from labeling.data.importing.imports import import_lines
from labeling.models import BulkAct, Project
from labeling.projects import counters
from tests.factories import make_project, make_user
from tests.jobs import killed_workers as killed
from tests.labeling.api.client import row

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = bulk_worker.__name__
PROMPTS = 6_000  # twelve batches


@pytest.fixture
def project() -> Project:
    project = make_project(manager=make_user("manager"), slug="helpful")
    rows = (row(f"q{n}", rankings=[{"labeler": "ann", "ranks": [1, 2]}]) for n in range(PROMPTS))
    assert import_lines(project, (json.dumps(each).encode() for each in rows)).created == PROMPTS
    return project


def ask(project: Project, act: str, value: str = "") -> BulkAct:
    return bulk_jobs.request(project, act, value, {}, by=project.created_by, foreseen=Foreseen(PROMPTS, True))


def test_a_killed_act_goes_on_and_each_prompt_is_changed_once(tmp_path: Path, project: Project) -> None:
    job = ask(project, "withdraw")
    for least in (0, 1_000):  # killed twice, and not in the same place
        killed.kill_when(WORKER, job, tmp_path, lambda job, least=least: job.done > least)  # type: ignore[misc]
        job.refresh_from_db()
        assert least < project.prompts.filter(withdrawn_at__isnull=False).count() < PROMPTS
        killed.silence(job)
    with killed.start_worker(WORKER, job, tmp_path) as process:
        pass  # until it has ended
    job.refresh_from_db()
    assert (process.returncode, job.state, job.done, job.changed) == (0, "succeeded", PROMPTS, PROMPTS), job.error
    assert counters.of(project).total.withdrawn == PROMPTS
    assert not counters.differences(project)


def test_of_two_workers_at_once_one_does_it(tmp_path: Path, project: Project) -> None:
    job = ask(project, "tag", "x")
    with killed.start_worker(WORKER, job, tmp_path) as one, killed.start_worker(WORKER, job, tmp_path) as two:
        pass
    job.refresh_from_db()
    assert (one.returncode, two.returncode) == (0, 0)
    assert (job.state, job.attempts, job.changed) == ("succeeded", 1, PROMPTS)
    assert project.prompts.filter(tags=["x"]).count() == PROMPTS
