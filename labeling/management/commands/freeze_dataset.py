"""manage.py freeze_dataset PROJECT"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.data.versions import contents
from labeling.data.versions.datasets import freeze_or_find, path_of
from labeling.errors import PodiumError
from labeling.models import Project, Split


class Command(BaseCommand):
    help = "Freeze what was ranked so far as the next dataset version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")

    def handle(self, *args: Any, project: str, **options: Any) -> None:
        chosen_project = Project.objects.filter(slug=project).first()
        if chosen_project is None:
            raise CommandError(f"There is no project {project!r}.")
        try:
            version, is_new = freeze_or_find(chosen_project)
        except PodiumError as error:
            raise CommandError(error.detail) from error
        if not is_new:
            self.stdout.write(f"Nothing new since version {version.number}.")
        self.stdout.write(
            f"Version {version.number}: {version.n_prompts} prompts, {version.n_rankings} rankings, "
            f"{version.n_pairs} pairs\nsha256 {version.sha256}\n{path_of(version)}\n"
            f"contents {contents.sha256_of(version, Split.values)}"
        )
