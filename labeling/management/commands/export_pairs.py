"""Writes a project's pairs to a file: the same bytes as the API's export."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.data.exporting import exports, pair_groups, pair_writers
from labeling.errors import PodiumError
from labeling.models import DatasetVersion, Project


class Command(BaseCommand):
    help = "Write the chosen/rejected pairs of PROJECT to FILE. Test prompts stay out unless --split asks for them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", metavar="PROJECT", help="the project's short name, as in its address")
        parser.add_argument("file", metavar="FILE", help="where to; - is standard output")
        parser.add_argument("--format", choices=list(exports.FORMATS), help="default: by FILE's ending, else jsonl")
        parser.add_argument("--layout", choices=pair_writers.LAYOUTS, default="standard")
        parser.add_argument("--split", help="train, validation, test, several with commas, or all [train,validation]")
        parser.add_argument(
            "--dataset", type=int, metavar="N", help="frozen version N instead of the pairs as they are"
        )

        parser.add_argument(
            "--source", default=pair_groups.PEOPLE, help="people, or model: what the automatic labeler kept [people]"
        )

    def handle(self, *, project: str, file: str, layout: str, split: str | None, **options: Any) -> None:
        ending = Path(file).suffix.removeprefix(".")
        file_format = options["format"] or (ending if ending in exports.FORMATS else "jsonl")
        try:
            of_project = Project.objects.get(slug=project)
            version = None if options["dataset"] is None else of_project.dataset_versions.get(number=options["dataset"])
            pieces = exports.stream_pairs(
                of_project,
                file_format=file_format,
                layout=layout,
                split=split,
                version=version,
                source=options["source"],
            )
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
        self.stderr.write(f"{file}: {size:,} bytes, {' and '.join(exports.splits_of(split))} prompts, {layout} layout")


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
