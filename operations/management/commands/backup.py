"""manage.py backup FILE"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operations.backup.backup import back_up, write
from operations.backup.errors import BackupError
from operations.backup.manifest import SECRET_KEY, Manifest
from operations.management.bar import shown

LACKING_SHOWN = 10


class Command(BaseCommand):
    help = "Write everything into one file, while people work: the database, dataset versions, models and runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="a new file, e.g. podium-2026-11-29.tar.zst, or - for standard output")

    def handle(self, *args: Any, file: str, verbosity: int, **options: Any) -> None:
        if file == "-" and sys.stdout.isatty():
            raise CommandError("A terminal can't show a backup: name a file, or send it on with | or >.")
        try:
            with shown(verbosity=verbosity) as progress:
                manifest = write(sys.stdout.buffer, progress) if file == "-" else back_up(Path(file), progress)
            if file == "-":
                sys.stdout.buffer.flush()
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"Can't write {file}: {error.strerror or error}.") from error
        if verbosity:
            (self.stderr if file == "-" else self.stdout).write(said(manifest, file))
        if manifest.lacking:
            listed = "".join(f"\n  {name}" for name in manifest.lacking[:LACKING_SHOWN])
            raise CommandError(
                f"The backup is whole but for {len(manifest.lacking)} files that were lost or changed before it "
                f"was made:{listed}\nBring them back from an earlier backup; without them their models can't be used."
            )


def said(manifest: Manifest, file: str) -> str:
    key = (
        "Whoever has the file has the site: it holds the secret key, accounts and tokens' hashes; keep it as safe."
        if SECRET_KEY in manifest.files
        else "SECRET_KEY is set by you and not in it: keep it apart. Accounts and tokens' hashes are in it."
    )
    return (
        f"{file} holds {manifest.rows_of('labeling_project'):,} projects, "
        f"{manifest.rows_of('labeling_user'):,} accounts, {manifest.rows_of('labeling_ranking'):,} rankings "
        f"({manifest.rows:,} rows), {manifest.rows_of('labeling_datasetversion'):,} dataset versions and "
        f"{manifest.rows_of('rewardtrain_rewardmodel'):,} models ({manifest.file_bytes / 1e6:,.1f} MB of files). "
        f"Not in it: logins (people log in again) and caches, which are made anew.\n{key}\n"
        "To bring it back, into an empty data directory and database: manage.py restore FILE"
    )
