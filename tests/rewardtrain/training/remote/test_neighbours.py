"""What else happens to a run while a cluster has it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import lifecycle
from labeling.data.deleting import deletions
from labeling.models import Project
from rewardtrain.models import TrainingRun
from rewardtrain.training.remote import concluding, following
from rewardtrain.training.remote.seen_job import SeenJob
from tests.factories import make_project
from tests.rewardtrain.conftest import make_run, rank_prompts
from tests.slurm.cluster import Cluster


def held(project: Project, **fields: Any) -> TrainingRun:
    """A run whose job was submitted and is gone since."""
    rank_prompts(project, train=1, test=1, validation=1)
    job = SeenJob(id="7", heard_at=timezone.now().isoformat())
    values: dict[str, Any] = {
        "executor": "slurm",
        "job_name": f"podium-{project.pk}-1-1-0-00ff00ff",
        "job_seen": job.as_row(),
        "resources": {"queue": "", "gpus": 0, "hours": 1},
        "worker": "the one that handed it over",
        "attempts": 1,
    }
    run = make_run(project, state="running", **(values | fields))
    run.heartbeat_at = timezone.now() - timedelta(hours=1)
    run.save(update_fields=["heartbeat_at"])
    return run


def test_no_silence_of_a_worker_puts_a_run_of_a_cluster_back(project: Project) -> None:
    run = held(project)
    assert lifecycle.requeue_stale(TrainingRun).queued == 0
    TrainingRun.objects.filter(pk=run.pk).update(job_name="")  # whoever took it died before it was handed over
    assert lifecycle.requeue_stale(TrainingRun).queued == 1


def test_a_restored_site_queues_it_again_and_forgets_the_job_of_the_other_site(project: Project) -> None:
    """Nor has it what jobs sent to the other site's bucket: no backup brings that, and a job would look in vain."""
    run = held(project, job_files={"log.txt": {"start": "1"}})
    waits = make_run(project, depth="head", state="queued", job_files={"out/metrics.jsonl": {"start": "1"}})
    lifecycle.put_back_all(TrainingRun, silent_since=timezone.now())
    run.refresh_from_db()
    waits.refresh_from_db()
    assert (run.state, run.attempts, run.job_name, run.job_seen) == ("queued", 0, "", {})
    assert run.executor == "slurm"
    assert (run.job_files, waits.job_files) == ({}, {})


def test_a_project_is_deleted_when_its_job_has_ended(project: Project, cluster: Cluster) -> None:
    run = held(project)
    assert not deletions.end_work(project.pk)
    assert following.follow_all() == [run.pk]
    concluding.conclude(run.pk)
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert deletions.end_work(project.pk)


def test_a_look_at_one_more_run_costs_two_statements(project: Project, cluster: Cluster) -> None:
    held(project)
    with CaptureQueriesContext(
        connection,
    ) as one:
        following.follow_all()
    for _ in range(3):
        held(make_project())
    with CaptureQueriesContext(connection) as four:
        following.follow_all()
    assert len(one) == 3
    assert len(four) == 1 + 4 * 2


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"code": "x"}', b'{"code": 0}', b"\xff" * 10_000])
def test_an_end_that_no_job_of_ours_writes_is_a_failed_attempt(
    project: Project, cluster: Cluster, model_dir: Path, said: bytes
) -> None:
    run = held(project)
    jobs = model_dir / run.folder / "jobs"
    jobs.mkdir(parents=True)
    (jobs / f"{run.job_name}.ended.json").write_bytes(said)
    assert following.follow_all() == [run.pk]
    concluding.conclude(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("queued", 1)
    assert run.error


def test_while_the_storage_is_away_nothing_is_concluded(project: Project, cluster: Cluster, model_dir: Path) -> None:
    run = held(project)
    (model_dir / "projects").rename(model_dir / "unmounted")
    assert following.follow_all() == []
    concluding.conclude(run.pk)
    run.refresh_from_db()
    assert run.state == "running"


def test_a_job_that_could_not_be_heard_has_time_to_speak_once_the_storage_is_back(
    project: Project, cluster: Cluster, model_dir: Path
) -> None:
    long_ago = (timezone.now() - timedelta(hours=1)).isoformat()
    run = held(project, job_seen=SeenJob(id="7", heard_at=long_ago).as_row())
    (model_dir / "projects").rename(model_dir / "unmounted")
    following.follow_all()
    (model_dir / "unmounted").rename(model_dir / "projects")
    run.refresh_from_db()
    assert SeenJob.of(run).silent_for() < 60
