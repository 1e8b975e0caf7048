"""manage.py import_prompts PROJECT FILE|hf:owner/name[@revision]"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from formats.files import folders
from formats.layouts import known
from labeling.data.hub import names, pull, tokens
from labeling.data.importing.import_report import Group, Report
from labeling.data.importing.imports import import_records
from labeling.data.importing.upload_layouts import read_map, rows_of
from labeling.errors import Invalid, PodiumError
from labeling.models import Project

LINES_SHOWN = 5  # of each kind of error


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
            help="a file of any layout in docs/import.md, or -, or the folder of a dataset, or "
            "hf:owner/name[@revision] for the files of one on a hub (HF_ENDPOINT names another than Hugging Face's; "
            "HF_TOKEN, where it asks for one)",
        )
        parser.add_argument(
            "--files", default="", metavar="PATTERN", help="of a folder or a dataset on a hub these: 'data/*'"
        )
        parser.add_argument(
            "--format",
            choices=sorted(known.BY_NAME),
            default="",
            metavar="NAME",
            help="how its records are laid out, where the first of them should not tell: " + ", ".join(known.BY_NAME),
        )
        parser.add_argument(
            "--map",
            nargs="+",
            action="extend",
            default=[],
            metavar="PURPOSE=COLUMN",
            help="what a table's columns are for, such as prompt=question completion_a=first; the rest is guessed",
        )
        parser.add_argument("--dry-run", action="store_true", help="check everything, store nothing")

    def handle(self, *args: Any, project: str, file: str, files: str, **options: Any) -> None:
        chosen_project = Project.objects.filter(slug=project).first()
        if chosen_project is None:
            known = ", ".join(Project.objects.filter(deleted_at=None).values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no project {project!r}. Projects: {known}.")
        if file.startswith(names.PREFIX):
            self._pull(chosen_project, file, files, options)
        elif Path(file).is_dir():
            self._import_folder(chosen_project, Path(file), files, options)
        else:
            self._tell(self._import(chosen_project, file, options), file, dry_run=options["dry_run"])

    def _pull(self, project: Project, text: str, pattern: str, options: dict[str, Any]) -> None:
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
                    self._tell(self._import(project, str(path), options), file.name, dry_run=options["dry_run"])
        except PodiumError as error:
            raise CommandError(error.detail) from None

    def _import_folder(self, project: Project, folder: Path, pattern: str, options: dict[str, Any]) -> None:
        """Imports a folder's files one after the other; a later one that can't be read leaves these in."""
        try:
            found = folders.data_files(folder)
        except folders.BadFolder as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"Can't read {folder}: {error.strerror}.") from error
        chosen = [file for file in found if not pattern or fnmatchcase(file.name, pattern)]
        if not chosen:
            some = ", ".join(file.name for file in found[:5])
            raise CommandError(f"{folder} has no file named {pattern!r}; there is: {some}.")
        for file in chosen:
            self.stdout.write(file.name)
            report = self._import(project, str(file.path), options, split=file.split)
            self._tell(report, file.name, dry_run=options["dry_run"])

    def _tell(self, report: Report, file: str, *, dry_run: bool) -> None:
        for group in report.groups:
            self.stderr.write(said_of(group, report.unit))
        if report.of_the_file:
            self.stdout.write(report.of_the_file)
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

    def _import(self, project: Project, file: str, options: dict[str, Any], *, split: str = "") -> Report:
        try:
            return self._read(project, file, options, split)
        except Invalid as error:
            raise CommandError(error.detail) from error

    def _read(self, project: Project, file: str, options: dict[str, Any], split: str) -> Report:
        asked = {"layout": options["format"], "columns": read_map(options["map"]), "split": split}
        if file == "-":
            return import_records(project, rows_of(sys.stdin.buffer, **asked), dry_run=options["dry_run"])
        path = Path(file)
        try:
            with path.open("rb") as opened, bar_of(project, path.stat().st_size) as moved:

                def read(size: int) -> bytes:  # counted here: a pipe can't tell where it is
                    piece = opened.read(size)
                    moved(len(piece))
                    return piece

                return import_records(project, rows_of(Source(read), file, **asked), dry_run=options["dry_run"])
        except OSError as error:
            raise CommandError(f"Can't read {file}: {error.strerror}.") from error


@contextmanager
def bar_of(project: Project, size: int) -> Iterator[Callable[[int], None]]:
    """Shows how far it is; gives what is to be called with the bytes that were read."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(project.slug, total=size or None)
        yield lambda n: bar.advance(task, n)


def said_of(group: Group, unit: str) -> str:
    """Says what is wrong with lines of one kind: the first of them, and which others."""
    if group.example is None:
        return f"{group.count} {unit}s have other errors"
    first = f"{unit} {group.example.line}: {group.example.detail}"
    if group.count == 1:
        return first
    others = ", ".join(map(str, group.lines[1 : LINES_SHOWN + 1]))
    more = f" and {group.count - 1 - LINES_SHOWN} more" if group.count - 1 > LINES_SHOWN else ""
    return f"{first}\n    the same of {unit}{'s' if group.count > 2 else ''} {others}{more}"
