"""What a file is and what an import of it would do, by its beginning alone: nothing is stored, and no more is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from formats.files.records import Record, Records
from formats.lines import Readable
from formats.refusals import Refused
from formats.rows import Row
from labeling.data.importing import imports
from labeling.data.importing.import_report import Report, shortened
from labeling.data.importing.row_words import words_of
from labeling.data.importing.upload_layouts import LaidOut, laid_out
from labeling.data.importing.upload_lines import records_of
from labeling.models import Project

MOST_ROWS, MOST_BYTES = 500, 4 * 2**20  # that are looked at, whichever is reached first


@dataclass(frozen=True)
class First:
    """A row of a file's beginning: as it would be imported, or what is wrong with it."""

    number: int
    row: Row | None
    problem: str


@dataclass(frozen=True)
class Preview:
    """What a file is, and what came of trying its beginning."""

    found: LaidOut
    example: Mapping[str, object]  # the first record that can be read
    rows: Sequence[First]  # the first
    report: Report
    is_whole: bool  # the beginning was all of it

    @property
    def problem(self) -> str:
        """Says why it can't be read at all or not on; empty where it can."""
        if self.report.stopped:
            return self.report.stopped.detail
        return _("There is no line in it.") if self.is_of_nothing else ""

    @property
    def is_of_nothing(self) -> bool:
        return self.is_whole and not self.report.n_read

    @property
    def can_start(self) -> bool:
        """Tells whether an import could bring anything, or say more of it than is said here."""
        return self.found.layout is not None and not self.is_of_nothing

    @property
    def is_unknown(self) -> bool:
        """Tells whether its records can be read, and nobody knows how they are laid out."""
        return self.found.layout is None and bool(self.found.names)

    @property
    def in_a_sentence(self) -> str:
        """Says what the file is, and how much of it can't be used."""
        report = self.report
        said = {"layout": report.layout, "container": report.container, "n": f"{report.n_read:,}"}
        said["bad"] = f"{report.n_errors:,}"
        if not self.found.layout:
            return _("The file is %(container)s.") % said if report.container else ""
        if self.is_of_nothing:
            return ""
        what = _("This is %(layout)s in %(container)s.") % said
        if self.is_whole:
            what = report.of_the_file
            if not report.n_errors:
                return what
            bad = ngettext("%(bad)s of them can't be used.", "%(bad)s of them can't be used.", report.n_errors)
        elif report.n_errors:
            bad = _("Of its first %(n)s rows %(bad)s can't be used.")
        else:
            bad = _("Its first %(n)s rows can be used.")
        return f"{what} {bad % said}"


def preview(
    stream: Readable,
    name: str = "",
    *,
    project: Project,
    layout: str = "",
    columns: Mapping[str, str] | None = None,
    shown: int = 5,
) -> Preview:
    """Tries a file's beginning as an import into the project would. Raises Invalid as laid_out does."""
    return preview_of(records_of(stream, name), project=project, layout=layout, columns=columns, shown=shown)


def preview_of(
    records: Records,
    *,
    project: Project,
    layout: str = "",
    columns: Mapping[str, str] | None = None,
    shown: int = 5,
) -> Preview:
    """Tries the first records of a file that is open, in the same way."""
    beginning = _Beginning(records)
    found = laid_out(replace(beginning.file, records=beginning.read()), layout=layout, columns=columns)
    kept: list[Record] = []
    rows = replace(found.records, records=_keeping(beginning.of_rows(found), kept, shown))
    report = imports.import_records(project, rows, dry_run=True)
    return Preview(
        found=found,
        example=beginning.example,
        rows=[_first(project, record) for record in kept],
        report=report,
        is_whole=not beginning.goes_on,
    )


class _Beginning:
    """The first records of a file; `goes_on` tells afterwards whether there are more."""

    def __init__(self, file: Records) -> None:
        self.file = file
        self.goes_on = False
        self.example: Mapping[str, object] = {}

    def read(self) -> Iterator[Record]:
        size = 0
        for n, record in enumerate(self.file):
            if n >= MOST_ROWS or size >= MOST_BYTES:
                self.goes_on = True
                return
            size += record.size
            if not self.example and isinstance(record.value, Mapping):
                self.example = record.value
            yield record

    def of_rows(self, found: LaidOut) -> Iterator[Record]:
        """Yields the rows of these records, but for one that is cut off where the beginning ends: of a prompt whose
        completions are a row each."""
        if found.layout is None or found.layout.gather is None:
            yield from found.records
            return
        last: Record | None = None
        for row in found.records:
            if last is not None:
                yield last
            last = row
        if last is not None and not self.goes_on:
            yield last


def _keeping(records: Iterator[Record], kept: list[Record], most: int) -> Iterator[Record]:
    for record in records:
        if len(kept) < most:
            kept.append(record)
        yield record


def _first(project: Project, record: Record) -> First:
    flags = [flag["name"] for flag in project.flags]
    try:
        row = imports.parse_value(record.value, flags=flags, judgement=project.judgement)
    except Refused as error:
        return First(record.number, None, words_of(shortened(error)))
    return First(record.number, row, "")
