"""manage.py erase_prompt PROJECT ID [--confirm ID]"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.data.revising import erasures
from labeling.errors import PodiumError
from labeling.models import Project, Prompt


class Command(BaseCommand):
    help = (
        "Erase a prompt's texts for good: what was asked and answered, earlier revisions, metadata, comments. Its id "
        "stays taken, and frozen versions that hold it keep it and are named. Without --confirm it only says "
        "what would go."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("prompt", help="the prompt's id, as in the imported file")
        parser.add_argument("--confirm", metavar="ID", help="the same id once more: erase it")

    def handle(self, *args: Any, project: str, prompt: str, confirm: str | None, **options: Any) -> None:
        chosen = Project.objects.filter(slug=project).first()
        if chosen is None:
            raise CommandError(f"There is no project {project!r}.")
        try:
            found = chosen.prompts.get(external_id=prompt)
        except Prompt.DoesNotExist as error:
            raise CommandError(f"Project {project!r} has no prompt {prompt!r}.") from error
        if confirm is None:
            self.say_what_goes(found)
            raise CommandError(f"Nothing was erased. To erase it for good, add --confirm {prompt!r}.")
        try:
            erasure = erasures.erase(chosen, found, confirm=confirm, by=None)
        except PodiumError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"The texts of {prompt} are erased.")
        for version in erasure.versions:
            self.stdout.write(f"Version {version} was frozen with them and keeps them.")

    def say_what_goes(self, prompt: Prompt) -> None:
        goes = erasures.foresee(prompt)
        numbers = {
            "completions": goes.completions,
            "earlier revisions": goes.revisions,
            "rankings that end": goes.rankings,
            "pairs": goes.pairs,
            "comments and notes": goes.remarks,
            "drafts": goes.drafts,
            "imports whose files, bad lines and what was wrong in them go": goes.imports,
        }
        for words, n in numbers.items():
            self.stdout.write(f"{n:>8,} {words}")
        for version in goes.versions:
            self.stdout.write(f"Version {version.number} was frozen with its texts and would keep them.")
