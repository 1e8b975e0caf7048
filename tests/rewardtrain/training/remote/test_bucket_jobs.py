"""Whole runs on a cluster that shares no folder with the web: a bucket keeps the files, and a door hands them out."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from pytest_django.live_server_helper import LiveServer

from artifacts.bucket import Bucket
from labeling.models import Project
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.scoring import service_client
from rewardtrain.training import policy, runs, worker
from rewardtrain.training.executors import offered
from rewardtrain.training.executors.executor import Seen, State
from rewardtrain.training.remote import concluding, following
from rewardtrain.training.remote.handing_over import job_of
from tests.artifacts.away import Line, line_to
from tests.artifacts.s3 import KEY, address, artifacts_in_bucket, keys, requests
from tests.config.helpers import REPOSITORY, environ
from tests.kubernetes.cluster import kubernetes_in
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import rank_prompts
from tests.rewardtrain.training.remote.ended import losses, require_whole
from tests.rewardtrain.training.remote.test_killed_watchers import WATCH
from tests.skypilot import cluster as skypilot
from tests.skypilot.cluster import SkyPilot, skypilot_in
from tests.slurm import cluster as slurm
from tests.slurm.cluster import cluster_in
from tests.upgrade.conftest import url

Training = dict[str, object]


@dataclass
class Site:
    """A web, a bucket, and a cluster that knows neither a folder nor a secret of theirs."""

    tmp_path: Path
    bucket: Bucket
    cluster: Any
    web: Line
    s3: Line
    machines: int = 0

    def elsewhere(self) -> override_settings:
        """Has what follows happen on a machine that has nothing yet."""
        self.machines += 1
        return override_settings(MODEL_DIR=self.tmp_path / f"machine {self.machines}")

    def look(self, run: TrainingRun) -> TrainingRun:
        with self.elsewhere():
            ended = following.follow_all()
        for pk in ended:
            with self.elsewhere():
                concluding.conclude(pk)
        run.refresh_from_db()
        return run

    def until(self, run: TrainingRun, condition: Callable[[], Any], *, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (run.state, run.error, run.phase, run.job_seen, run.job_said)
            time.sleep(0.1)
            self.look(run)

    def until_over(self, run: TrainingRun) -> None:
        def is_over() -> bool:
            if run.state == "queued":
                with self.elsewhere():
                    worker.work(run.pk)
            return run.state not in ("queued", "running")

        self.until(run, is_over)

    def handed_over(self, project: Project, training: Training, **more: object) -> TrainingRun:
        rank_prompts(project)
        run = runs.request_run(project, training={**training, **more})
        with self.elsewhere():
            worker.work(run.pk)
        run.refresh_from_db()
        return run


@pytest.fixture
def site(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    transactional_db: None,
    live_server: LiveServer,
    needs_torch: None,
) -> Iterator[Site]:
    monkeypatch.setattr(following, "GONE_SECONDS", 0.0)
    kind = getattr(request, "param", "slurm")
    others = {"kubernetes": kubernetes_in, "skypilot": skypilot_in}
    with (
        others[kind](tmp_path / kind) if kind in others else cluster_in(tmp_path / "slurm", monkeypatch) as cluster,
        line_to(live_server.url) as web,
        line_to(address()) as s3,
        artifacts_in_bucket(tmp_path / "machine 0", endpoint=s3.url) as bucket,
        override_settings(EXECUTORS=[kind, "local"], SLURM_GPUS=0, KUBERNETES_VOLUME="", JOBS_URL=web.url),
    ):
        yield Site(tmp_path, bucket, cluster, web, s3)


def test_what_shares_no_folder_trains_serves_and_exports(project: Project, tiny_training: Training, site: Site) -> None:
    from tests.rewardtrain.service import running

    policy.update_policy(project, auto_promote=False)
    run = site.handed_over(project, tiny_training, epochs=10)
    site.until_over(run)
    with site.elsewhere():
        model = require_whole(run)
    assert len(losses(run)) == 60
    assert (run.job_said, run.job_files, len(site.cluster.jobs())) == ({}, {}, 1)
    assert [key for key in keys(site.bucket) if key.startswith(f"{run.folder}/job/files")] == []
    second = runs.request_run(project, training={**tiny_training, "backbone": "model 1", "epochs": 300})
    with site.elsewhere():
        worker.work(second.pk)
    site.until(second, lambda: losses(second))  # on the page while it trains
    assert second.state == "running"
    champions.promote(model, by=None, reason="it is needed", past_gate=True)
    site.until_over(second)
    with site.elsewhere():
        assert require_whole(second).evaluations.get().report["champion"] is not None
    assert len(site.cluster.jobs()) == 3  # the last compares with who became champion meanwhile
    with site.elsewhere(), running():
        answer = service_client.score(project, "Which?", ["good good", "bad bad"])
    assert (answer["model"], len(answer["rewards"])) == (model.version, 2)
    with site.elsewhere():
        client = as_user(project.created_by)
        assert client.get(f"/api/v1/projects/{project.slug}/export/?version=1").status_code == 200
        assert client.get(f"/api/v1/projects/{project.slug}/models/1/download/").status_code == 200


def test_no_secret_of_the_site_reaches_a_node_and_none_of_the_job_a_command_line(
    project: Project, tiny_training: Training, site: Site
) -> None:
    site.cluster.hold()
    run = site.handed_over(project, tiny_training, epochs=1000)
    site.look(run)
    [token] = job_of(run).secrets.values()
    assert token not in json.dumps(site.cluster.job()["options"])
    assert f"export PODIUM_JOB_TOKEN={token}" in (site.cluster.spool / "1.sh").read_text().splitlines()
    site.cluster.hold(False)
    site.until(run, lambda: losses(run))
    seen = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
            if b"rewardtrain.core" in words and os.getpgid(int(path.name)) == site.cluster.job()["pid"]:
                seen[words] = (path / "environ").read_bytes()
        except OSError:
            continue
    assert len(seen) == 2
    for words, variables in seen.items():
        assert token.encode() not in words
        assert (token.encode() in variables) == (b"\0job\0" in words), "the training itself has none"
        assert KEY["AWS_SECRET_ACCESS_KEY"].encode() not in variables
    runs.cancel(run)
    site.until(run, lambda: run.state == "cancelled")
    site.until(run, lambda: site.cluster.job()["state"] == "CANCELLED")


@pytest.mark.parametrize("site", ["kubernetes"], indirect=True)
def test_a_pod_needs_no_volume_and_its_token_goes_with_its_job(
    project: Project, tiny_training: Training, site: Site
) -> None:
    site.cluster.hold()
    run = site.handed_over(project, tiny_training, epochs=2)
    [token] = job_of(run).secrets.values()
    site.until(run, lambda: run.job_seen["reason"])
    state = site.cluster.state()
    assert [secret["stringData"] for secret in state["secrets"].values()] == [{"PODIUM_JOB_TOKEN": token}]
    assert token not in json.dumps(state["jobs"])
    site.cluster.hold(False)
    site.until_over(run)
    with site.elsewhere():
        require_whole(run)
    job = offered.executor("kubernetes")
    job.cancel(Seen(f"podium/{site.cluster.job()['name']}", State.ENDED))
    site.until(run, lambda: not site.cluster.state()["jobs"])
    assert not site.cluster.state()["secrets"]


def test_what_was_preempted_and_lost_its_node_goes_on_from_its_checkpoint(
    project: Project, tiny_training: Training, site: Site
) -> None:
    """It would train for a minute, and each of its checkpoints stays for seconds, so that no step has to be met."""
    run = site.handed_over(project, {**tiny_training, "checkpoint_every": 200, "eval_every": 200}, epochs=1000)
    site.until(run, lambda: any("checkpoints" in name for name in run.job_files))
    with requests() as seen:
        site.cluster.end("requeue")
        site.until(run, lambda: run.job_seen["starts"] == 2 and run.phase == "training")
    assert [each for each in seen if each.startswith("GET") and "/job/files/" in each], "it reads what the first left"
    site.cluster.lose_node()
    site.until(run, lambda: run.state == "queued")
    assert (run.attempts, run.preemptions, run.error) == (1, 1, "The node of its job was lost.")
    assert any("checkpoints" in name for name in run.job_files), "the next attempt has them"
    runs.cancel(run)
    concluding.clear_leftovers()
    assert [key for key in keys(site.bucket) if key.startswith(f"{run.folder}/job/files")] == []


def test_while_storage_and_web_are_away_for_half_a_minute_the_training_goes_on_and_nothing_is_lost(
    project: Project, tiny_training: Training, site: Site
) -> None:
    """The bucket first, then the web too; the training may end meanwhile, and its job then waits for both."""
    run = site.handed_over(project, tiny_training, epochs=150)
    site.until(run, lambda: len(losses(run)) > 3)
    site.s3.cut()
    began = time.monotonic()
    site.until(run, lambda: time.monotonic() - began > 5)
    site.web.cut()
    site.until(run, lambda: time.monotonic() - began > 35)
    assert run.state == "running"
    assert site.cluster.job()["state"] == "RUNNING"
    site.s3.mend()
    site.web.mend()
    site.until_over(run)
    with site.elsewhere():
        require_whole(run)
    assert (len(site.cluster.jobs()), run.attempts) == (1, 1)
    assert len(losses(run)) == 180


def test_what_was_damaged_in_the_bucket_is_never_registered_and_is_made_again(
    project: Project, tiny_training: Training, site: Site
) -> None:
    run = site.handed_over(project, tiny_training, epochs=1)
    deadline = time.monotonic() + 120
    while run.pk not in following.follow_all():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    run.refresh_from_db()
    sha256 = run.job_files["out/model/model.safetensors"]["sha256"]
    name = f"podium/{run.folder}/job/files/{sha256}"
    size = site.bucket.client.head_object(Bucket=site.bucket.bucket_name, Key=name)["ContentLength"]
    site.bucket.client.put_object(Bucket=site.bucket.bucket_name, Key=name, Body=b"x" * size)
    site.look(run)
    assert run.state == "queued"
    assert "model.safetensors was changed" in run.error
    site.until_over(run)
    require_whole(run)


@pytest.mark.parametrize("site", ["slurm", "skypilot"], indirect=True)
def test_a_run_ends_once_whenever_those_who_look_are_killed(
    project: Project, tiny_training: Training, site: Site
) -> None:
    """Each of them on a machine of its own, without a folder of another's."""
    rank_prompts(project)
    run = runs.request_run(project, training={**tiny_training, "epochs": 20})
    variables = KEY | {
        "DATABASE_URL": url(connection.settings_dict["NAME"]),
        "PODIUM_STORAGE": f"s3://{site.bucket.bucket_name}/podium?endpoint_url={site.s3.url}&region=us-east-1",
        "PODIUM_JOBS_URL": site.web.url,
        "PODIUM_RUN_STALE_SECONDS": "2",
        "PODIUM_BACKBONES": str(tiny_training["backbone"]),
        "SECRET_KEY": "the-same-for-all-that-sign-and-read-tokens",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **(skypilot.variables(site.cluster) if isinstance(site.cluster, SkyPilot) else slurm.variables()),
    }
    draw = random.Random(7)
    deadline, watchers = time.monotonic() + 300, 0
    with override_settings(SECRET_KEY=variables["SECRET_KEY"]):
        while run.state in ("queued", "running"):
            assert time.monotonic() < deadline, (run.state, run.error, run.job_seen)
            own = {"PODIUM_DATA_DIR": str(site.tmp_path / f"data {watchers}")}
            with subprocess.Popen(
                [sys.executable, "-c", WATCH.format(pk=run.pk)],
                cwd=REPOSITORY,
                env=environ(**variables, **own),
                stdout=subprocess.PIPE,
            ) as watcher:
                assert watcher.stdout
                assert watcher.stdout.readline() == b"watching\n"
                time.sleep(draw.random() * (0.2 if watchers < 4 else 2.5))
                os.kill(watcher.pid, signal.SIGKILL)
            watchers += 1
            run.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert RewardModel.objects.filter(run=run).count() == 1
    assert len(site.cluster.jobs()) == 1
