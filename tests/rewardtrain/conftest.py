"""A project with enough rankings for a run, and rows as runs leave them."""

import json
import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.test import override_settings
from django.utils import timezone

from labeling.data.versions.datasets import freeze
from labeling.models import DatasetVersion, Project, Prompt, Ranking
from rewardtrain.automatic import best_of
from rewardtrain.core.config import TrainConfig
from rewardtrain.models import AutoLabelJob, BestOfJob, PromptScore, RewardModel, RunPoint, TrainingRun
from rewardtrain.registry import champions, thresholds
from tests.core.tiny.backbones import BAD, GOOD, WORDS, save_tiny_bert
from tests.factories import join, make_project, make_prompt, rank_next
from tests.reports import draw_flag_report, draw_report

CHAMPION = {
    "accuracy": 0.68,
    "accuracy_low": 0.6,
    "accuracy_high": 0.76,
    "log_loss": 0.62,
    "log_loss_low": 0.57,
    "log_loss_high": 0.67,
    "difference": {
        "accuracy": {"value": 0.02, "low": -0.03, "high": 0.07},
        "log_loss": {"value": -0.02, "low": -0.05, "high": 0.01},
    },
}
COUNTS = {
    "n_prompts": {"train": 24, "validation": 4, "test": 8},
    "n_comparisons": 216,
    "n_ties": 0,
    "dropped": 0,
    "truncated": 3,
    "n_completions": 144,
    "device_name": "CPU, 2 threads",
}


@pytest.fixture(autouse=True)
def model_dir(tmp_path: Path) -> Iterator[Path]:
    """Versions, runs and models of one test."""
    with models_in(tmp_path / "models"):
        yield tmp_path / "models"


@contextmanager
def models_in(folder: Path) -> Iterator[None]:
    models = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": folder}}
    with override_settings(STORAGES={**settings.STORAGES, "models": models}):
        yield


@pytest.fixture(scope="session")
def tiny_backbone(needs_torch: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("backbone"))


@pytest.fixture
def tiny_training(tiny_backbone: Path) -> Iterator[dict[str, object]]:
    with backbones_listed(tiny_backbone):
        yield tiny_settings(tiny_backbone)


@contextmanager
def backbones_listed(*names: object) -> Iterator[None]:
    """As an administrator's PODIUM_BACKBONES would."""
    with override_settings(BACKBONES=[*settings.BACKBONES, *map(str, names)]):
        yield


def tiny_settings(backbone: Path) -> dict[str, object]:
    return {
        "backbone": str(backbone),
        "max_length": 32,
        "batch_prompts": 4,
        "learning_rate": 3e-3,
        "head_learning_rate": 1e-2,
        "bootstrap_samples": 100,
        "eval_every": 5,
        "checkpoint_every": 5,
        "patience": 0,  # a test that stops a run must not meet one that ended by itself
        "threads": 1,
    }


@pytest.fixture
def project(transactional_db: None) -> Project:
    return make_project(slug="helpful")


@pytest.fixture
def look_up(needs_torch: None, project: Project) -> Iterator[Callable[[], None]]:
    """The scoring service runs; look_up() has it see a new champion."""
    from tests.rewardtrain.service import running

    with running() as looked_up:
        yield looked_up


def rank_prompts(project: Project, *, train: int = 24, test: int = 8, validation: int = 4) -> list[Ranking]:
    """Ranks so many prompts of each split; completions with more good words are better."""
    draw = random.Random(project.pk)
    labeler = project.memberships.filter(role="labeler").first()
    user = labeler.user if labeler else join(project)
    for split, count in {"train": train, "test": test, "validation": validation}.items():
        for _ in range(count):
            noise = [" ".join(draw.choices(WORDS, k=3)) for _ in range(4)]
            texts = [
                f"{GOOD} {GOOD} {GOOD} {noise[0]}",
                f"{GOOD} {GOOD} {BAD} {noise[1]}",
                f"{GOOD} {BAD} {BAD} {noise[2]}",
                f"{BAD} {BAD} {BAD} {noise[3]}",
            ]
            make_prompt(project, split=split, texts=texts, question=f"{' '.join(draw.choices(WORDS, k=4))}?")
    return rank_next(project, user, train + test + validation)


def make_report(
    *,
    accuracy: float = 0.7,
    interval: tuple[float, float] = (0.6, 0.8),
    log_loss: float = 0.6,
    n_pairs: int = 120,
    n_prompts: int = 20,
    champion: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A report in core's structure, drawn at random; then with the figures that a test asks for."""
    report = draw_report(n_prompts=n_prompts, champion_skill=0.5 if champion else None)
    report |= {"n_pairs": n_pairs, "champion": champion}
    report["accuracy"] = {"value": accuracy, "low": interval[0], "high": interval[1]}
    report["log_loss"] = {"value": log_loss, "low": log_loss - 0.05, "high": log_loss + 0.05}
    return report


def make_run(project: Project, *, state: str = "succeeded", **fields: Any) -> TrainingRun:
    """A run as its row would be; nothing is trained."""
    number = project.runs.count() + 1
    return TrainingRun.objects.create(
        project=project,
        number=number,
        dataset_version=fields.pop("version", None) or freeze(project),
        trigger="manual",
        state=state,
        training={**TrainConfig().to_dict(), **fields.pop("training", {})},
        folder=f"projects/{project.pk}/runs/{number}",
        started_at=timezone.now(),
        heartbeat_at=timezone.now(),
        finished_at=None if state in ("queued", "running") else timezone.now(),
        **fields,
    )


def make_version(project: Project, *, training_pairs: int) -> DatasetVersion:
    """A frozen version's row that says it has so many pairs to train on; there is no file."""
    last = project.dataset_versions.aggregate(last=Max("number"))["last"] or 0
    return DatasetVersion.objects.create(
        project=project,
        number=last + 1,
        file="none",
        sha256="0" * 64,
        bytes=0,
        counts={"train": {"prompts": 1, "rankings": 1, "pairs": training_pairs, "ties": 0}},
        n_prompts=1,
        n_rankings=1,
        n_pairs=training_pairs,
        last_ranking_id=0,
    )


def make_model(
    project: Project,
    report: dict[str, Any] | None = None,
    *,
    rival: RewardModel | None = None,
    depth: str = "full",
    version: DatasetVersion | None = None,
) -> RewardModel:
    """A registered model as if a run had made it, compared with `rival`, or else with the champion."""
    rival = rival or champions.champion(project)
    run = make_run(project, depth=depth, version=version)
    with transaction.atomic():
        return champions.register(
            run,
            folder=f"{run.folder}/out/model",
            manifest_sha256="0" * 64,
            report=report or make_report(),
            baseline_pk=rival.pk if rival else None,
        )


def make_auto_labels(model: RewardModel, *, skill: float = 1.2) -> AutoLabelJob:
    """A job that has ended, with scores of all ranked prompts that fit rankings in the imported order more or less."""
    draw = random.Random(1)
    ranked = model.project.prompts.filter(ranked__gt=0)
    for prompt in ranked:
        score_prompt(model, prompt, [draw.gauss(-skill * place, 1.0) for place in range(prompt.completions.count())])
    return AutoLabelJob.objects.create(
        project=model.project,
        reward_model=model,
        number=1 + model.project.auto_label_jobs.count(),
        threshold=0.9,
        state="succeeded",
        done=len(ranked) + 300,
        total=len(ranked) + 300,
        decided=41,
        partly=160,
        left=99,
        kept=512,
        below=1288,
        compared=len(ranked),
        requested_by=model.project.created_by,
        started_at=timezone.now(),
        finished_at=timezone.now(),
    )


def make_best_of(project: Project, *, n_prompts: int = 40, n: int = 16) -> BestOfJob:
    """A job that has ended: rewards of standard deviation 1, and more uncertainty where they are high."""
    draw = random.Random(2)
    rows = [
        {
            "id": f"q{number}",
            "prompt": f"Question {number}?",
            "completions": [{"id": f"c{place}", "text": f"Answer {place}"} for place in range(n)],
        }
        for number in range(n_prompts)
    ]
    job = best_of.request(project, (json.dumps(row).encode() for row in rows), by=project.created_by)
    answers = []
    for _ in rows:
        rewards = [draw.gauss(0, 1) for _ in range(n)]
        spread = [0.3 + 0.1 * reward + draw.random() * 0.3 for reward in rewards]
        answers.append(
            {"rewards": rewards, "probabilities": [1 / n] * n, "truncated": [False] * n, "uncertainty": spread}
        )
    best_of.store(list(job.rows.all()), answers)
    now = timezone.now()
    changes = {"state": "succeeded", "done": n_prompts, "report": best_of.report(job)}
    BestOfJob.objects.filter(pk=job.pk).update(**changes, started_at=now, finished_at=now)
    job.refresh_from_db()
    return job


def score_prompt(model: RewardModel, prompt: Prompt, rewards: list[float]) -> PromptScore:
    """What the model said of the prompt's completions, at temperature 1."""
    weights = [math.exp(reward) for reward in rewards]
    return PromptScore.objects.create(
        reward_model=model,
        prompt=prompt,
        completions=list(prompt.completions.values_list("pk", flat=True)),
        rewards=rewards,
        probabilities=[weight / sum(weights) for weight in weights],
    )


def make_training(project: Project) -> TrainingRun:
    """Version 1 is the champion, a head; version 2 passed the gate and waits, run 3 works. The project has rankings.

    The champion has labeled what nobody ranked.
    """
    version = make_version(project, training_pairs=430)
    champion = make_model(project, draw_report(skill=0.5), depth="head", version=version)
    champions.promote(champion, by=None, reason="the first one")
    make_auto_labels(champion)
    make_best_of(project)
    report = draw_report(n_prompts=140, skill=0.75, champion_skill=0.4, flag="hateful", seed=2)
    make_model(project, report, rival=champion, version=make_version(project, training_pairs=1210))
    run = make_run(project, state="running", phase="training", done=60, total=100, counts=COUNTS)
    draw = random.Random(0)
    for step in range(1, 61):
        validation = {"validation_log_loss": 0.7 - step / 500, "validation_accuracy": 0.6} if step % 10 == 0 else {}
        RunPoint.objects.create(run=run, step=step, loss=0.75 - step / 250 + draw.gauss(0, 0.05), **validation)
    return run


def make_past_gate(project: Project) -> RewardModel:
    """Version 1 failed its gate and is the champion all the same; version 2 failed beside it. Nothing is ranked."""
    make_prompt(project, texts=["Yes.", "No."])
    version = make_version(project, training_pairs=96)
    report = draw_report(n_prompts=40, skill=-0.2, seed=3)
    champion = make_model(project, report, depth="head", version=version)
    reason = "Only to try the doors: the real one follows on Monday."
    champions.promote(champion, by=project.created_by, reason=reason, past_gate=True)
    report = draw_report(n_prompts=40, skill=0.7, champion_skill=0.8, seed=4)
    return make_model(project, report, depth="head", version=version)


def make_classifiers(project: Project) -> RewardModel:
    """Of a project that classifies: version 1 is the champion, and version 2 passed the gate and has a threshold."""
    version = make_version(project, training_pairs=0)
    champion = make_model(project, draw_flag_report(skill=1.2), depth="head", version=version)
    champions.promote(champion, by=None, reason="the first one")
    report = draw_flag_report(n=640, skill=2.0, champion_skill=1.2, seed=2)
    model = make_model(project, report, rival=champion, depth="head", version=version)
    return thresholds.choose(model, 0.4, by=project.created_by)
