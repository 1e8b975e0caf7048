"""What a project may train on, and with which numbers: at every door, and again when the run starts."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from django.test import Client
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from artifacts import store
from jobs import lifecycle
from labeling.errors import Invalid
from labeling.models import Project
from rewardtrain import tasks
from rewardtrain.core.config import TrainConfig
from rewardtrain.models import RetrainPolicy, RewardModel, TrainingRun
from rewardtrain.registry.model_files import model_folder
from rewardtrain.training import backbones, due, policy, prefill, ranges, run_settings, runs, worker
from tests.factories import make_project
from tests.labeling.api.client import as_user, errors_of
from tests.rewardtrain.conftest import backbones_listed, make_model, make_version, rank_prompts

HEAD, FULL = policy.Depth.HEAD, policy.Depth.FULL


@pytest.fixture
def ranked(project: Project) -> Project:
    rank_prompts(project)
    return project


def finished(project: Project) -> RewardModel:
    """A registered model whose folder is there."""
    model = make_model(project, version=make_version(project, training_pairs=100))
    model_folder(model).mkdir(parents=True)
    (model_folder(model) / "config.json").write_text("{}")
    return model


def refusal(project: Project, name: str) -> str:
    """What a page and the API say, which is the same."""
    said = []
    for ask in (
        lambda: policy.update_policy(project, training={"backbone": name}),
        lambda: runs.request_run(project, training={"backbone": name}),
        lambda: runs.request_run(project, depth=HEAD, training={"backbone": name}),
    ):
        with pytest.raises(Invalid) as refused:
            ask()
        assert (refused.value.code, refused.value.attr) == ("no_backbone", "training")
        said.append(refused.value.detail)
    assert len(set(said)) == 1
    assert not TrainingRun.objects.filter(project=project, state="queued").exists()
    return said[0]


def test_no_path_is_a_backbone_and_nobody_learns_which_exist(
    ranked: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = model_folder(finished(make_project(slug="other")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    listed = tmp_path / "listed"
    for folder in (listed, tmp_path / "owner" / "name"):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    (tmp_path / "link").symlink_to(theirs)
    there = [
        theirs,
        os.path.relpath(theirs, tmp_path),
        tmp_path / "link",
        "link",
        "./link",
        "~/link",
        "~",
        "owner/name",
    ]
    there += [f"{listed}/", f"{listed}/.", f"{listed}/../listed", f"{listed}/../link", f"/{listed}", "listed"]
    there.append("owner/name")
    missing = ["/no/such/folder", "none", "./none", "~/none", "~nobody/x", "../x", "no/such", "a/b/c", "file:///x"]
    odd = [
        " minilm",
        "MINILM",
        "model 0",
        "model 01",
        "model -1",
        "Model 1",
        "model 1 ",
        "model ١",
        "model 1/..",
        "a\0b",
    ]
    with backbones_listed(listed):
        for name in map(str, [*there, *missing, *odd]):
            words = refusal(ranked, name)
            assert words.replace(repr(name), "X") == (
                f"backbone is X; choose one of minilm, {listed}, or 'model 3' for version 3 of this project."
                " An administrator adds Hugging Face ids and folders to PODIUM_BACKBONES."
            )


def test_what_an_administrator_listed_is_taken_as_it_is_written(ranked: Project, tmp_path: Path) -> None:
    with backbones_listed("owner/name", tmp_path):
        assert "no config.json here" in refusal(ranked, str(tmp_path))
        (tmp_path / "config.json").write_text("{}")
        for name in ("owner/name", str(tmp_path), "minilm"):
            run = runs.request_run(ranked, training={"backbone": name})
            assert run_settings.of_run(run)["backbone"] == name
            runs.cancel(run)


def test_a_projects_own_model_is_named_by_its_version(
    ranked: Project, django_assert_num_queries: Any, tmp_path: Path
) -> None:
    other = make_project(slug="other")
    finished(other)
    theirs = finished(other)
    mine = finished(ranked)
    assert (mine.version, theirs.version) == (1, 2)
    assert "the project has no model of version 2" in refusal(ranked, "model 2")
    assert "no model of version 999999999" in refusal(ranked, "model 999999999")
    with django_assert_num_queries(1):
        assert backbones.source(ranked, "model 1") == str(model_folder(mine))
    with django_assert_num_queries(0):
        run_settings.check_training({"backbone": "model 1"}, FULL)
    policy.update_policy(ranked, training={"backbone": "model 1"}, first_minimum=10, cooldown_minutes=0)
    assert [wanted.depth for wanted in due.due(ranked)] == [HEAD, FULL]
    run = runs.request_run(ranked)
    assert run.training["backbone"] == "model 1"
    given = run_settings.of_run(run)
    assert (given["backbone"], given["backbone_name"]) == (str(model_folder(mine)), "model 1")
    (model_folder(mine) / "config.json").unlink()
    worker.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (
        "failed",
        "backbone is 'model 1', but the files of version 1 are gone; choose another",
    )


def test_a_policy_of_before_the_list_starts_nothing_and_says_why(ranked: Project, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for old in ({"backbone": str(tmp_path)}, {"backbone": "owner/name"}, {"epochs": 10**9}):
        RetrainPolicy.objects.update_or_create(project=ranked, defaults={"training": old, "first_minimum": 10})
        assert due.due(ranked) == []
        assert not prefill.is_behind()
        for coming in policy.next_retrainings(ranked):
            assert str(next(iter(old.values()))) in coming.lacking


def test_a_policy_that_names_a_missing_model_says_so_on_its_page_and_once_in_the_log(
    ranked: Project, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """The policy's form and the API refuse such a name; a row written by hand, or of a model since gone, has it."""

    def sweeps() -> list[str]:
        caplog.clear()
        for _ in range(3):
            tasks.start_due_runs()
        assert not TrainingRun.objects.exists()
        return [message for message in caplog.messages if "no retraining" in message]

    assert ranked.created_by
    client.force_login(ranked.created_by)
    for name, version in (("model 7", 7), ("model 8", 8), ("model 7", 7)):
        values = {"training": {"backbone": name}, "first_minimum": 10**6}
        RetrainPolicy.objects.update_or_create(project=ranked, defaults=values)
        (said,) = sweeps()
        assert f"no model of version {version}" in said
        assert sweeps() == []
        page = client.get(reverse("runs", args=[ranked.slug])).content.decode()
        assert f"the project has no model of version {version}" in page


@pytest.mark.parametrize("depth", policy.DEPTHS)
@pytest.mark.parametrize("old", [{"backbone": "{folder}"}, {"bootstrap_samples": 10**12}])
def test_a_run_of_before_the_list_fails_at_its_start(
    ranked: Project, depth: policy.Depth, old: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}")
    old = {name: str(tmp_path) if value == "{folder}" else value for name, value in old.items()}
    run = runs.request_run(ranked, depth=depth)
    TrainingRun.objects.filter(pk=run.pk).update(training={**run.training, **old})
    worker.work(run.pk)
    run.refresh_from_db()
    [(name, value)] = old.items()
    assert (run.state, run.attempts) == ("failed", 1)
    assert run.error.startswith((f"{name} is {value};", f"{name} is {value!r};"))
    assert not (store.work_path(run.folder) / "settings.json").exists()


def test_more_processes_than_the_worker_has_cores_fail_at_the_start(
    ranked: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    run = runs.request_run(ranked, training={"processes": 3})
    worker.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (
        "failed",
        "processes is 3, but the machine that trains has 2 cores; lower it",
    )


def test_nobody_gives_a_backbone_another_name(ranked: Project) -> None:
    for training_ in ({"backbone_name": "gpt"}, {"backbone_name": None}):
        with pytest.raises(Invalid, match="unknown setting 'backbone_name'"):
            runs.request_run(ranked, training=training_)
        with pytest.raises(Invalid, match="unknown setting 'backbone_name'"):
            policy.update_policy(ranked, training=training_)
    assert not TrainingRun.objects.filter(project=ranked, state="queued").exists()


def test_an_error_says_nothing_of_where_the_models_lie(ranked: Project, model_dir: Path) -> None:
    run = runs.request_run(ranked)
    claimed = lifecycle.claim(TrainingRun, run.pk)
    assert claimed
    lifecycle.try_again(claimed, f"OSError: [Errno 28] No space left on device: '{model_dir}/projects/1/runs/1/out'")
    run.refresh_from_db()
    assert run.error == "OSError: [Errno 28] No space left on device: 'projects/1/runs/1/out'"
    claimed = lifecycle.claim(TrainingRun, run.pk)
    assert claimed
    lifecycle.end(claimed, "failed", error=f"'{model_dir}/a' and {model_dir}/b")
    run.refresh_from_db()
    assert run.error == "'a' and b"


# --- Numbers ----------------------------------------------------------------------------------------------------------


def numbers() -> set[str]:
    hints = get_type_hints(TrainConfig)
    kinds = {field.name: get_args(hints[field.name]) or (hints[field.name],) for field in fields(TrainConfig)}
    return {name for name, of in kinds.items() if int in of or float in of}


def test_every_number_among_the_settings_has_a_range_in_which_its_default_lies() -> None:
    assert set(ranges.RANGES) == numbers()
    ranges.check(TrainConfig())


def test_a_number_beyond_its_range_is_refused_with_value_and_range(project: Project) -> None:
    client = as_user(project.created_by)
    for name, allowed in ranges.RANGES.items():
        for value in (allowed.high if allowed.below else allowed.high * 2 + 1, 10**12, -(10**12)):
            response = client.post("/api/v1/projects/helpful/runs/", {"training": {name: value}}, format="json")
            assert (response.status_code, errors_of(response)) == (400, [("bad_setting", "training")]), (name, value)
            assert response.json()["errors"][0]["detail"].startswith(f"{name} is {value}")
            with pytest.raises(Invalid, match=name):
                policy.update_policy(project, training={name: value})
    with pytest.raises(Invalid, match="epochs is 1000000000; it must be from 1 to 1000"):
        policy.update_policy(project, training={"epochs": 10**9})
    with pytest.raises(Invalid, match=r"learning_rate is 2\.0; it must be above 0 and at most 1"):
        policy.update_policy(project, training={"learning_rate": 2})
    assert not TrainingRun.objects.exists()


def test_the_last_number_of_a_range_is_taken() -> None:
    for name, allowed in ranges.RANGES.items():
        if not allowed.below:
            config = run_settings.check_training({name: int(allowed.high)}, FULL)
            assert getattr(config, name) == allowed.high


def test_the_schema_tells_the_ranges() -> None:
    schemas = SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]
    told = schemas["RunBodyRequest"]["properties"]["training"]["properties"]
    assert {"minimum": 1, "maximum": 1000}.items() <= told["epochs"].items()
    assert {"minimum": 0, "exclusiveMinimum": True, "maximum": 1}.items() <= told["learning_rate"].items()
    assert {name for name, each in told.items() if "maximum" in each} == numbers()
