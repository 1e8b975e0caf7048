"""Carries out a training run: starts the training process, writes its progress into the row, registers the model.

The only module that knows both Django and rewardtrain.core's files and exit codes. It never imports torch.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.db import transaction

from jobs import child, shutdown
from labeling.data import datasets
from labeling.errors import Invalid
from labeling.models.database_errors import in_words
from rewardtrain.core_command import STOPPED, core
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.registry.champions import Rivals
from rewardtrain.training import policy, run_settings, runs
from rewardtrain.training.run_progress import Progress, Tail
from rewardtrain.training.warm_process import Resident, cache

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
BEAT_SECONDS = 1.0
SILENT_SECONDS = 15 * 60.0  # the training process writes a line every few seconds; only loading a model takes minutes
EVALUATION_SECONDS = 60 * 60.0  # `evaluate` writes nothing while it works

COMPARISONS = 3  # how often a report is made again because the champion changed while it was made

resident = Resident()  # of the worker of heads


class Reason(StrEnum):
    """Why we ended a training process that had not ended by itself."""

    NONE = ""
    CANCELLED = "cancelled"
    STOPPING = "stopping"
    SILENT = "silent"


@dataclass(frozen=True)
class Ended:
    code: int
    reason: Reason = Reason.NONE


@dataclass(frozen=True)
class Files:
    """A run's folder."""

    folder: Path

    @property
    def settings(self) -> Path:
        return self.folder / "settings.json"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def rivals(self) -> Path:
        """The ids of the models that the reports compare with."""
        return self.folder / "compared_with.json"

    @property
    def head_report(self) -> Path:
        """A fine-tuning beside the newest head, where that is not the champion."""
        return self.folder / "beside_the_head.json"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def metrics(self) -> Path:
        return self.out / "metrics.jsonl"

    @property
    def report(self) -> Path:
        return self.out / "report.json"

    @property
    def model(self) -> Path:
        return self.out / "model"


def work(run_id: int) -> None:
    """Takes the run if it is still to be had and brings it as far as it can. Doing it twice is harmless."""
    run = runs.claim(run_id)
    if run is None:
        return
    logger.info("run %s of %s: attempt %s", run.number, run.project.slug, run.attempts)
    try:
        carry_out(run, Files(Path(runs.model_storage().path(run.folder))))
    except runs.ClaimLost:
        logger.warning("run %s of %s: another worker has taken it over", run.number, run.project.slug)
    except Exception as error:
        runs.try_again(run, in_words(error))
        raise


def carry_out(run: TrainingRun, files: Files) -> None:
    try:
        settings = run_settings.of_run(run)
    except Invalid as error:
        runs.fail(run, error.detail)
        return
    ended = train(run, files, settings)
    if ended == Ended(0):
        ended = conclude(run, files)
    if ended != Ended(0):
        settle(run, files, ended)


def train(run: TrainingRun, files: Files, settings: dict[str, object]) -> Ended:
    files.folder.mkdir(parents=True, exist_ok=True)
    files.settings.write_text(json.dumps(settings, indent=2), encoding="utf-8")
    champion = champions.champion(run.project)
    if not files.report.exists():  # else the process has nothing left to do and the report is about an earlier champion
        note_rivals(files, Rivals(champion, None))
    return watch(run, start_training(run, files, settings, champion), Tail(files.metrics), silence=SILENT_SECONDS)


def start_training(
    run: TrainingRun, files: Files, settings: dict[str, object], champion: RewardModel | None
) -> child.Work:
    data = datasets.path_of(run.dataset_version)
    if run.depth == TrainingRun.Depth.HEAD:
        request = {
            "command": "train",
            "data": str(data),
            "out": str(files.out),
            "config": settings,
            "champion": str(runs.model_folder(champion)) if champion else None,
        }
        return resident.ask(request, log=files.log)
    options = ("--config", files.settings, "--cache", cache(), *against(champion))
    return child.Once(core("train", data, files.out, *options), log=files.log)


def conclude(run: TrainingRun, files: Files) -> Ended:
    """Compares with whom the gate asks for, and registers. Again where another became champion in between."""
    for tries_left in reversed(range(COMPARISONS)):
        ended = compare(run, files)
        if ended != Ended(0) or succeed(run, files, last_try=not tries_left):
            break
    return ended


def compare(run: TrainingRun, files: Files) -> Ended:
    """The report names the champion of the training's beginning, and a fine-tuning has to beat the newest head too."""
    rivals, noted = champions.rivals(run), noted_rivals(files)
    ended = Ended(0)
    if rivals.champion != noted.champion:
        ended = evaluate(run, files, against(rivals.champion), files.report)
        noted = replace(noted, champion=rivals.champion)
    if ended == Ended(0) and rivals.head and not noted.head:
        ended = evaluate(run, files, against(rivals.head), files.head_report)
        noted = replace(noted, head=rivals.head)
    if ended == Ended(0):
        note_rivals(files, noted)
    return ended


def evaluate(run: TrainingRun, files: Files, options: tuple[str | Path, ...], report: Path) -> Ended:
    data = datasets.path_of(run.dataset_version)
    command = core("evaluate", files.model, data, "--out", report, *options)
    return watch(run, child.Once(command, log=files.log), None, silence=EVALUATION_SECONDS)


def against(champion: RewardModel | None) -> tuple[str | Path, ...]:
    return ("--champion", runs.model_folder(champion)) if champion else ()


def note_rivals(files: Files, rivals: Rivals) -> None:
    ids = {"champion": rivals.champion and rivals.champion.pk, "head": rivals.head and rivals.head.pk}
    files.rivals.write_text(json.dumps(ids), encoding="utf-8")


def noted_rivals(files: Files) -> Rivals:
    ids = json.loads(files.rivals.read_text(encoding="utf-8"))
    models = RewardModel.objects.in_bulk([pk for pk in ids.values() if pk])
    return Rivals(models.get(ids["champion"]), models.get(ids["head"]))


# --- While it runs ----------------------------------------------------------------------------------------------------


def watch(run: TrainingRun, work: child.Work, tail: Tail | None, *, silence: float) -> Ended:
    """Goes with it to its end, or ends it: cancelled by a person, we shut down, it hangs, or the claim is lost."""
    try:
        return follow(run, work, tail, silence)
    finally:
        work.close()


def follow(run: TrainingRun, work: child.Work, tail: Tail | None, silence: float) -> Ended:
    heard = beaten = time.monotonic()
    progress = Progress(run)
    while True:
        code = work.poll()
        now = time.monotonic()
        if tail and progress.read(tail.lines()):
            heard = now
        if code is not None or now - beaten >= BEAT_SECONDS:
            beaten = now
            cancel = runs.heartbeat(run, **progress.row())
            progress.store_points()
            if code is not None:
                return Ended(code)
            if reason := why_stop(cancel=cancel, silent=now - heard > silence):
                return Ended(work.stop(), reason)
        work.wait(LOOK_SECONDS)


def why_stop(*, cancel: bool, silent: bool) -> Reason:
    if cancel:
        return Reason.CANCELLED
    if shutdown.requested.is_set():
        return Reason.STOPPING
    return Reason.SILENT if silent else Reason.NONE


# --- At its end -------------------------------------------------------------------------------------------------------


def settle(run: TrainingRun, files: Files, ended: Ended) -> None:
    if ended.reason is Reason.CANCELLED:
        runs.cancelled(run)
    elif ended.reason is Reason.STOPPING:
        runs.put_back(run)
    elif ended.reason is Reason.SILENT:
        runs.fail(run, f"The training process hung: it said nothing for {SILENT_SECONDS / 60:.0f} minutes.")
    elif ended.code == STOPPED or ended.code < 0:
        runs.try_again(run, child.error_of(files.log, ended.code))
    else:
        runs.fail(run, child.error_of(files.log, ended.code))


def note_head(report: dict[str, Any], head: RewardModel, beside: dict[str, Any]) -> None:
    """Into a fine-tuning's report what a second one says of the newest head, on pairs and on flags."""
    for section, other in ((report, beside), (report["flags"], beside["flags"])):
        if section and other["champion"]:
            section["head_rival"] = {"version": head.version, **other["champion"]}


def succeed(run: TrainingRun, files: Files, *, last_try: bool) -> bool:
    """The end of the run, its model, evaluation, gate and perhaps promotion: all of it or nothing.

    False, and nothing, where the report compares with a champion of yesterday and there are tries left.
    """
    noted = noted_rivals(files)
    report = json.loads(files.report.read_text(encoding="utf-8"))
    if noted.head:
        note_head(report, noted.head, json.loads(files.head_report.read_text(encoding="utf-8")))
    manifest_sha256 = hashlib.sha256((files.model / "manifest.json").read_bytes()).hexdigest()
    with transaction.atomic():
        champions.lock(run.project)
        if champions.champion(run.project) != noted.champion and not last_try:
            return False
        runs.finish(run)
        model = champions.register(
            run,
            folder=f"{run.folder}/out/model",
            manifest_sha256=manifest_sha256,
            report=report,
            rival_pk=noted.champion.pk if noted.champion else None,
        )
        champions.promote_if_passed(model, auto_promote=policy.get_policy(run.project).auto_promote)
    logger.info("run %s of %s: version %s", run.number, run.project.slug, model.version)
    return True
