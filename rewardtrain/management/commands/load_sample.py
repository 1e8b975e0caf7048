"""manage.py load_sample"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from rewardtrain import sample


class Command(BaseCommand):
    help = "Make the sample project and its accounts where they are missing; print the logins that were made."

    def handle(self, *args: Any, **options: Any) -> None:
        passwords = sample.load(settings.DATA_DIR)
        logins = settings.DATA_DIR / sample.LOGINS
        if not passwords:
            self.stdout.write(
                f"The sample's logins are in {logins}" if logins.exists() else "The sample is there already."
            )
            return
        self.stdout.write(f"Logins (kept in {logins}, readable by you alone):")
        for username, password in passwords.items():
            self.stdout.write(f"  {username:<10} {password}")
