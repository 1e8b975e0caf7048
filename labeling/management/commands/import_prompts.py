"""manage.py import_prompts PROJECT FILE|hf:owner/name[@revision]"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from labeling.data.hub import names, pull, tokens
from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import import_records
from labeling.data.importing.upload_lines import records_of
from labeling.errors import PodiumError
from labeling.models import Project

ERRORS_SHOWN = 50


@dataclass(frozen=True)
class Source:
    read: Callable[[int], bytes]


class Command(BaseCommand):
    help = (
        "Import prompts, completions and recorded rankings from a file ('-' reads standard input): JSON Lines, JSON, "
        "CSV, Parquet or Arrow, also packed with gzip or zstd."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument(
            "file",
            help="a file in the import format, or -, or hf:owner/name[@revision] for the files of a dataset on a hub "
            "(HF_ENDPOINT names another than Hugging Face's; HF_TOKEN, where it asks for one)",
        )
        parser.add_argument("--files", default="", metavar="PATTERN", help="of a dataset on a hub these: 'data/*'")
        parser.add_argument("--dry-run", action="store_true", help="check everything, store nothing")

    def handle(self, *args: Any, project: str, file: str, dry_run: bool, files: str, **options: Any) -> None:
        chosen_project = Project.objects.filter(slug=project).first()
        if chosen_project is None:
            known = ", ".join(Project.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no project {project!r}. Projects: {known}.")
        if file.startswith(names.PREFIX):
            self._pull(chosen_project, file, pattern=files, dry_run=dry_run)
        else:
            self._tell(self._import(chosen_project, file, dry_run=dry_run), file, dry_run=dry_run)

    def _pull(self, project: Project, text: str, *, pattern: str, dry_run: bool) -> None:
        """Fetches one file after the other and imports it; a later one that can't be fetched leaves these in."""
        try:
            token = tokens.given()
            found = pull.find(names.read_fetched(text), token=token, pattern=pattern)
            size = f"{len(found.files)} files, {found.size:,} bytes"
            self.stdout.write(f"{found.what.name} at {found.commit[:12]}: {size}")
            for file in found.files:
                with tempfile.TemporaryDirectory(prefix="podium-hub-") as aside:
                    path = pull.fetch(found, file, Path(aside), token=token)
                    self.stdout.write(file.name)
                    self._tell(self._import(project, str(path), dry_run=dry_run), file.name, dry_run=dry_run)
        except PodiumError as error:
            raise CommandError(error.detail) from None

    def _tell(self, report: Report, file: str, *, dry_run: bool) -> None:
        for error in report.errors[:ERRORS_SHOWN]:
            self.stderr.write(f"{report.unit} {error.line}: {error.detail}")
        if report.n_errors > ERRORS_SHOWN:
            self.stderr.write(f"... and {report.n_errors - ERRORS_SHOWN} more {report.unit}s")
        if report.container:
            self.stdout.write(f"The file is {report.container}.")
        verb = "Would import" if dry_run else "Imported"
        self.stdout.write(
            f"{verb}: {report.created} created, {report.updated} updated, {report.skipped} unchanged, "
            f"{report.rankings} recorded rankings, {report.n_errors} bad {report.unit}s."
        )
        if report.stopped:
            raise CommandError(report.why_stopped)
        if report.is_of_nothing:
            raise CommandError(f"There is no line in {file}.")
        if not report.n_good:
            raise CommandError(f"No {report.unit} could be imported.")

    def _import(self, project: Project, file: str, *, dry_run: bool) -> Report:
        if file == "-":
            return import_records(project, records_of(sys.stdin.buffer), dry_run=dry_run)
        path = Path(file)
        try:
            with path.open("rb") as opened:
                return self._with_bar(project, opened, path.stat().st_size, dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"Can't read {file}: {error.strerror}.") from error

    def _with_bar(self, project: Project, opened: BinaryIO, size: int, *, dry_run: bool) -> Report:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(project.slug, total=size or None)

            def read(size: int) -> bytes:  # counted here: a pipe can't tell where it is
                piece = opened.read(size)
                bar.advance(task, len(piece))
                return piece

            return import_records(project, records_of(Source(read), opened.name), dry_run=dry_run)
