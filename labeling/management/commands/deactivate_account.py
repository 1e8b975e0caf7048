"""manage.py deactivate_account USER [--reactivate]"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.errors import PodiumError
from labeling.models import User
from labeling.people import deactivation


class Command(BaseCommand):
    help = (
        "Deactivate an account: its sessions and API tokens end at once, what it holds goes back to the queue, and its "
        "work stays. --reactivate lets it log in again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="a username")
        parser.add_argument("--reactivate", action="store_true", help="let it log in again")

    def handle(self, *args: Any, user: str, reactivate: bool, **options: Any) -> None:
        account = User.objects.filter(username=user).first()
        if account is None:
            raise CommandError(f"There is no account {user!r}.")
        try:
            if reactivate:
                deactivation.reactivate(account, by=None)
                self.stdout.write(f"{user} can log in again.")
                return
            ended = deactivation.deactivate(account, by=None)
        except PodiumError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(
            f"{user} is deactivated: {ended.tokens} tokens ended, {ended.tasks} tasks are in the queue again, and "
            f"{ended.invitations} open invitations by {user} open nothing."
        )
