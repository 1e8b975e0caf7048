"""Heads, through the real process that stays."""

import fcntl
import json
import os
import signal
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from artifacts import store
from jobs import shutdown
from jobs.pacing import next_size
from labeling.models import Project
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.registry.model_files import model_folder
from rewardtrain.training import policy, prefill, runs, warm_process, worker
from tests.factories import make_prompt
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import backbones_listed, rank_prompts
from tests.rewardtrain.training.test_worker import Training, meanwhile, until

HEAD = policy.Depth.HEAD


@pytest.fixture(autouse=True)
def process(needs_torch: None) -> Iterator[warm_process.WarmProcess]:
    shutdown.requested.clear()
    yield worker.warm_process
    worker.warm_process.end()
    shutdown.requested.clear()


def request(project: Project, training: Training, **more: object) -> TrainingRun:
    return runs.request_run(project, depth=HEAD, training={**training, **more})


def files_with(text: str, folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    }


def everything_shown(project: Project, number: int) -> str:
    """The pages and the API's answers about the run of this number, its model and those before."""
    client = Client()
    assert project.created_by
    client.force_login(project.created_by)
    pages = [("runs", []), ("run", [number]), ("models", []), ("model", [number]), ("model_report", [number])]
    pages += [("project_machine", []), ("project", [])]
    addresses = [reverse(name, args=[project.slug, *args]) for name, args in pages]
    api = f"/api/v1/projects/{project.slug}"
    addresses += [f"{api}/runs/", f"{api}/runs/{number}/", f"{api}/models/", f"{api}/models/{number}/report/"]
    answers = [client.get(address) for address in addresses]
    assert {answer.status_code for answer in answers} == {200}
    return "".join(answer.content.decode() for answer in answers)


def pid(process: warm_process.WarmProcess) -> int:
    process.start()
    assert process._process
    return process._process.pid


def unread(process: warm_process.WarmProcess) -> int:
    """Bytes of a request that the process hasn't read yet."""
    assert process._process
    assert process._process.stdin
    waiting = fcntl.ioctl(process._process.stdin, termios.FIONREAD, bytes(4))
    return int.from_bytes(waiting, sys.byteorder)


def test_heads_come_one_after_the_other_from_one_process(
    project: Project, tiny_training: Training, process: warm_process.WarmProcess
) -> None:
    rank_prompts(project)
    first = request(project, tiny_training)
    worker.work(first.pk)
    first.refresh_from_db()
    assert (first.state, first.error, first.phase) == ("succeeded", "", "done")
    assert (Path(model_folder(first.reward_model)) / "manifest.json").is_file()
    before = pid(process)
    rank_prompts(project, train=8)
    second = request(project, tiny_training)
    worker.work(second.pk)
    second.refresh_from_db()
    assert (second.state, second.error) == ("succeeded", "")
    assert pid(process) == before


def test_what_the_process_says_of_a_failure_is_the_runs_error(
    project: Project, tiny_training: Training, process: warm_process.WarmProcess, tmp_path: Path
) -> None:
    rank_prompts(project)
    run = request(project, tiny_training)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "none such"}))
    with backbones_listed(tmp_path):
        TrainingRun.objects.filter(pk=run.pk).update(training={**run.training, "backbone": str(tmp_path)})
        worker.work(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert repr(str(tmp_path)) in run.error
    again = request(project, tiny_training)
    worker.work(again.pk)
    again.refresh_from_db()
    assert again.state == "succeeded"


def test_a_killed_process_is_started_again(
    project: Project, tiny_training: Training, process: warm_process.WarmProcess
) -> None:
    rank_prompts(project)
    run = request(project, tiny_training)
    killed = pid(process)
    os.kill(killed, signal.SIGSTOP)  # so that it can't be done before it is killed

    def kill() -> None:
        until(lambda: unread(process) > 0)  # before that it would be started again at once
        os.kill(killed, signal.SIGKILL)

    meanwhile(run, kill)
    assert (run.state, run.attempts) == ("queued", 1)
    assert "SIGKILL" in run.error
    worker.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert pid(process) != killed


@pytest.mark.parametrize("ended", ["cancelled", "queued"])
def test_cancelling_and_shutting_down_end_the_process_and_no_answer_is_left_over(
    project: Project, tiny_training: Training, process: warm_process.WarmProcess, ended: str
) -> None:
    rank_prompts(project)
    run = request(project, tiny_training)
    os.kill(pid(process), signal.SIGSTOP)

    def end() -> None:
        until(lambda: TrainingRun.objects.get(pk=run.pk).state == "running")
        runs.cancel(run) if ended == "cancelled" else shutdown.requested.set()

    meanwhile(run, end)
    assert (run.state, run.worker) == (ended, "")
    assert not RewardModel.objects.exists()


def test_a_fine_tuning_is_measured_beside_the_newest_head(project: Project, tiny_training: Training) -> None:
    rank_prompts(project)
    policy.update_policy(project, auto_promote=False)
    worker.work(request(project, tiny_training).pk)
    full = runs.request_run(project, training=tiny_training)
    worker.work(full.pk)
    head, fine_tuned = RewardModel.objects.order_by("version")
    rival = fine_tuned.evaluations.get().report["head_rival"]
    assert rival["version"] == head.version
    assert rival["log_loss"] == pytest.approx(head.evaluations.get().report["log_loss"]["value"], abs=1e-4)
    assert "of the newest head, version 1" in fine_tuned.gate["reasons"][2]
    assert champions.champion(project) is None


def test_the_cache_is_filled_ahead_some_prompts_at_a_time(
    project: Project, tiny_training: Training, process: warm_process.WarmProcess, model_dir: Path
) -> None:
    policy.update_policy(project, training=tiny_training)
    for _ in range(prefill.FIRST_SIZE + 1):
        make_prompt(project)
    sizes, encoded = [], []
    while batch := prefill.next_batch():
        prefill.encode(batch, process)
        sizes.append(sum(file.stat().st_size for file in model_dir.glob("cache/*/features.bin")))
        encoded.append(len(batch.prompts))
    assert encoded[0] == prefill.FIRST_SIZE
    assert sum(encoded) == prefill.FIRST_SIZE + 1
    assert sizes[-1] * prefill.FIRST_SIZE == sizes[0] * (prefill.FIRST_SIZE + 1)
    make_prompt(project)
    assert prompts_ahead() == 1
    policy.update_policy(project, training={**tiny_training, "max_length": 16})
    assert prompts_ahead() == prefill.FIRST_SIZE


def prompts_ahead() -> int:
    batch = prefill.next_batch()
    return len(batch.prompts) if batch else 0


@pytest.mark.parametrize(
    ("size", "seconds", "then"), [(4, 0.5, 4), (4, 1.0, 2), (1, 9.0, 1), (4, 0.01, 8), (512, 0.1, 512)]
)
def test_a_batch_is_about_half_a_seconds_work(size: int, seconds: float, then: int) -> None:
    assert (
        next_size(size, seconds, aim=prefill.AIM_SECONDS, growth=prefill.GROWTH, largest=prefill.LARGEST_SIZE) == then
    )


def test_nothing_is_encoded_ahead_while_a_run_wants_the_machine_or_where_no_heads_are_wanted(project: Project) -> None:
    rank_prompts(project)
    assert prefill.next_batch()
    run = runs.request_run(project)
    assert not prefill.next_batch()
    runs.cancel(run)
    policy.update_policy(project, head_enabled=False)
    assert not prefill.next_batch()


def test_a_backbone_that_cannot_be_had_is_not_tried_for_ever(
    project: Project, process: warm_process.WarmProcess, model_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "none such"}))
    with backbones_listed(tmp_path):
        policy.update_policy(project, training={"backbone": str(tmp_path)})
        make_prompt(project)
        batch = prefill.next_batch()
        assert batch
        prefill.encode(batch, process)
        assert str(tmp_path) in (model_dir / "cache" / "ahead" / "log.txt").read_text()
        assert not prefill.next_batch()


def test_a_project_trains_on_from_its_own_models_in_both_depths(
    project: Project, tiny_training: Training, process: warm_process.WarmProcess, model_dir: Path
) -> None:
    """And what is kept and shown of them calls them by their names, not by the server's folder."""
    rank_prompts(project)
    for number, (depth, backbone) in enumerate(
        [(HEAD, None), (policy.Depth.FULL, "model 1"), (HEAD, "model 2"), (HEAD, "model 3")], start=1
    ):
        chosen = {**tiny_training, **({"backbone": backbone} if backbone else {})}
        run = runs.request_run(project, depth=depth, training=chosen)
        worker.work(run.pk)
        run.refresh_from_db()
        assert (run.state, run.error, run.reward_model.version) == ("succeeded", "", number)
        assert run.training["backbone"] == chosen["backbone"]
        folder = store.work_path(run.folder)
        assert files_with(str(model_dir), folder) <= {"settings.json"}  # where the process reads it from
        if backbone:
            assert f"`{backbone}`" in (folder / "out/model/README.md").read_text()
            kept = [json.loads((folder / "out/model" / name).read_text()) for name in ("podium.json", "manifest.json")]
            assert [kept[0]["backbone"], kept[1]["config"]["backbone"], run.counts["config"]["backbone"]] == [
                backbone
            ] * 3
    shown = everything_shown(project, number)
    assert str(model_dir) not in shown
    assert "model 3" in shown
    for depth in policy.DEPTHS:  # of its own backbone the process says what is wrong without saying where it lies
        run = runs.request_run(project, depth=depth, training={**tiny_training, "backbone": "model 4"})
        (Path(model_folder(RewardModel.objects.get(version=4))) / "config.json").write_text('{"model_type": "no"}')
        worker.work(run.pk)
        run.refresh_from_db()
        assert run.state == "failed"
        assert "backbone 'model 4' can't be loaded" in run.error
        assert str(model_dir) not in run.error
        assert files_with(str(model_dir), store.work_path(run.folder)) <= {"settings.json"}


def test_a_folder_among_the_counts_of_an_earlier_version_is_not_told(project: Project, model_dir: Path) -> None:
    rank_prompts(project)
    run = runs.request_run(project)
    counts = {"config": {**run.training, "backbone": f"{model_dir}/projects/1/runs/1/out/model"}}
    TrainingRun.objects.filter(pk=run.pk).update(counts=counts, training={**run.training, "backbone": "model 1"})
    told = as_user(project.created_by).get(f"/api/v1/projects/{project.slug}/runs/1/").json()
    assert told["counts"]["config"] == {**run.training, "backbone": "model 1"}


def test_features_of_an_own_model_are_encoded_ahead(
    project: Project, tiny_training: Training, process: warm_process.WarmProcess
) -> None:
    rank_prompts(project)
    worker.work(request(project, tiny_training).pk)
    policy.update_policy(project, training={**tiny_training, "backbone": "model 1"})
    batch = prefill.next_batch()
    assert batch
    assert batch.settings["backbone"] == "model 1"
    prefill.encode(batch, process)
    assert not (warm_process.cache() / "ahead" / "log.txt").exists()
    following = prefill.next_batch()
    assert following
    assert following.prompts[0].pk > batch.prompts[-1].pk
