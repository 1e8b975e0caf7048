"""manage.py import_prompts PROJECT FILE"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import import_records
from labeling.data.importing.upload_lines import records_of
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
        parser.add_argument("file", help="a file in the import format, or -")
        parser.add_argument("--dry-run", action="store_true", help="check everything, store nothing")

    def handle(self, *args: Any, project: str, file: str, dry_run: bool, **options: Any) -> None:
        chosen_project = Project.objects.filter(slug=project).first()
        if chosen_project is None:
            known = ", ".join(Project.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no project {project!r}. Projects: {known}.")
        report = self._import(chosen_project, file, dry_run=dry_run)
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
