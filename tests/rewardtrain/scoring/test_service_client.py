"""The champion's scores and reports, through the real process."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from labeling.errors import Conflict, Invalid
from labeling.models import Project
from rewardtrain.management.commands import train
from rewardtrain.models import TrainingRun
from rewardtrain.registry import champions
from rewardtrain.registry.model_files import model_folder
from rewardtrain.scoring import service_client
from rewardtrain.training import policy, runs, worker
from tests.config.helpers import free_port
from tests.core.tiny.backbones import BAD, GOOD
from tests.factories import make_project
from tests.reports import draw_flag_report
from tests.rewardtrain.conftest import make_model, rank_prompts
from tests.rewardtrain.service import running
from tests.rewardtrain.training.test_worker import in_the_background, until


@pytest.fixture
def trained(project: Project, tiny_training: dict[str, object], look_up: Callable[[], None]) -> Project:
    rank_prompts(project)
    worker.work(runs.request_run(project, training={**tiny_training, "epochs": 6}).pk)
    assert champions.champion(project)
    look_up()
    return project


TEXTS = [f"{BAD} {BAD} {BAD} ba de", f"{GOOD} {GOOD} {GOOD} ba de"]


def test_the_champion_scores_and_its_reports_are_read_from_any_file(trained: Project, tmp_path: Path) -> None:
    scores = service_client.score(trained, "ba de?", TEXTS, pairwise=True)
    assert scores["model"] == 1
    assert scores["best"] == 1
    assert scores["rewards"][1] > scores["rewards"][0]
    assert sum(scores["probabilities"]) == pytest.approx(1)
    assert scores["pairwise"][1][0] == pytest.approx(scores["probabilities"][1], abs=1e-6)
    assert service_client.score(trained, "ba de?", TEXTS, version=1)["rewards"] == pytest.approx(
        scores["rewards"], abs=1e-5
    )
    model = champions.champion(trained)
    assert model is not None
    rows = [{"prompt": "ba de?", "completions": TEXTS}, {"prompt": "ba?", "completions": ["de"]}]
    many = service_client.score_many(model, rows)
    assert [len(answer["rewards"]) for answer in many] == [2, 1]
    assert many[0]["rewards"] == pytest.approx(scores["rewards"], abs=1e-5)
    assert service_client.score_many(model, []) == []
    some = [*rows, {"prompt": [], "completions": ["ba"]}, *rows, {"prompt": "ba?", "completions": []}]
    read = service_client.score_many(model, some)
    assert ["error" in answer for answer in read] == [False, False, True, False, False, True]
    assert [answer["rewards"] for answer in read[3:5]] == [pytest.approx(each["rewards"], abs=1e-5) for each in many]
    assert read[2]["error"].startswith("prompt: must be a text or a list of")
    assert read[5]["error"].startswith("completions: must be a list of at least one text")
    with pytest.raises(Invalid, match="completions"):
        service_client.score(trained, "ba de?", [])
    with pytest.raises(Conflict, match="no model 7"):
        service_client.score(trained, "ba de?", TEXTS, version=7)

    file = tmp_path / "ranked.jsonl"
    row = {
        "id": "1",
        "prompt": "ba de?",
        "completions": [{"id": "a", "text": TEXTS[0]}, {"id": "b", "text": TEXTS[1]}],
        "rankings": [{"labeler": "anna", "ranks": [2, 1]}],
    }
    file.write_text(json.dumps(row))
    for name in ("champion", "1"):
        said = io.StringIO()
        call_command("evaluate", trained.slug, name, str(file), stdout=said)
        assert said.getvalue().startswith("accuracy 1.0000\n")
        assert "log loss" in said.getvalue()
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="the file is in UTF-16; save it as UTF-8"):
        call_command("evaluate", trained.slug, "champion", str(file))
    with pytest.raises(CommandError, match=r"has no model '7'\. Versions: 1"):
        call_command("evaluate", trained.slug, "7", str(file))


def test_callers_see_a_new_champion_and_each_trouble_of_the_service_by_its_name(
    trained: Project, tiny_training: dict[str, object], look_up: Callable[[], None]
) -> None:
    worker.work(runs.request_run(trained, training={**tiny_training, "seed": 2}).pk)
    second = trained.reward_models.get(version=2)
    if not second.champion:
        champions.promote(second, by=None, reason="To see it answer.", past_gate=True)
    look_up()
    assert service_client.score(trained, "ba de?", TEXTS)["model"] == 2

    with pytest.raises(service_client.Unavailable, match="No answer within 0 s"):
        service_client.score(trained, "ba de?", ["ba " * 30 + str(place) for place in range(900)], timeout=0.005)

    port = free_port()
    for _ in range(2):  # started again: who had a connection to the first is answered by the second
        with running(port=port):
            assert service_client.score(trained, "ba de?", TEXTS)["model"] == 2
    with override_settings(REWARDS_URL=f"http://127.0.0.1:{port}"), pytest.raises(service_client.Unavailable) as told:
        service_client.score(trained, "ba de?", TEXTS)
    assert told.value.code == "down"
    assert "manage.py serve_rewards" in told.value.detail

    (model_folder(trained.reward_models.get(version=1)) / "manifest.json").unlink()
    with pytest.raises(service_client.Unavailable, match=r"Model 1 is not in .*; restore it from a backup"):
        service_client.score(trained, "ba de?", TEXTS, version=1)


def test_without_a_champion_nothing_is_scored(project: Project) -> None:
    with pytest.raises(Conflict, match="no champion yet"):
        service_client.score(project, "?", ["a", "b"])


def test_the_train_command_queues_a_run(project: Project) -> None:
    rank_prompts(project)
    said = io.StringIO()
    call_command("train", project.slug, stdout=said)
    assert said.getvalue() == "Run 1 is queued: version 1, 216 pairs.\n"
    assert TrainingRun.objects.get().trigger == "manual"
    with pytest.raises(CommandError, match="Run 1 is queued"):
        call_command("train", project.slug)


def test_the_train_command_says_why_it_cannot(project: Project) -> None:
    with pytest.raises(CommandError, match="0 pairs in the train split"):
        call_command("train", make_project(slug="empty").slug)
    with pytest.raises(CommandError, match="There is no project 'nowhere'"):
        call_command("train", "nowhere")


def test_the_train_command_tells_of_a_test_split_that_has_nothing_to_judge_by(project: Project) -> None:
    rank_prompts(project)
    model = make_model(project, draw_flag_report(n=30) | {"flags": None})
    assert train._figures(model.evaluations.get()) == "no test pair and no test label"


def test_the_train_command_waits_for_the_end_and_tells_the_figures(
    project: Project, tiny_training: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    rank_prompts(project)
    policy.update_policy(project, training=tiny_training)

    def as_a_worker_would() -> None:
        until(TrainingRun.objects.exists)
        worker.work(TrainingRun.objects.get().pk)

    said = io.StringIO()
    with in_the_background(as_a_worker_would):
        call_command("train", project.slug, "--wait", stdout=said)
    assert "test pairs" in said.getvalue()
    assert "longer wins" in said.getvalue()
    assert "ln 2 0.6931" in said.getvalue()
