"""Runs of which a bucket keeps versions and models: from the file of prompts to the score."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from artifacts import store
from artifacts.bucket import Bucket
from jobs import shutdown
from labeling.data.versions import datasets
from labeling.models import DatasetVersion, Project
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.registry.model_files import model_folder
from rewardtrain.scoring import service_client
from rewardtrain.training import policy, runs, worker
from rewardtrain.training.run_files import files_of
from tests.artifacts.s3 import artifacts_in_bucket, keys
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import rank_prompts

Training = dict[str, object]


@pytest.fixture(autouse=True)
def _process(needs_torch: None) -> Iterator[None]:
    shutdown.requested.clear()
    yield
    worker.warm_process.end()


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "this machine"


@pytest.fixture
def bucket(here: Path) -> Iterator[Bucket]:
    with artifacts_in_bucket(here) as bucket:
        yield bucket


def train(project: Project, training: Training) -> TrainingRun:
    run = runs.request_run(project, depth=policy.Depth.HEAD, training=training)
    worker.work(run.pk)
    run.refresh_from_db()
    return run


@pytest.fixture
def away(here: Path, bucket: Bucket) -> Iterator[str]:
    """The address of the bucket's server once it has gone."""
    with socket.socket() as taken:  # listens to nobody
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_from_rankings_to_a_score_on_another_machine(
    project: Project, tiny_training: Training, bucket: Bucket, here: Path
) -> None:
    from rewardtrain.core.artifact.shards import BACKBONE
    from tests.rewardtrain.service import running

    rank_prompts(project)
    first = train(project, tiny_training)
    assert (first.state, first.error) == ("succeeded", "")
    rank_prompts(project, train=8)
    second = train(project, tiny_training)
    assert (second.state, second.error) == ("succeeded", "")
    one, two = (RewardModel.objects.get(version=version) for version in (1, 2))
    assert (model_folder(one) / BACKBONE).samefile(model_folder(two) / BACKBONE), "one file for all heads"
    assert not files_of(second).model.exists(), "what is published is no work in progress"
    stored = keys(bucket)
    sizes = [each["Size"] for each in bucket.client.list_objects_v2(Bucket=bucket.bucket_name)["Contents"]]
    assert sizes.count((model_folder(one) / BACKBONE).stat().st_size) == 1, "sent once"
    assert {key for key in stored if key.endswith("manifest.json")} == {f"{m.folder}/manifest.json" for m in (one, two)}
    champion = champions.champion(project)
    assert champion
    shutil.rmtree(here)  # another machine
    with running():
        answer = service_client.score(project, "Which?", ["good good", "bad bad"])
    assert answer["model"] == champion.version
    assert len(answer["rewards"]) == 2
    version = DatasetVersion.objects.get(number=1)
    assert len(list(datasets.read_groups(version))) == version.n_prompts
    client = as_user(project.created_by)
    exported = client.get(f"/api/v1/projects/{project.slug}/export/?version=1")
    assert exported.status_code == 200
    page = Client()
    page.force_login(project.created_by)
    assert page.get(reverse("model", args=[project.slug, 2])).status_code == 200


def test_a_run_waits_for_a_storage_that_is_away_and_is_not_trained_again(
    project: Project, tiny_training: Training, bucket: Bucket, here: Path, away: str
) -> None:
    rank_prompts(project)
    run = runs.request_run(project, depth=policy.Depth.HEAD, training=tiny_training)
    with artifacts_in_bucket(here, endpoint=away, name=bucket.bucket_name):
        worker.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("queued", 0), "no failed attempt of its own"
    assert "can't be reached" in run.error
    assert not RewardModel.objects.exists()
    trained = files_of(run).metrics.read_bytes()
    worker.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert files_of(run).metrics.read_bytes() == trained


def test_a_freeze_fails_whole_and_other_pages_go_on_while_it_is_away(
    project: Project, bucket: Bucket, here: Path, away: str
) -> None:
    rank_prompts(project)
    client = Client()
    assert project.created_by
    client.force_login(project.created_by)
    api = as_user(project.created_by)
    with artifacts_in_bucket(here, endpoint=away, name=bucket.bucket_name):
        answer = api.post(f"/api/v1/projects/{project.slug}/datasets/")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "no_storage")
        assert "Nothing was frozen" in answer.json()["errors"][0]["detail"]
        frozen = client.post(reverse("export_freeze", args=[project.slug]), follow=True)
        assert "Nothing was frozen" in frozen.content.decode()
        for name in ("project", "runs", "models", "export"):
            assert client.get(reverse(name, args=[project.slug])).status_code == 200
        assert client.get("/readyz").status_code == 200, "people go on ranking"
    assert not DatasetVersion.objects.exists()
    assert keys(bucket) == []
    assert not [path for path in here.rglob("*") if path.is_file() and "copies" not in path.parts]
    assert datasets.freeze(project).number == 1


def test_a_version_that_was_changed_behind_our_back_is_named(
    project: Project, tiny_training: Training, bucket: Bucket, here: Path
) -> None:
    rank_prompts(project)
    version = datasets.freeze(project)
    bucket.client.put_object(Bucket=bucket.bucket_name, Key=f"podium/{version.file}", Body=b"other")
    shutil.rmtree(store.place(version.file).parent)
    assert project.created_by
    answer = as_user(project.created_by).get(f"/api/v1/projects/{project.slug}/export/?version=1")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "no_artifact")
    run = runs.request_run(project, depth=policy.Depth.HEAD, training=tiny_training)
    with pytest.raises(OSError, match="was changed: its sha256 is"):
        worker.work(run.pk)
    run.refresh_from_db()
    assert "was changed: its sha256 is" in run.error
