"""Whole runs on Kubernetes, where it differs from Slurm: test_slurm_runs.py has what is the same, for both."""

from pathlib import Path

import pytest
from django.test import override_settings

from labeling.models import Project
from rewardtrain.registry.model_files import model_folder
from rewardtrain.training import runs, worker
from rewardtrain.training.executors import offered
from rewardtrain.training.remote import following
from tests.kubernetes.cluster import Kubernetes
from tests.rewardtrain.training.remote.ended import losses, require_whole
from tests.rewardtrain.training.remote.test_slurm_runs import Training, handed_over, look, until, until_over

pytestmark = pytest.mark.parametrize("cluster", ["kubernetes"], indirect=True)


@pytest.fixture(autouse=True)
def _looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "GONE_SECONDS", 0.0)


def test_what_was_held_back_evicted_and_lost_with_its_node_learns_the_same_as_what_was_not(
    project: Project, tiny_training: Training, cluster: Kubernetes
) -> None:
    """The first two begin again as the same Job, the last as another. The other run's server is away meanwhile."""
    undisturbed = handed_over(project, tiny_training, epochs=100)
    until(undisturbed, lambda: losses(undisturbed))
    cluster.down()
    until(undisturbed, lambda: undisturbed.state == "succeeded")  # the job itself says that it has ended
    cluster.down(False)
    run = runs.request_run(project, training={**tiny_training, "epochs": 100})
    worker.work(run.pk)
    until(run, lambda: losses(run))
    cluster.end("requeue")
    until(run, lambda: run.job_seen["starts"] == 2 and run.phase == "training")
    cluster.ask("POST", "evict")
    until(run, lambda: run.job_seen["starts"] == 3 and run.phase == "training")
    assert (run.state, run.attempts, run.preemptions) == ("running", 1, 2)
    cluster.lose_node()
    until(run, lambda: run.state == "queued")
    assert run.error == "The node of its job was lost (DeletionByTaintManager: Taint manager)."
    until_over(run)
    model, other = require_whole(run), require_whole(undisturbed)
    assert (run.attempts, run.preemptions) == (2, 2)
    assert losses(run) == losses(undisturbed)
    weights = [model_folder(each) / "model.safetensors" for each in (model, other)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert [job["starts"] for job in cluster.jobs()] == [1, 3, 1]
    lost = cluster.state()["jobs"][cluster.jobs()[1]["name"]]
    assert "deletionTimestamp" in lost["metadata"]  # its pod is there until its node is back, and begins no other


def test_what_keeps_a_job_from_beginning_stands_on_the_page_of_the_run(
    project: Project, tiny_training: Training, cluster: Kubernetes
) -> None:
    cluster.down()
    run = look(handed_over(project, tiny_training, epochs=60))
    assert (run.state, run.job_seen["id"]) == ("running", "")
    assert "the server is currently unable to handle the request" in run.job_seen["reason"]
    cluster.down(False)
    cluster.ask("POST", "broken/image")
    until(run, lambda: "ImagePullBackOff" in run.job_seen["reason"])
    assert 'Back-off pulling image "registry.example/podium:1"' in run.job_seen["reason"]
    assert run.phase == "waiting"
    runs.cancel(run)
    until(run, lambda: run.state == "cancelled")
    until(run, lambda: cluster.job()["state"] == "CANCELLED")


def test_a_job_that_somebody_else_deletes_is_an_attempt(
    project: Project, tiny_training: Training, cluster: Kubernetes
) -> None:
    cluster.hold()
    run = handed_over(project, tiny_training)
    until(run, lambda: run.job_seen["reason"])
    executor = offered.executor("kubernetes")
    executor.cancel(executor.look([run.job_name])[run.job_name])
    until(run, lambda: run.state == "queued")
    assert run.attempts == 1
    assert "deleted" in run.error


def test_an_image_without_our_code_is_told_in_its_own_words(
    project: Project, tiny_training: Training, cluster: Kubernetes, tmp_path: Path
) -> None:
    template = tmp_path / "pod.yaml"
    command = '["/bin/sh", "-c", "echo no module named rewardtrain >&2; exit 3"]'
    template.write_text(f"spec: {{containers: [{{name: podium, command: {command}}}]}}\n")
    with override_settings(KUBERNETES_TEMPLATE=str(template)):
        run = handed_over(project, tiny_training)
        until_over(run)
    assert run.state == "failed"
    assert "The job ended with exit code 3. Its last words: no module named rewardtrain" in run.error
    assert len(cluster.jobs()) == 3


def test_a_template_that_is_broken_meanwhile_is_told_and_the_run_waits_for_it_to_be_mended(
    project: Project, tiny_training: Training, cluster: Kubernetes, tmp_path: Path
) -> None:
    cluster.hold()
    template = tmp_path / "pod.yaml"
    template.write_text("spec: {nodeSelectr: {gpu: 'yes'}, containers: [{name: podium}]}\n")
    with override_settings(KUBERNETES_TEMPLATE=str(template)):
        run = look(handed_over(project, tiny_training))
    assert "'spec.nodeSelectr' is no field of a pod" in run.job_seen["reason"]
    assert not cluster.jobs()
    until(run, lambda: cluster.jobs())
