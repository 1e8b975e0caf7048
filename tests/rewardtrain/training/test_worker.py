"""Whole runs through the real training process."""

import html
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from artifacts import store
from jobs import shutdown
from labeling.models import Project
from rewardtrain.models import Evaluation, Promotion, RewardModel, RunPoint, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.registry.model_files import model_folder
from rewardtrain.training import policy, runs, worker
from tests.core.tiny.backbones import BACKBONES
from tests.factories import make_user
from tests.rewardtrain.conftest import backbones_listed, rank_prompts

Training = dict[str, object]


@pytest.fixture(autouse=True)
def _not_stopping() -> Iterator[None]:
    shutdown.requested.clear()
    yield
    shutdown.requested.clear()


def request(project: Project, training: Training, **more: object) -> TrainingRun:
    return runs.request_run(project, training={**training, **more})


@contextmanager
def in_the_background(do: Callable[[], None]) -> Iterator[None]:
    """Does it in another thread, on a database connection of its own, and waits for its end."""

    def target() -> None:
        try:
            do()
        finally:
            connection.close()

    thread = threading.Thread(target=target)
    thread.start()
    try:
        yield
    finally:
        thread.join(180)
    assert not thread.is_alive()


def meanwhile(run: TrainingRun, do: Callable[[], None]) -> None:
    """Works on the run as a worker would, while this thread does something."""
    with in_the_background(lambda: worker.work(run.pk)):
        do()
    run.refresh_from_db()


def until(condition: Callable[[], Any], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def training_process(run: TrainingRun) -> int:
    """The pid of the run's `rewardtrain.core`."""
    folder = str(store.work_path(run.folder))
    for name in Path("/proc").iterdir():
        if name.name.isdecimal():
            try:
                command = (name / "cmdline").read_bytes().decode()
            except OSError:
                continue
            if "rewardtrain.core" in command and folder in command:
                return int(name.name)
    return 0


def step(run: TrainingRun) -> int:
    point = RunPoint.objects.filter(run=run, loss__isnull=False).order_by("-step").first()
    return point.step if point else 0


def test_a_run_becomes_a_model_with_its_evaluation_and_is_promoted(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    run = request(project, tiny_training, epochs=4)
    worker.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert run.phase == "done"
    assert run.counts["n_prompts"] == {"train": 24, "validation": 4, "test": 8}
    model = champions.champion(project)
    assert model is not None
    assert model.run == run
    assert (Path(model_folder(model)) / "model.safetensors").is_file()
    evaluation = Evaluation.objects.get(reward_model=model)
    assert evaluation.n_pairs == 48
    assert evaluation.accuracy_low <= evaluation.accuracy <= evaluation.accuracy_high
    assert evaluation.report["champion"] is None
    assert model.gate["passed"], model.gate
    assert Promotion.objects.get().action == "gate"
    assert RunPoint.objects.filter(run=run, loss__isnull=False).count() == 24
    assert list(RunPoint.objects.filter(run=run, validation_log_loss__isnull=False).values_list("step", flat=True)) == [
        5,
        10,
        15,
        20,
        24,
    ]


def test_the_curve_has_the_validation_after_each_epoch_of_small_data(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    run = request(project, tiny_training, epochs=3, eval_every=50)
    worker.work(run.pk)
    validated = RunPoint.objects.filter(run=run, validation_log_loss__isnull=False)
    assert list(validated.values_list("step", flat=True)) == [6, 12, 18]


def test_a_second_delivery_of_the_message_does_nothing(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    run = request(project, tiny_training)
    worker.work(run.pk)
    before = TrainingRun.objects.values().get(pk=run.pk)
    worker.work(run.pk)
    assert TrainingRun.objects.values().get(pk=run.pk) == before
    assert RewardModel.objects.count() == 1


def test_the_second_model_is_compared_with_the_champion(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    worker.work(request(project, tiny_training, epochs=4).pk)
    rank_prompts(project, train=8)
    worker.work(request(project, tiny_training, epochs=4).pk)
    first, second = RewardModel.objects.order_by("version")
    report = second.evaluations.get().report
    assert report["champion"]["log_loss"] == pytest.approx(report["log_loss"]["value"], abs=2)
    assert "champion's" in second.gate["reasons"][0]
    assert [first.champion, second.champion].count(True) == 1


def test_a_killed_training_process_goes_on_from_its_checkpoint(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    run = request(project, tiny_training, epochs=200)

    def kill() -> None:
        until(lambda: step(run) >= 20)
        os.kill(training_process(run), signal.SIGKILL)

    meanwhile(run, kill)
    assert (run.state, run.attempts) == ("queued", 1)
    assert "SIGKILL" in run.error
    worker.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempts, run.error) == ("succeeded", 2, "")
    metrics = store.work_path(run.folder) / "out" / "metrics.jsonl"
    events = [json.loads(line) for line in metrics.read_text().splitlines()]
    starts = [place for place, event in enumerate(events) if event["event"] == "start"]
    assert len(starts) == 2
    resumed = events[starts[1] + 1]
    assert resumed["event"] == "checkpoint"
    assert resumed["step"] >= 15
    assert [event["step"] for event in events if event["event"] == "step"] == list(range(1, 1201))
    assert RewardModel.objects.filter(run=run).count() == 1
    assert RunPoint.objects.filter(run=run).count() <= 310


def test_after_three_killed_attempts_the_run_has_failed(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    run = request(project, tiny_training, epochs=1000)
    for _ in range(3):
        meanwhile(run, lambda: (until(lambda: training_process(run)), os.kill(training_process(run), signal.SIGKILL)))  # type: ignore[arg-type,return-value]
    assert run.state == "failed"
    assert run.error.startswith("Gave up after 3 attempts. The process was killed by SIGKILL")
    runs.request_run(project, training=tiny_training)


def test_cancelling_ends_a_running_run_within_seconds(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    run = request(project, tiny_training, epochs=1000)
    seconds = []

    def cancel() -> None:
        until(lambda: step(run) >= 5)
        began = time.monotonic()
        runs.cancel(run)
        until(lambda: TrainingRun.objects.get(pk=run.pk).state == "cancelled")
        seconds.append(time.monotonic() - began)

    meanwhile(run, cancel)
    assert run.state == "cancelled"
    assert seconds[0] < 10
    assert not training_process(run)
    assert not RewardModel.objects.exists()


def test_a_shutdown_puts_the_run_back_without_counting_an_attempt(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    run = request(project, tiny_training, epochs=60)

    def shut_down() -> None:
        until(lambda: step(run) >= 20)
        shutdown.requested.set()

    meanwhile(run, shut_down)
    assert (run.state, run.attempts, run.worker) == ("queued", 0, "")
    shutdown.requested.clear()
    worker.work(run.pk)
    run.refresh_from_db()
    assert run.state == "succeeded"


def test_a_worker_that_lost_its_claim_kills_its_child_and_writes_nothing(
    project: Project, tiny_training: Training
) -> None:
    rank_prompts(project)
    run = request(project, tiny_training, epochs=1000)

    def take_over() -> None:
        until(lambda: step(run) >= 5)
        TrainingRun.objects.filter(pk=run.pk).update(worker="another")

    meanwhile(run, take_over)
    assert (run.state, run.worker) == ("running", "another")
    assert not training_process(run)


@pytest.mark.parametrize("depth", policy.DEPTHS)
def test_a_backbone_that_does_not_fit_its_tokenizer_fails_the_run_in_one_sentence_that_its_page_shows(
    depth: policy.Depth, project: Project, tiny_training: Training, tmp_path: Path, client: Client
) -> None:
    rank_prompts(project)
    backbone = BACKBONES["roberta"].save(tmp_path / "roberta", vocab_size=120)
    for path in BACKBONES["bert"].save(tmp_path / "bert").glob("tokenizer*"):
        shutil.copy(path, backbone)
    with backbones_listed(backbone):
        run = runs.request_run(project, depth=depth, training={**tiny_training, "backbone": str(backbone)})
        worker.work(run.pk)
    run.refresh_from_db()
    seen = f"backbone {str(backbone)!r} embeds 1 segments, but its tokenizer gives [0, 1]"
    assert run.error == f"{seen}; give the tokenizer that belongs to the network"
    assert (run.state, run.attempts, run.points.count()) == ("failed", 1, 0)
    client.force_login(make_user(superuser=True))
    page = client.get(reverse("run", args=[project.slug, run.number])).content.decode()
    assert html.escape(run.error) in page


def test_a_process_that_says_nothing_is_killed(
    project: Project, tiny_training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    rank_prompts(project)
    run = request(project, tiny_training, epochs=1000)
    monkeypatch.setattr(worker, "SILENT_SECONDS", 0.0)
    worker.work(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "hung" in run.error


def test_a_champion_chosen_by_hand_during_the_run_is_compared_with(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    policy.update_policy(project, auto_promote=False)
    worker.work(request(project, tiny_training, epochs=2).pk)
    model = RewardModel.objects.get()
    rank_prompts(project, train=8)
    run = request(project, tiny_training, epochs=60)

    def promote() -> None:
        until(lambda: step(run) >= 5)
        champions.promote(model, by=None, reason="it is needed", past_gate=True)

    meanwhile(run, promote)
    assert run.state == "succeeded"
    report = Evaluation.objects.get(reward_model__run=run).report
    assert report["champion"] is not None


def test_what_goes_wrong_outside_the_process_is_told(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    run = request(project, tiny_training)
    TrainingRun.objects.filter(pk=run.pk).update(folder="/dev/null/nowhere")
    with pytest.raises(Exception, match="nowhere"):
        worker.work(run.pk)
    run.refresh_from_db()
    assert run.state == "queued"
    assert "nowhere" in run.error


def test_the_row_is_beaten_while_the_process_lives(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    run = request(project, tiny_training, epochs=1000)
    ages: list[float] = []

    def look() -> None:
        until(lambda: TrainingRun.objects.get(pk=run.pk).heartbeat_at)
        until(lambda: ages.append(age(run)) or len(ages) > 60)  # type: ignore[func-returns-value]
        runs.cancel(run)

    meanwhile(run, look)
    assert max(ages) < 5  # one second, on a machine that has nothing else to do


def age(run: TrainingRun) -> float:
    beaten = TrainingRun.objects.get(pk=run.pk).heartbeat_at
    assert beaten is not None
    return (timezone.now() - beaten).total_seconds()
