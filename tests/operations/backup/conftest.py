"""A site with people, rankings, a version, a champion and a run at work; and empty ones to restore it into."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from config.servers import embedded
from labeling.data.versions.datasets import freeze
from labeling.models import Assignment, Project
from labeling.queue import claims
from rewardtrain.models import RewardModel
from rewardtrain.registry import champions
from tests.factories import join, make_project, make_prompt, rank_next
from tests.rewardtrain.conftest import make_model, make_run, models_in
from tests.upgrade.conftest import move_to, url

EMPTY = "podium_restored"
WHOLE = ("weights.pt", "info.json")
OpenEmpty = Callable[..., AbstractContextManager[Path]]


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path / "models"


@pytest.fixture
def site(transactional_db: None, models: Path) -> Project:
    project = make_project(slug="helpful", overlap=2)
    labeler = join(project, username="ann")
    for number in range(12):
        make_prompt(project, external_id=f"p{number}", split=("train", "test")[number % 2])
    make_prompt(project, external_id="odd", texts=["tab\there \\N", "two\nlines, ümlaut 💡\r"], split="train")
    rank_next(project, labeler, 8)
    claimed = claims.claim(project, labeler)
    assert claimed
    Assignment.objects.filter(pk=claimed.pk).update(draft={"comment": "half a thought"})
    version = freeze(project)
    champion = make_model(project, version=version, depth="head")
    _write_files(models, champion)
    champions.promote(champion, by=None, reason="the first one")
    challenger = make_model(project, version=version, depth="head")
    _write_files(models, challenger, shares=models / champion.folder)
    run = make_run(project, state="running", version=version, phase="training", attempts=1, worker="there:1")
    write_run(models / run.folder)
    return project


def _write_files(models: Path, model: RewardModel, *, shares: Path | None = None) -> None:
    write_model(models / model.folder, shares=shares)
    sha256 = hashlib.sha256((models / model.folder / "manifest.json").read_bytes()).hexdigest()
    RewardModel.objects.filter(pk=model.pk).update(manifest_sha256=sha256)


def write_model(folder: Path, *, shares: Path | None = None) -> None:
    """Files as a finished model has them, with the backbone linked to another's."""
    folder.mkdir(parents=True)
    if shares:
        os.link(shares / "backbone.safetensors", folder / "backbone.safetensors")
    else:
        (folder / "backbone.safetensors").write_bytes(os.urandom(3_000_000))
    (folder / "head.safetensors").write_bytes(os.urandom(1000))
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in folder.iterdir()
    }
    (folder / "manifest.json").write_text(json.dumps({"format": 3, "files": files}))
    (folder.parent / "report.json").write_text("{}")
    (folder.parent.parent / "log.txt").write_text("said something\n")


def write_run(folder: Path) -> None:
    """Files of one that goes on: its best step is the oldest that it has, and the newest checkpoint is half written."""
    for step, files in {5: WHOLE, 10: WHOLE, 15: WHOLE, 20: WHOLE[:1]}.items():
        (folder / f"out/checkpoints/step-{step}").mkdir(parents=True)
        for name in files:
            (folder / f"out/checkpoints/step-{step}" / name).write_text(f"{step} {name}")
        if files == WHOLE:
            info = {"step": step, "values": {"stopping": {"best_step": 5}}}
            (folder / f"out/checkpoints/step-{step}/info.json").write_text(json.dumps(info))
    (folder / "out/metrics.jsonl").write_text('{"step": 10}\n')
    (folder / "settings.json").write_text("{}")
    (folder / "out/model").mkdir()
    (folder / "out/model/half.safetensors").write_text("not finished")


def tree(folder: Path) -> dict[str, str]:
    """Each file with its checksum."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def champion_folder(models: Path) -> Path:
    return models / RewardModel.objects.get(champion=True).folder


@pytest.fixture
def empty(tmp_path: Path, servers: embedded.Lease) -> OpenEmpty:
    """Opens an empty database and an empty folder; everything works on them in the block."""

    @contextmanager
    def opened(*, role: str = "", migrated: bool = False) -> Iterator[Path]:
        before = settings.DATABASES["default"]["NAME"]
        with psycopg.connect(url("postgres"), autocommit=True) as maintenance:
            maintenance.execute(f'DROP DATABASE IF EXISTS "{EMPTY}" WITH (FORCE)')
            owner = f' OWNER "{role}"' if role else ""
            maintenance.execute(f'CREATE DATABASE "{EMPTY}"{owner}')
            data = tmp_path / "restored"
            data.mkdir(exist_ok=True)
            try:
                move_to(EMPTY)
                with models_in(data / "models"), override_settings(DATA_DIR=data):
                    if migrated:
                        call_command("migrate", interactive=False, verbosity=0)
                    yield data
            finally:
                move_to(before)
                maintenance.execute(f'DROP DATABASE "{EMPTY}" WITH (FORCE)')

    return opened
