"""manage.py evaluate PROJECT MODEL|champion FILE"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.errors import PodiumError
from labeling.models import Project
from rewardtrain.models import RewardModel
from rewardtrain.registry import champions
from rewardtrain.scoring import service_client


class Command(BaseCommand):
    help = "Measure a reward model against the rankings of a file in the import format."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("model", help="a version number, or 'champion'")
        parser.add_argument("file", type=Path, help="JSON Lines with rankings, or a frozen Parquet file")

    def handle(self, *args: Any, project: str, model: str, file: Path, **options: Any) -> None:
        of_project = Project.objects.filter(slug=project).first()
        if of_project is None:
            raise CommandError(f"There is no project {project!r}.")
        try:
            self.stdout.write(service_client.evaluate(find_model(of_project, model), file.resolve()))
        except PodiumError as error:
            raise CommandError(error.detail) from error


def find_model(project: Project, name: str) -> RewardModel:
    if name == "champion":
        model = champions.champion(project)
    else:
        model = RewardModel.objects.filter(project=project, version=name).first() if name.isdecimal() else None
    if model is None:
        known = ", ".join(map(str, project.reward_models.values_list("version", flat=True))) or "none yet"
        raise CommandError(f"{project.slug} has no model {name!r}. Versions: {known}.")
    return model
