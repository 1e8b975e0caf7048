"""manage.py restore FILE"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operations.backup.errors import BackupError
from operations.backup.manifest import SECRET_KEY
from operations.backup.restore import restore
from operations.management.bar import shown


class Command(BaseCommand):
    help = "Bring a backup into an empty site: no rows, no models. Check all of it first. Stop Podium before."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="what manage.py backup wrote")

    def handle(self, *args: Any, file: str, verbosity: int, **options: Any) -> None:
        path = Path(file)
        if not path.is_file():
            raise CommandError(f"{file} is no file. It is read twice, first to check it, so it can't be a pipe.")
        try:
            with shown(verbosity=verbosity) as progress:
                done = restore(path, progress)
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            where = error.filename or file
            raise CommandError(
                f"Can't restore {file}: {where}: {error.strerror}. Try again when it is mended."
            ) from error
        if verbosity:
            has_key = SECRET_KEY in done.manifest.files
            self.stdout.write(
                f"Restored as of {done.about.made_at}, from Podium {done.about.podium}: "
                f"{done.manifest.rows_of('labeling_project'):,} projects, {done.manifest.rows:,} rows, "
                f"{done.manifest.rows_of('rewardtrain_rewardmodel'):,} models. What was at work goes on. Start Podium, "
                "and let people log in again."
                + ("" if has_key else " Set SECRET_KEY as it was: it wasn't in the backup.")
            )
