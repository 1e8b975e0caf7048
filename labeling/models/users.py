"""Accounts: people who log in, and the labelers of imported rankings, who never do."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    # The labeler of a recorded ranking: it keeps provenance apart and has no usable password.
    is_imported = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.get_username()
