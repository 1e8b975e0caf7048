"""Makes an API token for a user and prints it, once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from knox.models import AuthToken

from labeling.models import User


class Command(BaseCommand):
    help = "Print a new API token of USER. Only its hash is kept, so this is the one time that it can be read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="a username")

    def handle(self, *, user: str, **options: Any) -> None:
        account = User.objects.filter(username=user).first()
        if account is None:
            raise CommandError(f"There is no user {user!r}. {_who_there_is()}")
        if not account.is_active or account.is_imported:
            raise CommandError(f"{user!r} can't log in, so a token would open nothing. Take an active account.")
        _, token = AuthToken.objects.create(account)
        self.stdout.write(token)


def _who_there_is() -> str:
    names = (
        User.objects.filter(is_active=True, is_imported=False).order_by("username").values_list("username", flat=True)
    )
    known = ", ".join(names[:10])
    return f"There are: {known}." if known else "There are no accounts yet: `manage.py createsuperuser` makes one."
