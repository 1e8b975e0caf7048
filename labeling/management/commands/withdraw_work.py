"""manage.py withdraw_work PROJECT USER [--restore] [--dry-run]"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.data.withdrawing import work as works
from labeling.data.withdrawing.work import Work
from labeling.errors import PodiumError
from labeling.models import Project


class Command(BaseCommand):
    help = (
        "Withdraw all that a person ranked in a project: it counts nowhere, and its prompts are open to others. "
        "--restore puts back what nobody else has done meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("user", help="a username, also of an imported labeler")
        parser.add_argument("--restore", action="store_true", help="put withdrawn work back")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")

    def handle(self, *args: Any, project: str, user: str, restore: bool, dry_run: bool, **options: Any) -> None:
        chosen = Project.objects.filter(slug=project, deleted_at=None).first()
        if chosen is None:
            raise CommandError(f"There is no project {project!r}.")
        try:
            labeler = works.find_labeler(chosen, username=user)
            if dry_run:
                self._say(works.foresee(chosen, labeler), "would end")
            elif restore:
                self._say(works.restore(chosen, labeler), "stand again")
            else:
                self._say(works.withdraw(chosen, labeler, by=None), "ended")
        except PodiumError as error:
            raise CommandError(error.detail) from error

    def _say(self, work: Work, done: str) -> None:
        self.stdout.write(f"{work.rankings} rankings {done}; {work.prompts} prompts are open again by it.")
        if work.kept:
            self.stdout.write(f"{work.kept} are withdrawn, and can be put back where nobody else has the prompt.")
        for number, n in work.versions.items():
            self.stdout.write(f"Version {number} keeps {'some' if n is None else n} of them.")
