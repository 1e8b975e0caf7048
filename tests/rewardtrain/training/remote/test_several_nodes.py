"""Whole runs whose processes are more than a node of the cluster has GPUs for: on two nodes, each a process of its own.

Their nodes share no folder but the storage. That such a run learns what one machine learns is in tests/core/full.
"""

import psutil
import pytest
from django.test import override_settings

from labeling.models import Project
from rewardtrain.models import TrainingRun
from rewardtrain.training import runs
from rewardtrain.training.remote.handing_over import job_of
from tests.kubernetes.cluster import Kubernetes
from tests.rewardtrain.training.remote.ended import losses, require_whole
from tests.rewardtrain.training.remote.test_bucket_jobs import Site, site
from tests.rewardtrain.training.remote.test_slurm_runs import Training, handed_over, until, until_over
from tests.slurm.cluster import Cluster

__all__ = ["site"]  # the fixture

NODES = {
    f"{cluster}_{name}": value
    for cluster in ("SLURM", "KUBERNETES", "SKYPILOT")
    for name, value in (("GPUS", 1), ("NODES", 2))
}


@pytest.fixture(autouse=True)
def _two_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewardtrain.training.remote.following.GONE_SECONDS", 0.0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # of the same machine both would have the same GPU


@pytest.fixture
def training(tiny_training: Training) -> Training:
    return {**tiny_training, "processes": 2, "checkpoint_every": 20}


def programs(run: TrainingRun) -> list[psutil.Process]:
    """The program of each of the job's nodes: what `python -m rewardtrain.core job` is there."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[1:4] == ["-m", "rewardtrain.core", "job"] and run.job_name in words:
            found.append(process)
    return found


def require_complete(run: TrainingRun, epochs: int) -> None:
    require_whole(run)
    assert run.resources["nodes"] == 2
    steps = list(run.points.filter(loss__isnull=False).order_by("step").values_list("step", flat=True))
    assert steps == list(range(1, 6 * epochs + 1))
    assert run.counts["processes"] == 2


@pytest.mark.parametrize("cluster", ["slurm", "kubernetes"], indirect=True)
def test_a_run_on_two_nodes_makes_way_and_goes_on(
    project: Project, training: Training, cluster: Cluster | Kubernetes
) -> None:
    with override_settings(**NODES):
        run = handed_over(project, training, epochs=30)
        until(run, lambda: len(losses(run)) > 3)
        assert len(programs(run)) == 2
        cluster.end("requeue")
        until(run, lambda: run.job_seen["starts"] == 2)
        until_over(run)
    require_complete(run, 30)
    assert (run.attempts, run.preemptions) == (1, 1)
    assert [job["starts"] for job in cluster.jobs()] == [2]


@pytest.mark.parametrize("cluster", ["slurm", "kubernetes"], indirect=True)
def test_a_node_that_is_lost_ends_the_job_on_all_and_the_next_goes_on(
    project: Project, training: Training, cluster: Cluster | Kubernetes
) -> None:
    """Not the first, whose words Podium hears: that one says that another was lost."""
    with override_settings(**NODES):
        run = handed_over(project, training, epochs=30)
        until(run, lambda: len(losses(run)) > 25)
        if isinstance(cluster, Kubernetes):
            cluster.lose_node(1)
        else:
            second = next(each for each in programs(run) if each.environ()["SLURM_NODEID"] == "1")
            for each in [second, *second.children(recursive=True)]:
                each.kill()
        until(run, lambda: run.state == "queued")
        assert "lost" in run.error  # as the first node said, or the cluster, whoever was sooner
        until_over(run)
    require_complete(run, 30)
    assert len(cluster.jobs()) == 2


@pytest.mark.parametrize("cluster", ["kubernetes"], indirect=True)
def test_cancelling_ends_all_nodes(project: Project, training: Training, cluster: Kubernetes) -> None:
    with override_settings(**NODES):
        run = handed_over(project, training, epochs=1000)
        until(run, lambda: losses(run))
        both = programs(run)
        assert len(both) == 2
        runs.cancel(run)
        until(run, lambda: run.state == "cancelled")
        until(run, lambda: not any(each.is_running() and each.status() != "zombie" for each in both))


@pytest.mark.parametrize("site", ["skypilot"], indirect=True)
def test_nodes_that_share_nothing_read_by_the_door_and_only_the_first_writes(
    project: Project, training: Training, site: Site
) -> None:
    with override_settings(**{**NODES, "SKYPILOT_ACCELERATORS": ["H100"]}):
        run = site.handed_over(project, training, epochs=30)
        site.until(run, lambda: len(losses(run)) > 3)
        assert site.cluster.job()["task"]["num_nodes"] == 2
        site.cluster.lose_node()
        site.until(run, lambda: run.job_seen["starts"] == 2)
        site.until_over(run)
    with site.elsewhere():
        require_whole(run)
    assert (run.attempts, run.preemptions, len(losses(run))) == (1, 1, 180)
    assert [job["starts"] for job in site.cluster.jobs()] == [2]


def test_a_job_that_only_compares_has_one_node(project: Project, training: Training, cluster: Cluster) -> None:
    with override_settings(**NODES):
        run = handed_over(project, training)
    assert job_of(run).resources.nodes == 2
    assert job_of(run).arguments[-2:] == ["--nodes", "2"]
    run.job_seen["round"] = 1
    assert job_of(run).resources.nodes == 1
    assert "--nodes" not in job_of(run).arguments
    runs.cancel(run)
    until_over(run)
