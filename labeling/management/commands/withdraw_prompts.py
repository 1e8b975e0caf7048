"""manage.py withdraw_prompts PROJECT FILE"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.data.importing.upload_lines import lines_of
from labeling.data.withdrawing import choices, withdrawals
from labeling.data.withdrawing.withdrawals import Outcome
from labeling.errors import PodiumError
from labeling.models import Project


class Command(BaseCommand):
    help = (
        "Withdraw the prompts whose ids a file lists, an id a line or JSON Lines with ids ('-' reads standard input): "
        "out of the queue, of counts, exports and later versions. --restore puts them back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("file", help="a file of ids, or -")
        parser.add_argument("--restore", action="store_true", help="put withdrawn prompts back")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")

    def handle(self, *args: Any, project: str, file: str, restore: bool, dry_run: bool, **options: Any) -> None:
        chosen_project = Project.objects.filter(slug=project).first()
        if chosen_project is None:
            raise CommandError(f"There is no project {project!r}.")
        act = withdrawals.restore if restore else withdrawals.withdraw
        try:
            if file == "-":
                outcome = act(chosen_project, choices.ids_of(lines_of(sys.stdin.buffer)), dry_run=dry_run)
            else:
                with Path(file).open("rb") as opened:
                    outcome = act(chosen_project, choices.ids_of(lines_of(opened)), dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"Can't read {file}: {error.strerror}.") from error
        except PodiumError as error:
            raise CommandError(error.detail) from error
        self._say(outcome, "put back" if restore else "withdrawn", dry_run=dry_run)

    def _say(self, outcome: Outcome, done: str, *, dry_run: bool) -> None:
        for name in outcome.unknown_ids:
            self.stderr.write(f"unknown: {name}")
        would = "would be " if dry_run else ""
        self.stdout.write(
            f"{outcome.prompts} prompts {would}{done}, with {outcome.rankings} rankings; "
            f"{outcome.unchanged} unchanged, {outcome.unknown} unknown."
        )
        for holding in outcome.holdings.versions:
            self.stdout.write(f"Version {holding.version} keeps {holding.prompts} of them.")
        if outcome.holdings.not_looked_at:
            self.stdout.write(f"{outcome.holdings.not_looked_at} older versions were not looked through.")
