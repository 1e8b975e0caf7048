"""Writes a project's pairs, or what else people said, to a file: the same bytes as the API's export."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.data.exporting import exports, pair_groups, wanted
from labeling.data.exporting.contents.kinds import KINDS
from labeling.data.exporting.contents.layouts import LAYOUTS
from labeling.data.exporting.packing import PACKINGS
from labeling.data.exporting.wanted import Wanted
from labeling.errors import PodiumError
from labeling.models import DatasetVersion, Project


class Command(BaseCommand):
    help = (
        "Write the chosen/rejected pairs of PROJECT to FILE, or with --what what else people said. Test prompts stay "
        "out unless --split asks for them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", metavar="PROJECT", help="the project's short name, as in its address")
        parser.add_argument("file", metavar="FILE", help="where to; - is standard output")
        parser.add_argument("--what", choices=list(KINDS), default="pairs", help="what a row is [pairs]")
        parser.add_argument("--format", choices=list(wanted.FORMATS), help="default: by FILE's ending, else jsonl")
        parser.add_argument("--layout", choices=LAYOUTS, default="standard")
        parser.add_argument(
            "--columns", choices=wanted.COLUMNS, default="texts", help="provenance: where rows come from"
        )
        parser.add_argument("--compression", choices=list(PACKINGS), help="default: by FILE's ending .gz or .zst")
        parser.add_argument(
            "--cells", choices=wanted.CELLS, default="raw", help="of CSV; spreadsheet: no formulas [raw]"
        )
        parser.add_argument("--split", help="train, validation, test, several with commas, or all [train,validation]")
        parser.add_argument(
            "--dataset", type=int, metavar="N", help="frozen version N instead of the labels as they are"
        )
        parser.add_argument(
            "--source",
            default=pair_groups.PEOPLE,
            help="people, labeled, imported, or model: what the automatic labeler kept [people]",
        )
        parser.add_argument("--labelers", default="", help="only theirs: pseudonyms or usernames, with commas")
        parser.add_argument("--flags", default="", help="of flags and kto-flags: only these, with commas")
        parser.add_argument("--since", default="", metavar="DAY", help="rankings of this day, 2026-01-31, or later")
        parser.add_argument("--until", default="", metavar="DAY", help="rankings of this day or earlier")
        parser.add_argument(
            "--least-strength", type=int, metavar="N", help="rankings of this strength, 1 to 3, or more"
        )
        parser.add_argument("--least-agreement", type=float, metavar="SHARE", help="prompts of this agreement, 0 to 1")
        parser.add_argument(
            "--ties", choices=wanted.TIES, default="keep", help="drop: no prompt with one; half: weighted"
        )
        parser.add_argument("--rows", choices=wanted.ROWS, default="each", help="merged: pairs with weights [each]")

    def handle(self, *, project: str, file: str, **options: Any) -> None:
        try:
            of_project = Project.objects.get(slug=project)
            number = options["dataset"]
            version = None if number is None else of_project.dataset_versions.get(number=number)
            asked = _wanted(file, version, options)
            pieces = exports.stream(of_project, asked)
        except Project.DoesNotExist:
            raise CommandError(f"There is no project {project!r}. {_listed(Project, 'slug')}") from None
        except DatasetVersion.DoesNotExist:
            raise CommandError(f"{project} has no dataset version {options['dataset']}.") from None
        except PodiumError as error:
            raise CommandError(str(error)) from None
        if file == "-":
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            return
        try:
            size = _write(pieces, Path(file))
        except OSError as error:
            raise CommandError(f"Can't write {file}: {error.strerror}.") from error
        splits = " and ".join(wanted.splits_of(asked.split))
        self.stderr.write(f"{file}: {size:,} bytes, {splits} prompts, {asked.layout} layout")


def _wanted(file: str, version: DatasetVersion | None, options: dict[str, Any]) -> Wanted:
    """Takes the options, and from the file's name what they leave open."""
    name, _, ending = file.rpartition(".")
    packing = next((each for each, end in PACKINGS.items() if end == f".{ending}"), "none")
    ending = name.rpartition(".")[2] if packing != "none" else ending
    given = {field.name: options[field.name] for field in fields(Wanted) if field.name in options}
    return Wanted(
        **{
            **given,
            "version": version,
            "file_format": options["format"] or (ending if ending in wanted.FORMATS else "jsonl"),
            "compression": options["compression"] or packing,
        }
    )


def _write(pieces: Iterable[bytes], path: Path) -> int:
    """Under its name stands a whole file or none: it is written aside and renamed."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        try:
            for piece in pieces:
                draft.write(piece)
            size = draft.tell()
        except BaseException:
            os.unlink(draft.name)
            raise
    os.chmod(draft.name, 0o644 & ~_umask())
    os.replace(draft.name, path)
    return size


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _listed(model: type[Project], field: str) -> str:
    names = ", ".join(model.objects.values_list(field, flat=True)[:20])
    return f"There are: {names}." if names else "There are none yet."
