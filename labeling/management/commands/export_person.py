"""manage.py export_person USER FILE"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.data.leaving import person_export
from labeling.models import User


class Command(BaseCommand):
    help = "Write a person's own data, as they get it on their Preferences page, into a zip of JSON Lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="a username")
        parser.add_argument("file", help="where to write the zip; what is there is replaced")

    def handle(self, *args: Any, user: str, file: str, **options: Any) -> None:
        person = User.objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no account {user!r}.")
        draft, target = Path(f"{file}.part"), Path(file)
        try:
            with draft.open("wb") as written:
                written.writelines(person_export.stream(person))
            draft.replace(target)
        except OSError as error:
            raise CommandError(f"Can't write {file}: {error.strerror}.") from error
        finally:
            draft.unlink(missing_ok=True)
        self.stdout.write(f"The data of {user} is in {file}.")
