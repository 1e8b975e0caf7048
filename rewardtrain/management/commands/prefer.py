"""manage.py prefer PROJECT [--threshold P] [--wait]"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from labeling.errors import PodiumError
from labeling.models import Project
from rewardtrain import tasks
from rewardtrain.automatic import auto_labels
from rewardtrain.models import AutoLabelJob

LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = "Have the champion label prompts that nobody has ranked; what it is not sure of stays with people."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument(
            "--threshold",
            type=float,
            default=auto_labels.THRESHOLD,
            help="the probability from which a pair is kept (default: %(default)s)",
        )
        parser.add_argument("--wait", action="store_true", help="follow the job to its end")

    def handle(self, *args: Any, project: str, threshold: float, wait: bool, **options: Any) -> None:
        of_project = Project.objects.filter(slug=project).first()
        if of_project is None:
            raise CommandError(f"There is no project {project!r}.")
        try:
            job = auto_labels.request(of_project, threshold=threshold)
        except PodiumError as error:
            raise CommandError(error.detail) from error
        tasks.sweep_soon()
        version = job.reward_model.version
        self.stdout.write(f"Automatic labels {job.number} are queued: {job.total} prompts, model {version}.")
        if wait:
            self._wait(job)

    def _wait(self, job: AutoLabelJob) -> None:
        self._follow(job)
        if job.state != AutoLabelJob.State.SUCCEEDED:
            raise CommandError(f"Automatic labels {job.number} have {job.state}. {job.error}".strip())
        for each in job.unread_rows:
            self.stderr.write(f"{each['row']}: {each['error']}")
        unread = f" {job.unread} could not be read." if job.unread else ""
        self.stdout.write(
            f"{job.kept} pairs kept, {job.below} below {job.threshold:g}. Prompts: {job.decided} decided, "
            f"{job.partly} partly, {job.left} left to people; {job.compared} ranked ones scored for the agreement."
            f"{unread}"
        )

    def _follow(self, job: AutoLabelJob) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} of {task.total}"))
        with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("queued", total=None)
            while job.state in AutoLabelJob.ACTIVE:
                bar.update(task, description=job.state, completed=job.done, total=job.total or None)
                time.sleep(LOOK_SECONDS)
                job.refresh_from_db()
