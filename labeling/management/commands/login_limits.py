"""Shows who is slowed down at the login, and lifts it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from labeling.models import account_names
from labeling.people import attempt_limits


class Command(BaseCommand):
    help = "List the attempts that count against names and addresses at the login; with --lift, forget them."

    def add_arguments(self, parser: CommandParser) -> None:
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument("--lift", metavar="NAME_OR_ADDRESS", help="a username or an address, e.g. 203.0.113.7")
        chosen.add_argument("--lift-all", action="store_true", help="forget all attempts")

    def handle(self, *, lift: str | None, lift_all: bool, **options: Any) -> None:
        if lift_all:
            self.stdout.write(f"Forgot {attempt_limits.lift_all()} counters.")
        elif lift is not None:
            if not attempt_limits.lift(account_names.key(lift)):
                raise CommandError(f"Nothing counts against {lift!r} now. Without --lift, this lists what counts.")
            self.stdout.write(f"{lift} can try again.")
        else:
            self._list()

    def _list(self) -> None:
        counters = attempt_limits.in_force()
        for counter in counters:
            seconds = round((counter.ends_at - timezone.now()).total_seconds())
            self.stdout.write(f"{counter.kind:<12} {counter.subject:<40} {counter.count:>4}  {seconds:>4} s left")
        if not counters:
            self.stdout.write("No attempts count against anybody now.")
