"""Whole runs on a cluster whose jobs are processes of this machine."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from labeling.models import Project
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.registry.model_files import model_folder
from rewardtrain.training import policy, runs, worker
from rewardtrain.training.executors import offered
from rewardtrain.training.remote import concluding, following, limits
from rewardtrain.training.remote.handing_over import job_of
from rewardtrain.training.run_files import files_of
from tests.kubernetes.cluster import Kubernetes
from tests.rewardtrain.conftest import rank_prompts
from tests.rewardtrain.training.remote.ended import losses, require_whole
from tests.slurm.cluster import Cluster

Training = dict[str, object]


BOTH = pytest.mark.parametrize("cluster", ["slurm", "kubernetes"], indirect=True)


@pytest.fixture(autouse=True)
def _looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "GONE_SECONDS", 0.0)


def handed_over(project: Project, training: Training, **more: object) -> TrainingRun:
    rank_prompts(project)
    run = runs.request_run(project, training={**training, **more})
    worker.work(run.pk)
    run.refresh_from_db()
    return run


def look(run: TrainingRun) -> TrainingRun:
    for pk in following.follow_all():
        concluding.conclude(pk)
    run.refresh_from_db()
    return run


def until(run: TrainingRun, condition: Callable[[], Any], *, seconds: float = 120) -> None:
    """Looks again and again, as the sweep has it done."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (run.state, run.error, run.phase, run.job_seen)
        time.sleep(0.1)
        look(run)


def until_its_job_has_ended(run: TrainingRun) -> None:
    """Follows it so far and concludes nothing."""
    deadline = time.monotonic() + 120
    while run.pk not in following.follow_all():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def until_over(run: TrainingRun) -> None:
    until(run, lambda: run.state not in ("queued", "running") or (run.state == "queued" and worker.work(run.pk)))


@BOTH
def test_a_run_waits_in_the_queue_trains_and_becomes_the_champion(
    project: Project, tiny_training: Training, cluster: Cluster | Kubernetes
) -> None:
    cluster.hold()
    run = handed_over(project, tiny_training, epochs=4)
    assert (run.state, run.executor, run.phase) == ("running", settings.EXECUTORS[0], "waiting")
    until(run, lambda: run.job_seen["reason"])
    assert run.phase == "waiting"
    assert run.job_seen["reason"].startswith(cluster.waits_for)
    cluster.hold(False)
    until_over(run)
    model = require_whole(run)
    assert champions.champion(project) == model
    assert run.counts["n_prompts"] == {"train": 24, "validation": 4, "test": 8}
    assert len(losses(run)) == 24
    assert len(cluster.jobs()) == 1
    assert not (files_of(run).out / "checkpoints").exists()
    assert cluster.hours_of_the_job() == 24


def test_what_was_preempted_and_begun_again_learns_the_same_as_what_was_not(
    project: Project, tiny_training: Training, cluster: Cluster
) -> None:
    """Once requeued by Slurm under its number, once cancelled by it and submitted anew."""
    undisturbed = handed_over(project, tiny_training, epochs=40)
    until_over(undisturbed)
    run = runs.request_run(project, training={**tiny_training, "epochs": 40})
    worker.work(run.pk)
    until(run, lambda: len(losses(run)) > 10)
    cluster.end("requeue")
    until(run, lambda: run.job_seen["starts"] == 2 and run.phase == "training" and run.done > 20)
    cluster.end("PREEMPTED")
    until(run, lambda: run.state == "queued")
    assert (run.attempts, run.preemptions, run.job_name) == (0, 2, "")
    assert "made way" in run.error
    until_over(run)
    model, other = require_whole(run), require_whole(undisturbed)
    assert losses(run) == losses(undisturbed)
    assert (model_folder(model) / "model.safetensors").read_bytes() == (
        model_folder(other) / "model.safetensors"
    ).read_bytes()
    assert [job["starts"] for job in cluster.jobs()] == [1, 2, 1]


def test_a_job_that_is_told_to_stop_before_its_time_is_over_goes_on_in_another(
    project: Project, tiny_training: Training, cluster: Cluster
) -> None:
    run = handed_over(project, tiny_training, epochs=100)
    until(run, lambda: len(losses(run)) > 10)
    cluster.tell_to_stop()
    until(run, lambda: run.state == "queued")
    assert (run.attempts, run.preemptions) == (0, 1)
    assert "was told to stop" in run.error
    until_over(run)
    require_whole(run)
    assert len(cluster.jobs()) == 2


def test_a_lost_node_is_an_attempt_and_the_next_goes_on_from_the_checkpoint(
    project: Project, tiny_training: Training, cluster: Cluster
) -> None:
    run = handed_over(project, tiny_training, epochs=100)
    checkpoints = files_of(run).out / "checkpoints"
    until(run, lambda: any(checkpoints.glob("step-*")))
    cluster.lose_node()
    until(run, lambda: run.state == "queued")
    assert (run.attempts, run.error) == (1, "The node of its job was lost.")
    until_over(run)
    require_whole(run)
    assert run.attempts == 2
    events = [json.loads(line) for line in files_of(run).metrics.read_text().splitlines()]
    assert any(event["event"] == "checkpoint" for event in events)
    assert [event["step"] for event in events if event["event"] == "step"] == list(range(1, 601))


@BOTH
def test_cancelling_ends_a_job_that_works_and_one_that_waits(
    project: Project, tiny_training: Training, cluster: Cluster | Kubernetes
) -> None:
    run = handed_over(project, tiny_training, epochs=1000)
    until(run, lambda: losses(run))
    runs.cancel(run)
    began = time.monotonic()
    until(run, lambda: run.state == "cancelled")
    assert time.monotonic() - began < 15
    until(run, lambda: cluster.job()["state"] == "CANCELLED")
    cluster.hold()
    waiting = runs.request_run(project, training=tiny_training)
    worker.work(waiting.pk)
    until(look(waiting), lambda: waiting.job_seen["reason"])
    runs.cancel(waiting)
    until(waiting, lambda: waiting.state == "cancelled")
    assert not RewardModel.objects.exists()


def test_while_the_storage_is_away_the_training_goes_on_and_nothing_is_lost(
    project: Project, tiny_training: Training, cluster: Cluster, model_dir: Path
) -> None:
    run = handed_over(project, tiny_training, epochs=100)
    until(run, lambda: len(losses(run)) > 3)
    away = model_dir.with_name("unmounted")
    os.rename(model_dir / "projects", away)
    began = time.monotonic()
    until(run, lambda: time.monotonic() - began > 5)
    assert (run.state, cluster.job()["state"]) == ("running", "RUNNING")
    assert not (model_dir / "projects").exists()
    os.rename(away, model_dir / "projects")
    until_over(run)
    require_whole(run)
    assert len(cluster.jobs()) == run.attempts == 1
    steps = [json.loads(line) for line in files_of(run).metrics.read_text().splitlines()]
    assert [event["step"] for event in steps if event["event"] == "step"] == list(range(1, 601))


def test_while_slurm_is_down_the_run_says_so_and_then_goes_on(
    project: Project, tiny_training: Training, cluster: Cluster
) -> None:
    cluster.down()
    run = handed_over(project, tiny_training, epochs=60)
    look(run)
    assert (run.state, run.job_seen["id"]) == ("running", "")
    assert "Unable to contact slurm controller" in run.job_seen["reason"]
    cluster.down(False)
    until(run, lambda: losses(run))
    cluster.down()
    look(run)
    assert "Unable to contact" in run.job_seen["reason"]
    until(run, lambda: run.state == "succeeded")  # the job itself says that it has ended
    require_whole(run)


def test_what_was_submitted_by_a_process_that_died_then_is_not_submitted_again(
    project: Project, tiny_training: Training, cluster: Cluster
) -> None:
    run = handed_over(project, tiny_training)
    offered.executor("slurm").submit(job_of(run))
    until_over(run)
    require_whole(run)
    assert len(cluster.jobs()) == 1


def test_a_champion_of_meanwhile_is_compared_with_by_one_more_job(
    project: Project, tiny_training: Training, cluster: Cluster
) -> None:
    policy.update_policy(project, auto_promote=False)
    until_over(handed_over(project, tiny_training, epochs=2))
    first = RewardModel.objects.get()
    run = runs.request_run(project, training={**tiny_training, "epochs": 40})
    worker.work(run.pk)
    until(run, lambda: losses(run))
    champions.promote(first, by=None, reason="it is needed", past_gate=True)
    until_over(run)
    model = require_whole(run)
    assert model.evaluations.get().report["champion"] is not None
    assert len(cluster.jobs()) == 3


def test_two_that_conclude_at_once_make_one_model(project: Project, tiny_training: Training, cluster: Cluster) -> None:
    run = handed_over(project, tiny_training)
    until_its_job_has_ended(run)
    stale = TrainingRun.objects.select_related("project", "dataset_version").get(pk=run.pk)
    concluding.conclude(run.pk)
    with pytest.raises(concluding.ClaimLost):
        concluding._conclude(stale, files_of(stale))
    run.refresh_from_db()
    require_whole(run)


def test_a_damaged_model_is_never_registered_and_is_made_again(
    project: Project, tiny_training: Training, cluster: Cluster
) -> None:
    run = handed_over(project, tiny_training)
    until_its_job_has_ended(run)
    with (files_of(run).model / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    concluding.conclude(run.pk)
    run.refresh_from_db()
    assert run.state == "queued"
    assert "model.safetensors was changed" in run.error
    until_over(run)
    require_whole(run)


def test_a_version_that_was_changed_is_not_trained_on(
    project: Project, tiny_training: Training, cluster: Cluster, model_dir: Path
) -> None:
    run = handed_over(project, tiny_training)
    with (model_dir / run.dataset_version.file).open("ab") as file:
        file.write(b"?")
    until_over(run)
    assert run.state == "failed"
    assert "was changed: its sha256 is" in run.error
    assert str(model_dir) not in run.error


def test_a_node_without_our_code_is_told_in_its_own_words(
    project: Project, tiny_training: Training, cluster: Cluster, tmp_path: Path
) -> None:
    template = tmp_path / "template.sh"
    template.write_text("#!/bin/sh\n/nowhere/python {{ arguments }}\n")
    with override_settings(SLURM_TEMPLATE=str(template)):
        run = handed_over(project, tiny_training)
        until_over(run)
    assert run.state == "failed"
    assert "/nowhere/python" in run.error
    assert len(cluster.jobs()) == 3


def test_a_job_that_says_nothing_is_ended(
    project: Project, tiny_training: Training, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    template = tmp_path / "template.sh"
    template.write_text("#!/bin/sh\necho {{ arguments }}; exec sleep 600\n")
    with override_settings(SLURM_TEMPLATE=str(template)):
        run = handed_over(project, tiny_training)
        until(run, lambda: cluster.jobs() and cluster.job()["state"] == "RUNNING")
        monkeypatch.setattr(limits, "SILENT_SECONDS", 0.0)
        until_over(run)
    assert run.state == "failed"
    assert "hung" in run.error
    until(run, lambda: cluster.job()["state"] == "CANCELLED")


def test_a_start_of_the_job_that_comes_late_changes_nothing(
    project: Project, tiny_training: Training, cluster: Cluster
) -> None:
    """As a node does that was thought lost, or a scheduler that begins a job once more."""
    run = handed_over(project, tiny_training)
    arguments = job_of(run).arguments
    until_over(run)
    model = require_whole(run)
    folder = files_of(run).folder
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = subprocess.run(
        [sys.executable, "-m", "rewardtrain.core", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (75, "error: the run is over, or another job has it\n")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert require_whole(run) == model
