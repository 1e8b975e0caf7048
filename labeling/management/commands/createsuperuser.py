"""Django's command, which also refuses a name that looks like another account's."""

from __future__ import annotations

from django.contrib.auth.management.commands import createsuperuser
from django.core.exceptions import ValidationError

from labeling.models.users import check_new_name


class Command(createsuperuser.Command):
    def _validate_username(self, username: str, verbose_field_name: str, database: str) -> str | None:
        if refusal := super()._validate_username(username, verbose_field_name, database):  # type: ignore[misc]
            return str(refusal)
        try:
            check_new_name(username)
        except ValidationError as error:
            return " ".join(error.messages)
        return None
