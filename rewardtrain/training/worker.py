"""Carries out a training run: starts the training process, writes its progress into the row, registers the model.

The only module that knows both Django and rewardtrain.core's files and exit codes. It never imports torch.
"""

from __future__ import annotations

import json
import logging
from functools import partial

from django.db import transaction

from artifacts import copies, store
from artifacts.errors import StorageAway
from jobs import child, lifecycle
from labeling.data.leaving import erasures
from labeling.data.versions import datasets
from labeling.errors import Invalid
from labeling.models.database_errors import in_words
from labeling.models.project_lock import lock_project
from rewardtrain.core_command import STOPPED, core
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry import champions, model_files
from rewardtrain.registry.champions import Baselines
from rewardtrain.registry.model_files import model_folder
from rewardtrain.training import backbones, baselines, policy, run_settings
from rewardtrain.training.remote import handing_over
from rewardtrain.training.run_files import Files, files_of, made_model
from rewardtrain.training.run_progress import Tail
from rewardtrain.training.warm_process import WarmProcess, cache
from rewardtrain.training.watched_process import Ended, Reason, alongside, watch

State = TrainingRun.State

logger = logging.getLogger(__name__)

SILENT_SECONDS = 15 * 60.0  # the training process writes a line every few seconds; only loading a model takes minutes

COMPARISONS = 3  # how often a report is made again because the champion changed while it was made

warm_process = WarmProcess()  # of the worker of heads


def work(run_id: int) -> None:
    """Takes the run if it is still to be had and brings it as far as it can. Doing it twice is harmless."""
    run = lifecycle.claim(TrainingRun, run_id, phase="starting")
    if run is None:
        return
    logger.info("run %s of %s: attempt %s", run.number, run.project.slug, run.attempts)
    try:
        with copies.held():
            carry_out(run, files_of(run))
    except lifecycle.ClaimLost:
        logger.warning("run %s of %s: another worker has taken it over", run.number, run.project.slug)
    except StorageAway as error:  # what was trained is kept here: the next attempt goes on with it
        logger.warning("run %s of %s: waits for the storage: %s", run.number, run.project.slug, error)
        lifecycle.put_back(run, error=str(error))
    except Exception as error:
        lifecycle.try_again(run, in_words(error))
        raise


def carry_out(run: TrainingRun, files: Files) -> None:
    if run.executor != TrainingRun.LOCAL:
        give_away(run, files)
        return
    try:
        settings = run_settings.of_run(run)
    except Invalid as error:
        lifecycle.end(run, State.FAILED, error=error.detail)
        return
    ended = train(run, files, settings)
    if ended == Ended(0):
        ended = conclude(run, files)
    if ended != Ended(0):
        settle(run, files, ended)


def give_away(run: TrainingRun, files: Files) -> None:
    """Hands the run over to its cluster. This worker is free then; looks follow the run: see remote/following.py."""
    try:
        handing_over.hand_over(run, files)
    except Invalid as error:
        lifecycle.end(run, State.FAILED, error=error.detail)


def train(run: TrainingRun, files: Files, settings: dict[str, object]) -> Ended:
    files.folder.mkdir(parents=True, exist_ok=True)
    files.settings.write_text(json.dumps(settings, indent=2), encoding="utf-8")
    champion = champions.champion(run.project)
    if not files.report.exists():  # else the process has nothing left to do and the report is about an earlier champion
        run.dataset_version.refresh_from_db()
        baselines.note(files, Baselines(champion, None), data=run.dataset_version.sha256)
    fetch(run, champion)
    return watch(run, start_training(run, files, settings, champion), Tail(files.metrics), silence=SILENT_SECONDS)


def fetch(run: TrainingRun, champion: RewardModel | None) -> None:
    """Brings here what the training reads, where it is kept elsewhere. Raises StorageAway, Lost, Changed."""
    if store.bucket() is None:
        return
    version, own = run.dataset_version, backbones.own(run.project, str(run.training.get("backbone", "")))
    alongside(run, lambda: (datasets.path_of(version), [model_folder(model) for model in (champion, own) if model]))


def start_training(
    run: TrainingRun, files: Files, settings: dict[str, object], champion: RewardModel | None
) -> child.Work:
    data = datasets.path_of(run.dataset_version)
    formerly = list(run.dataset_version.replaced_files.values_list("sha256", flat=True))
    if run.depth == TrainingRun.Depth.HEAD:
        request = {
            "command": "train",
            "data": str(data),
            "out": str(files.out),
            "config": settings,
            "champion": str(model_folder(champion)) if champion else None,
            "formerly": formerly,
        }
        return warm_process.ask(request, log=files.log)
    options = ("--config", files.settings, "--cache", cache(), *baselines.against(champion))
    options += tuple(word for sha256 in formerly for word in ("--formerly", sha256))
    return child.Once(core("train", data, files.out, *options), log=files.log, gives_way=True)


def conclude(run: TrainingRun, files: Files) -> Ended:
    """Compares with whom the gate asks for, and registers. Again where another became champion in between.

    Not while a person is erased whose name the report may have: the run waits in the queue until that is done.
    """
    for tries_left in reversed(range(COMPARISONS)):
        if erasures.are_at_work(run.project):
            break
        ended = baselines.compare(run, files)
        if ended != Ended(0) or succeed(run, files, last_try=not tries_left):
            return ended
    return Ended(0, Reason.STOPPING)


# --- At its end -------------------------------------------------------------------------------------------------------


def settle(run: TrainingRun, files: Files, ended: Ended) -> None:
    if ended.reason is Reason.CANCELLED:
        lifecycle.end(run, State.CANCELLED)
    elif ended.reason is Reason.STOPPING:
        lifecycle.put_back(run)
    elif ended.reason is Reason.SILENT:
        lifecycle.end(
            run,
            State.FAILED,
            error=f"The training process hung: it said nothing for {SILENT_SECONDS / 60:.0f} minutes.",
        )
    elif ended.code == STOPPED or ended.code < 0:
        lifecycle.try_again(run, child.error_of(files.log, ended.code))
    else:
        lifecycle.end(run, State.FAILED, error=child.error_of(files.log, ended.code))
    forget_names(run, files)


def forget_names(run: TrainingRun, files: Files) -> None:
    """Deletes the reports of a run that is over without a model, where they may have an erased person's name."""
    run.refresh_from_db()
    if run.state in (State.FAILED, State.CANCELLED) and files.baselines.exists() and baselines.is_renamed(run, files):
        for report in (files.report, files.head_report):
            report.unlink(missing_ok=True)


def succeed(run: TrainingRun, files: Files, *, last_try: bool) -> bool:
    """Stores the end of the run, its model, evaluation, gate and perhaps promotion: all of it or nothing.

    False, and nothing, where the report compares with a champion of yesterday and there are tries left, or may have the
    name of a person who was or is being erased.
    """
    noted = baselines.read(files)
    report = baselines.report_of(files, noted)
    published = alongside(run, partial(model_files.publish, made_model(run)))
    with transaction.atomic():
        lock_project(run.project)
        if champions.champion(run.project) != noted.champion and not last_try:
            return False
        run.dataset_version.refresh_from_db()
        if baselines.is_renamed(run, files) or erasures.are_at_work(run.project):
            return False
        lifecycle.end(run, State.SUCCEEDED, phase="done")
        model = champions.register(
            run,
            folder=published.folder,
            manifest_sha256=published.manifest_sha256,
            report=report,
            baseline_pk=noted.champion.pk if noted.champion else None,
        )
        asked = policy.get_policy(run.project).auto_promote and run.depth != TrainingRun.Depth.NONE
        champions.promote_if_passed(model, auto_promote=asked)  # who has a model of others measured wants to look first
    model_files.drop_draft(made_model(run))
    logger.info("run %s of %s: version %s", run.number, run.project.slug, model.version)
    return True
