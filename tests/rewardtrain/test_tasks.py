"""The doorbell and the sweep, with a real broker and a real Celery worker."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import redis
from celery import Celery, current_app
from django.conf import settings
from django.db import connection, transaction
from django.test import override_settings

import config.celery  # noqa: F401  makes it the app of this process, as in a worker
from config.environment import addresses
from config.processes import command_lines
from config.processes.supervisor import Spec
from config.servers import embedded
from jobs import lifecycle, notify, sweep
from labeling.answers import rankings
from labeling.models import Project
from rewardtrain import tasks
from rewardtrain.automatic import auto_labels
from rewardtrain.models import AutoLabelJob, RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.training import policy, runs
from tests.factories import join, make_project, make_prompt
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import make_model, rank_prompts
from tests.rewardtrain.training.test_worker import step, training_process, until
from tests.slurm.cluster import cluster_in

pytestmark = pytest.mark.usefixtures("broker")


@pytest.fixture
def broker(servers: embedded.Lease) -> Iterator[redis.Redis]:
    """Empty at the test's begin and end, so that no test gets another's message."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def start_worker(model_dir: Path, spec: Spec | None = None) -> "subprocess.Popen[bytes]":
    """The train worker, or another, as `manage.py up` starts it, on the tests' database."""
    database = embedded.database_url(settings.DATA_DIR).replace("/podium?", f"/{connection.settings_dict['NAME']}?")
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database,
        "PODIUM_DATA_DIR": str(settings.DATA_DIR),
        "PODIUM_MODEL_DIR": str(model_dir),
        "PODIUM_BACKBONES": ",".join(settings.BACKBONES),
    }
    return subprocess.Popen(
        (spec or command_lines.train()).command, env=environ, cwd=settings.BASE_DIR, start_new_session=True
    )


@pytest.fixture
def worker(model_dir: Path, project: Project) -> Iterator["subprocess.Popen[bytes]"]:
    process = start_worker(model_dir)
    yield process
    process.kill()
    process.wait(10)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_each_queued_run_gets_one_message_however_often_the_sweep_comes(project: Project, broker: redis.Redis) -> None:
    rank_prompts(project)
    runs.request_run(project)
    for _ in range(5):
        sweep.send_messages()
    assert tasks.waiting_messages(queue="train") == 1
    broker.flushdb()  # as if the broker had lost everything
    sweep.send_messages()
    assert tasks.waiting_messages(queue="train") == 1


def test_jobs_of_a_finished_model_come_one_of_a_kind_at_a_time(transactional_db: None, broker: redis.Redis) -> None:
    first, second = make_project(), make_project()
    for each in (first, second):
        rank_prompts(each, train=2, test=1, validation=1)
        champions.promote(make_model(each), by=None, reason="the first")
        make_prompt(each)
        auto_labels.request(each)
    sweep.send_messages()
    assert tasks.waiting_messages(queue="default") == 1
    assert lifecycle.claim(AutoLabelJob, AutoLabelJob.objects.earliest("pk").pk)
    broker.flushdb()
    sweep.send_messages()
    assert tasks.waiting_messages(queue="default") == 0, "the second waits for the end of the first"


def test_a_ranking_through_the_api_asks_for_a_look_at_once(project: Project, broker: redis.Redis) -> None:
    make_prompt(project)
    client = as_user(join(project))
    task = client.post(f"/api/v1/projects/{project.slug}/assignments/next/").json()
    body = {"tiers": [[completion["id"]] for completion in task["completions"]]}
    for status in (201, 200):  # what was stored already is no news
        assert client.post(f"/api/v1/assignments/{task['id']}/ranking/", body).status_code == status
    assert tasks.waiting_messages(queue="default") == 1
    message = json.loads(broker.lrange("default", 0, 0)[0])
    assert message["headers"]["task"] == "labeling.ranked"
    assert message["headers"]["argsrepr"] == f"({project.pk},)"


def test_what_is_ranked_in_a_moment_is_one_message_and_what_comes_later_another(
    project: Project, broker: redis.Redis
) -> None:
    other = make_project()
    for ranked in (project, project, project, other):
        rankings.notify_ranked(ranked.pk)
    assert tasks.waiting_messages(queue="default") == 2
    message = json.loads(broker.lrange("default", 0, 0)[0])
    assert message["headers"]["eta"], "it waits for what else is ranked in that moment"
    tasks.ranked(project.pk)  # begins to look: what is ranked from now on it may not see
    rankings.notify_ranked(project.pk)
    assert tasks.waiting_messages(queue="default") == 3


def test_a_message_that_nobody_took_is_sent_anew_after_a_while(project: Project, broker: redis.Redis) -> None:
    rankings.notify_ranked(project.pk)
    [mark] = broker.keys("podium.waiting.*")
    assert 0 < broker.pttl(mark) <= 1000 * notify.LOST_SECONDS
    broker.delete(mark)  # as the time does
    rankings.notify_ranked(project.pk)
    assert tasks.waiting_messages(queue="default") == 2


def test_a_ranking_that_is_rolled_back_is_told_to_nobody(project: Project) -> None:
    with suppress(ZeroDivisionError), transaction.atomic():
        rankings.notify_ranked(project.pk)
        raise ZeroDivisionError
    assert tasks.waiting_messages(queue="default") == 0


def test_the_look_starts_what_is_due_and_sends_for_it(project: Project) -> None:
    rank_prompts(project, train=4, test=2, validation=0)
    tasks.ranked(project.pk)
    assert not TrainingRun.objects.exists()
    rank_prompts(project, train=3, test=0, validation=0)
    tasks.ranked(project.pk)
    assert TrainingRun.objects.get().depth == "head"
    assert (tasks.waiting_messages(queue="head"), tasks.waiting_messages(queue="train")) == (1, 0)
    tasks.ranked(999_999)  # a project that was deleted meanwhile


def test_a_run_by_hand_does_not_wait_for_beat(project: Project) -> None:
    rank_prompts(project)
    manager = join(project, role="manager")
    answer = as_user(manager).post(f"/api/v1/projects/{project.slug}/runs/", {"depth": "head"}, format="json")
    assert answer.status_code == 202, answer.content
    assert tasks.waiting_messages(queue="default") == 1
    tasks.sweep()
    assert tasks.waiting_messages(queue="head") == 1


def test_without_a_broker_a_ranking_is_stored_all_the_same(project: Project) -> None:
    make_prompt(project)
    before = current_app._get_current_object()
    nowhere = Celery("nowhere", broker="redis+socket:///no/such/socket")
    nowhere.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    try:
        began = time.monotonic()
        rankings.notify_ranked(project.pk)
        assert time.monotonic() - began < 1
    finally:
        before.set_current()


@pytest.mark.parametrize("url", ["unix:///no/such/socket?db=0", "redis://127.0.0.1:1/0", "silent"])
def test_of_a_broker_that_is_away_one_ranking_in_a_while_hears(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notify, "_silent_until", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        monkeypatch.setattr(settings, "REDIS", addresses.redis("", address if url == "silent" else url))
        for _ in range(3):
            rankings.notify_ranked(project.pk)
        notify.begin(rankings.RANKED, project.pk)
    assert len([line for line in caplog.messages if "nobody is told" in line]) == 1


def test_the_cache_is_filled_while_no_head_waits(project: Project) -> None:
    rank_prompts(project, train=4, test=2, validation=0)
    tasks.ask_to_encode()
    tasks.ask_to_encode()
    assert tasks.waiting_messages(queue="head") == 1


def test_without_a_queued_run_no_message_is_sent(project: Project) -> None:
    sweep.send_messages()
    assert tasks.waiting_messages(queue="train") == 0


def test_the_sweep_starts_a_due_run_and_a_worker_takes_it_to_the_end(
    project: Project, tiny_training: dict[str, object], worker: "subprocess.Popen[bytes]"
) -> None:
    rank_prompts(project)
    policy.update_policy(project, training=tiny_training, first_minimum=200, head_enabled=False)
    tasks.sweep()
    until(lambda: TrainingRun.objects.get().state == "succeeded")
    tasks.sweep()
    assert TrainingRun.objects.get().trigger == "policy"
    assert RewardModel.objects.count() == 1


def test_sweeps_follow_a_run_of_a_cluster_and_its_worker_is_free_meanwhile(
    project: Project,
    tiny_training: dict[str, object],
    model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rank_prompts(project)
    monkeypatch.setenv("PODIUM_EXECUTORS", "slurm,local")
    monkeypatch.setenv("PODIUM_TRAIN_PRIORITY", "low")
    with cluster_in(tmp_path / "slurm", monkeypatch) as cluster, override_settings(EXECUTORS=["slurm", "local"]):
        run = runs.request_run(project, training={**tiny_training, "epochs": 20})
        here = runs.request_run(other_project(), training=tiny_training, executor="local")
        cluster.hold()
        workers = [start_worker(model_dir, spec) for spec in (command_lines.train(), command_lines.worker())]
        try:
            sweep_until(lambda: TrainingRun.objects.get(pk=here.pk).state == "succeeded")
            assert TrainingRun.objects.get(pk=run.pk).phase == "waiting"
            cluster.hold(False)
            sweep_until(lambda: TrainingRun.objects.get(pk=run.pk).state != "running")
        finally:
            for process in workers:
                process.kill()
                process.wait(10)
    run.refresh_from_db()
    assert (run.state, run.error, len(cluster.jobs())) == ("succeeded", "", 1)
    assert RewardModel.objects.filter(run=run).count() == 1


def sweep_until(condition: Callable[[], bool]) -> None:
    """Sweeps as beat has it done, if faster."""
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline, list(TrainingRun.objects.values("state", "error", "phase", "job_seen"))
        tasks.sweep()
        time.sleep(1)


def other_project() -> Project:
    project = make_project()
    rank_prompts(project)
    return project


def test_the_worker_of_heads_has_its_process_ready_and_takes_it_along(
    project: Project, tiny_training: dict[str, object], model_dir: Path
) -> None:
    rank_prompts(project)
    worker = start_worker(model_dir, command_lines.head())
    try:
        until(lambda: psutil.Process(worker.pid).children())
        [child] = psutil.Process(worker.pid).children()
        until(lambda: "warm" in child.cmdline())  # at its very beginning it is a copy of the worker
        run = runs.request_run(project, depth=policy.Depth.HEAD, training=tiny_training)
        sweep.send_messages()
        until(lambda: TrainingRun.objects.get(pk=run.pk).state == "succeeded")
        assert psutil.Process(worker.pid).children() == [child]
    finally:
        worker.kill()
        worker.wait(10)
    until(lambda: is_gone(child.pid), seconds=5)


def test_a_worker_that_is_stopped_puts_its_run_back(
    project: Project, tiny_training: dict[str, object], worker: "subprocess.Popen[bytes]"
) -> None:
    rank_prompts(project)
    run = runs.request_run(project, training={**tiny_training, "epochs": 1000})
    sweep.send_messages()
    until(lambda: step(run) >= 5)
    child = training_process(run)
    worker.send_signal(signal.SIGTERM)
    worker.wait(20)
    assert is_gone(child)
    run.refresh_from_db()
    assert (run.state, run.attempts, run.worker) == ("queued", 0, "")


def test_a_killed_worker_takes_its_child_along_and_another_worker_goes_on(
    project: Project,
    tiny_training: dict[str, object],
    worker: "subprocess.Popen[bytes]",
    model_dir: Path,
    broker: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rank_prompts(project)
    run = runs.request_run(project, training={**tiny_training, "epochs": 150})
    sweep.send_messages()
    until(lambda: step(run) >= 20)
    child = training_process(run)
    worker.kill()
    worker.wait(10)
    until(lambda: is_gone(child), seconds=5)
    assert TrainingRun.objects.get(pk=run.pk).state == "running"
    broker.flushdb()
    monkeypatch.setattr(settings, "RUN_STALE_SECONDS", 1)
    until(lambda: lifecycle.requeue_stale(TrainingRun).queued, seconds=5)
    second = start_worker(model_dir)
    try:
        sweep.send_messages()
        until(lambda: TrainingRun.objects.get(pk=run.pk).state == "succeeded")
    finally:
        second.kill()
        second.wait(10)
    assert TrainingRun.objects.get(pk=run.pk).attempts == 2
    assert RewardModel.objects.filter(run=run).count() == 1
