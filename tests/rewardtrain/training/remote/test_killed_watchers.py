"""Whoever looks is killed again and again, at moments that nothing chose: the run ends once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from labeling.models import Project
from rewardtrain.models import RewardModel
from rewardtrain.training import runs
from tests.config.helpers import REPOSITORY, environ
from tests.kubernetes import cluster as kubernetes
from tests.kubernetes.cluster import Kubernetes
from tests.rewardtrain.conftest import rank_prompts
from tests.slurm import cluster as slurm
from tests.slurm.cluster import Cluster
from tests.upgrade.conftest import url

WATCH = """
import django, time
django.setup()
from jobs import lifecycle
from rewardtrain.models import TrainingRun
from rewardtrain.training import worker
from rewardtrain.training.remote import concluding, following
following.GONE_SECONDS = 0
lifecycle.MAX_ATTEMPTS = 1000  # each kill before the row has the job's name is one
print("watching", flush=True)
while True:
    lifecycle.requeue_stale(TrainingRun)  # who was killed before the row had the job's name
    worker.work({pk})
    for pk in following.follow_all():
        concluding.conclude(pk)
    time.sleep(0.02)
"""


@pytest.mark.parametrize("cluster", ["slurm", "kubernetes"], indirect=True)
def test_a_run_ends_once_whenever_those_who_look_are_killed(
    project: Project, tiny_training: dict[str, object], cluster: Cluster | Kubernetes, tmp_path: Path
) -> None:
    rank_prompts(project)
    run = runs.request_run(project, training={**tiny_training, "epochs": 60})
    variables = {
        "DATABASE_URL": url(connection.settings_dict["NAME"]),
        "PODIUM_DATA_DIR": str(tmp_path / "data"),
        "PODIUM_MODEL_DIR": str(tmp_path / "models"),
        "PODIUM_RUN_STALE_SECONDS": "2",
        "PODIUM_BACKBONES": str(tiny_training["backbone"]),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **(kubernetes.variables(cluster) if isinstance(cluster, Kubernetes) else slurm.variables()),
    }
    draw = random.Random(5)
    deadline, watchers = time.monotonic() + 300, 0
    while run.state in ("queued", "running"):
        assert time.monotonic() < deadline, (run.state, run.error, run.job_seen)
        script = WATCH.format(pk=run.pk)
        with subprocess.Popen(
            [sys.executable, "-c", script], cwd=REPOSITORY, env=environ(**variables), stdout=subprocess.PIPE
        ) as watcher:
            assert watcher.stdout
            assert watcher.stdout.readline() == b"watching\n"
            time.sleep(draw.random() * (0.1 if watchers < 5 else 1.5))
            os.kill(watcher.pid, signal.SIGKILL)
        watchers += 1
        run.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert RewardModel.objects.filter(run=run).count() == 1
    assert len(cluster.jobs()) == 1
    assert watchers > 5
