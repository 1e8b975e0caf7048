"""Accounts: people who log in, and the labelers of imported rankings, who never do."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    # The labeler of a recorded ranking: it keeps provenance apart and has no usable password.
    is_imported = models.BooleanField(default=False)

    # How the person likes to work. Nobody else sees any of it.
    language = models.CharField(max_length=10, blank=True, default="", db_default="")  # "" follows the browser
    daily_goal = models.PositiveSmallIntegerField(null=True, blank=True)  # rankings a day, the person's own aim
    # Minutes of work after which a break is suggested; 0 is never.
    break_minutes = models.PositiveSmallIntegerField(default=50, db_default=50)
    # WCAG 2.1.4: whoever dictates or types by accident can switch single-letter keys off.
    single_keys = models.BooleanField(default=True, db_default=True)
    tour_seen_at = models.DateTimeField(null=True, blank=True)  # finished or closed the first-run tour

    def __str__(self) -> str:
        return self.get_username()
