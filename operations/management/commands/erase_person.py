"""manage.py erase_person USER [--confirm USER] [--withdraw]"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.data.leaving import erasure_worker, erasures
from labeling.errors import PodiumError
from labeling.models import User


class Command(BaseCommand):
    help = (
        "Erase a person for good: name, mail, logins, comments, notes, drafts, reasons. The account stays as a "
        "pseudonym, with the orders and flags of its rankings. Without --confirm it only says what would go. One that "
        "stopped half-way goes on, asked for by its username, or by its pseudonym."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="a username, also of an imported labeler")
        parser.add_argument("--confirm", metavar="USER", help="the same name once more: erase")
        parser.add_argument("--withdraw", action="store_true", help="also withdraw all that the person ranked")

    def handle(self, *args: Any, user: str, confirm: str | None, withdraw: bool, **options: Any) -> None:
        person = User.objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no account {user!r}.")
        if confirm is None:
            self._say_what_goes(person)
            raise CommandError(f"Nothing was erased. To erase this person for good, add --confirm {user!r}.")
        try:
            erasure = erasures.request_erasure(person, confirm=confirm, by=None, with_work=withdraw)
        except PodiumError as error:
            raise CommandError(error.detail) from error
        erasure_worker.work(erasure.pk)
        erasure.refresh_from_db()
        if not erasure.is_over:
            self.stdout.write(f"Account {person.pk} is being erased; a worker goes on. {erasure.error}".rstrip())
            return
        self.stdout.write(f"Account {person.pk} is {erasures.pseudonym(person)} now.")
        for name in erasure.versions:
            project, _, number = name.partition("/")
            self.stdout.write(f"Version {number} of project {project} has the pseudonym now, and another checksum.")

    def _say_what_goes(self, person: User) -> None:
        goes = erasures.foresee(person)
        numbers = {
            "comments and notes": goes.remarks,
            "reasons for skips": goes.reasons,
            "drafts": goes.drafts,
            "projects whose imports' files, bad lines and what was wrong in them go": goes.projects,
            "rankings whose orders and flags stay, unless --withdraw": goes.rankings,
        }
        for words, n in numbers.items():
            self.stdout.write(f"{n:>8,} {words}")
        for version in goes.versions:
            self.stdout.write(
                f"Version {version.number} of {version.project.slug} would have the pseudonym, and another checksum."
            )
