"""Real processes: one that is killed loses nothing and does nothing twice, and two at once don't harm each other."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling.data.importing.background import import_files, import_jobs, import_worker
from labeling.models import Completion, Import, PreferencePair, Project, Prompt, Ranking
from labeling.projects import counters
from tests.factories import make_project
from tests.jobs import killed_workers as killed
from tests.labeling.api.client import row
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = import_worker.__name__
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


def go_on(job: Import) -> None:
    killed.silence(job)
    import_worker.work(job.pk)
    job.refresh_from_db()


def test_a_killed_import_goes_on_where_it_was(project: Project, folder: Path) -> None:
    job = send(project)
    killed.kill_when(WORKER, job, folder, lambda job: job.created > 0)
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
    killed.kill_when(WORKER, job, folder, lambda job: job.undone_rankings > 0)
    assert job.undone_prompts < brought
    assert Ranking.objects.count() == brought - job.undone_rankings
    go_on(job)
    assert (job.state, job.undone_prompts, job.undone_rankings) == ("succeeded", brought, brought)
    assert not Prompt.objects.exists()
    assert not counters.differences(project)


def test_two_at_once_bring_what_they_would_one_after_the_other(project: Project, folder: Path) -> None:
    one, two = send(project), send(project, start=ROWS // 2)
    with killed.start_worker(WORKER, one, folder), killed.start_worker(WORKER, two, folder):
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
