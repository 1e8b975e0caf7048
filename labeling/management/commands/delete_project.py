"""manage.py delete_project SLUG --confirm NAME"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.data.deleting import contents, deletion_worker, deletions
from labeling.errors import PodiumError
from labeling.models import Project, ProjectDeletion


class Command(BaseCommand):
    help = (
        "Delete a project with all that is its own: prompts, rankings, versions, models, runs and their files. Without "
        "--confirm it says what would go. One that stopped half-way goes on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("--confirm", default="", metavar="NAME", help="the project's name: without it nothing goes")

    def handle(self, *args: Any, project: str, confirm: str, **options: Any) -> None:
        chosen = Project.objects.filter(slug=project, deleted_at=None).first()
        if chosen is None:
            self._go_on(project)
            return
        for each in contents.contents_of(chosen):
            self.stdout.write(str(each))
        if not confirm:
            raise CommandError(f"Nothing was deleted. To delete all this, add --confirm {chosen.name!r}.")
        try:
            deletions.check_confirmed(confirm, chosen.name)
            deletion = deletions.request_deletion(chosen, by=None)
        except PodiumError as error:
            raise CommandError(error.detail) from error
        self._do(deletion)

    def _go_on(self, slug: str) -> None:
        deletion = deletions.unfinished(slug)
        if deletion is None:
            raise CommandError(f"There is no project {slug!r}.")
        deletions.resume(deletion)
        self._do(deletion)

    def _do(self, deletion: ProjectDeletion) -> None:
        deletion_worker.work(deletion.pk, self._say)
        deletion.refresh_from_db()
        if deletion.is_over:
            self.stdout.write(f"{deletion.name} is deleted.")
        else:
            self.stdout.write(f"{deletion.name} is being deleted; a worker goes on. {deletion.error}".rstrip())

    def _say(self, deletion: ProjectDeletion) -> None:
        if deletion.total and deletion.done and deletion.done % 10_000 == 0:
            self.stdout.write(f"{deletion.done:,} of {deletion.total:,} prompts")
