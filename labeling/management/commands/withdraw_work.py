"""manage.py withdraw_work PROJECT USER [--since DAY] [--restore] [--dry-run]"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.answers.finding import day_of
from labeling.data.withdrawing import work as works
from labeling.data.withdrawing.work import Work
from labeling.errors import PodiumError
from labeling.models import Project


class Command(BaseCommand):
    help = (
        "Withdraw all that a person ranked in a project, or what they ranked from a day on: it counts nowhere, and its "
        "prompts are open to others. --restore puts back all of it that nobody else has done meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("user", help="a username, also of an imported labeler")
        parser.add_argument(
            "--since", metavar="DAY", help="only what was ranked from this day on, such as 2026-01-31; else all of it"
        )
        parser.add_argument("--restore", action="store_true", help="put withdrawn work back")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")

    def handle(
        self, *args: Any, project: str, user: str, since: str | None, restore: bool, dry_run: bool, **options: Any
    ) -> None:
        chosen = Project.objects.filter(slug=project, deleted_at=None).first()
        if chosen is None:
            raise CommandError(f"There is no project {project!r}.")
        if restore and since is not None:
            raise CommandError("--restore puts back all that is withdrawn, of whatever day: leave --since out.")
        try:
            day = None if since is None else day_of(since, "--since")
            labeler = works.find_labeler(chosen, username=user)
            if dry_run:
                self._say(works.foresee(chosen, labeler, since=day), "would end", day)
            elif restore:
                self._say(works.restore(chosen, labeler), "stand again")
            else:
                self._say(works.withdraw(chosen, labeler, by=None, since=day), "ended", day)
        except PodiumError as error:
            raise CommandError(error.detail) from error

    def _say(self, work: Work, done: str, since: date | None = None) -> None:
        which = "rankings" if since is None else f"rankings from {since} on"
        self.stdout.write(f"{work.rankings} {which} {done}; {work.prompts} prompts are open again by it.")
        if since is not None:
            self.stdout.write(f"{work.standing} rankings of theirs, of any day, stand now.")
        if work.kept:
            self.stdout.write(f"{work.kept} are withdrawn, and can be put back where nobody else has the prompt.")
        for number, n in work.versions.items():
            self.stdout.write(f"Version {number} keeps {'some' if n is None else n} of them.")
