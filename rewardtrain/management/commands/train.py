"""manage.py train PROJECT [--depth head|full|none] [--backbone NAME] [--wait]"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from formats.evaluation_report.report import has_pairs
from labeling.errors import PodiumError
from labeling.models import Project
from rewardtrain import tasks
from rewardtrain.evidence import evidence_of
from rewardtrain.models import Evaluation, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.training import policy, runs

LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 30.0


class Command(BaseCommand):
    help = "Freeze today's rankings and queue a training run on them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("--depth", choices=policy.Depth.values, default="full", help="what learns (default: full)")
        parser.add_argument("--backbone", help="of this run alone: what it starts from, or with --depth none measures")
        parser.add_argument("--wait", action="store_true", help="follow the run to its end")

    def handle(
        self, *args: Any, project: str, depth: str, wait: bool, backbone: str | None = None, **options: Any
    ) -> None:
        of_project = Project.objects.filter(slug=project).first()
        if of_project is None:
            raise CommandError(f"There is no project {project!r}.")
        try:
            training = {"backbone": backbone} if backbone else None
            run = runs.request_run(of_project, depth=policy.Depth(depth), training=training)
        except PodiumError as error:
            raise CommandError(error.detail) from error
        tasks.sweep_soon()
        version = run.dataset_version
        evidence = evidence_of(run.project)
        size = f"{evidence.n_of(version)} {evidence.unit}"
        self.stdout.write(f"Run {run.number} is queued: version {version.number}, {size}.")
        if wait:
            self._wait(run)

    def _wait(self, run: TrainingRun) -> None:
        self._follow(run)
        if run.state != runs.State.SUCCEEDED:
            raise CommandError(f"Run {run.number} has {run.state}. {run.error}".strip())
        model = run.reward_model
        evaluation = model.evaluations.get()
        word = "is the champion now" if model.champion else "is not the champion"
        self.stdout.write(f"Version {model.version} {word}. {champions.worth(model, evaluation.report).words}.")
        self.stdout.write(_figures(evaluation))
        for rule in champions.rules(model, evaluation.report):
            self.stdout.write(f"  {'passed' if rule.passed else 'failed'}: {rule.words}")

    def _follow(self, run: TrainingRun) -> None:
        began, is_told = time.monotonic(), False
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} of {task.total}"))
        with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("queued", total=None)
            while run.state in policy.ACTIVE:
                bar.update(task, description=run.phase or run.state, completed=run.done, total=run.total or None)
                if run.state == runs.State.QUEUED and time.monotonic() - began > PATIENCE_SECONDS and not is_told:
                    self.stderr.write("Nobody has taken the run yet. Is Podium up, with its beat and a train worker?")
                    is_told = True
                time.sleep(LOOK_SECONDS)
                run.refresh_from_db()


def _figures(evaluation: Evaluation) -> str:
    report = evaluation.report
    if not has_pairs(report):  # the gate's reasons have the rest
        flags = report["flags"]
        if flags is None:
            return "no test pair and no test label"
        of = f"{flags['n_votes']} test labels of {flags['n_prompts']} texts"
        return f"log loss {flags['log_loss']['value']:.4f} of {flags['flag']['name']} on {of}"
    accuracy, loss = report["accuracy"], report["log_loss"]
    return (
        f"accuracy {accuracy['value']:.4f} ({accuracy['low']:.4f} to {accuracy['high']:.4f}), "
        f"longer wins {report['baseline_longer']['accuracy']:.4f}, log loss {loss['value']:.4f}, "
        f"ln 2 {report['ln2']:.4f}, on {evaluation.n_pairs} test pairs of {evaluation.n_prompts} prompts"
    )
