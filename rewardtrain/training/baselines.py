"""The models that a run's reports compare with: noted beside the run, and compared with anew where they changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from artifacts import store
from formats.evaluation_report.report import Report, read_report
from jobs import child
from labeling.data.versions import datasets
from rewardtrain.core_command import core
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.registry.champions import Baselines
from rewardtrain.registry.model_files import model_folder
from rewardtrain.training.run_files import Files
from rewardtrain.training.watched_process import Ended, alongside, watch

EVALUATION_SECONDS = 60 * 60.0  # `evaluate` writes nothing while it works


@dataclass(frozen=True)
class Comparison:
    """A report that has to be made: beside whom, and its file."""

    champion: RewardModel | None
    report: Path


def lacking(run: TrainingRun, files: Files) -> tuple[list[Comparison], Baselines]:
    """Lists the reports that are of another champion, head or data than the gate asks for, and whom they name then.

    The report names the champion of the training's beginning, and a fine-tuning has to beat the newest head too.
    Both are made anew where names in the data were replaced meanwhile, for a report names labelers.
    """
    run.dataset_version.refresh_from_db()
    wanted, noted, renamed = champions.baselines(run), read(files), is_renamed(run, files)
    found, head = [], noted.head
    if renamed or wanted.champion != noted.champion:
        found.append(Comparison(wanted.champion, files.report))
    if wanted.head and (renamed or not noted.head):
        found.append(Comparison(wanted.head, files.head_report))
        head = wanted.head
    return found, Baselines(wanted.champion, head)


def compare(run: TrainingRun, files: Files) -> Ended:
    """Makes the reports that are lacking, here."""
    found, then = lacking(run, files)
    for each in found:
        fetch(run, each.champion)
        ended = evaluate(run, files, against(each.champion), each.report)
        if ended != Ended(0):
            return ended
    note(files, then, data=run.dataset_version.sha256)
    return Ended(0)


def is_renamed(run: TrainingRun, files: Files) -> bool:
    """Tells whether the version's file is another than the reports are of: an erased person's name gave way in it."""
    version = run.dataset_version
    of = json.loads(files.baselines.read_text(encoding="utf-8")).get("data")  # not noted by earlier versions of Podium
    return bool((of or version.frozen_sha256 or version.sha256) != version.sha256)


def evaluate(run: TrainingRun, files: Files, options: tuple[str | Path, ...], report: Path) -> Ended:
    data = datasets.path_of(run.dataset_version)
    command = core("evaluate", files.model, data, "--out", report, *options)
    work = child.Once(command, log=files.log, gives_way=run.depth == TrainingRun.Depth.FULL)
    return watch(run, work, None, silence=EVALUATION_SECONDS)


def against(champion: RewardModel | None) -> tuple[str | Path, ...]:
    return ("--champion", model_folder(champion)) if champion else ()


def fetch(run: TrainingRun, model: RewardModel | None) -> None:
    """Brings it here, where it is kept elsewhere. Raises StorageAway, Lost, Changed."""
    if model and store.bucket() is not None:
        alongside(run, partial(model_folder, model))


def note(files: Files, baselines: Baselines, *, data: str) -> None:
    """data: the checksum of the version's file."""
    ids: dict[str, object] = {
        "champion": baselines.champion and baselines.champion.pk,
        "head": baselines.head and baselines.head.pk,
    }
    ids["data"] = data
    files.baselines.write_text(json.dumps(ids), encoding="utf-8")


def read(files: Files) -> Baselines:
    ids = json.loads(files.baselines.read_text(encoding="utf-8"))
    models = RewardModel.objects.in_bulk([pk for pk in (ids["champion"], ids["head"]) if pk])
    return Baselines(models.get(ids["champion"]), models.get(ids["head"]))


def report_of(files: Files, noted: Baselines) -> Report:
    """Reads the report, and in a fine-tuning's what a second one says of the newest head, on pairs and on flags."""
    report = read_report(json.loads(files.report.read_text(encoding="utf-8")))
    if noted.head:
        beside = read_report(json.loads(files.head_report.read_text(encoding="utf-8")))
        if on_pairs := beside["champion"]:
            report["head_rival"] = {"version": noted.head.version, **on_pairs}
        flags, on_flags = report["flags"], beside["flags"] and beside["flags"]["champion"]
        if flags and on_flags:
            flags["head_rival"] = {"version": noted.head.version, **on_flags}
    return report
