"""Import: prompts, completions and recorded rankings from a stream of records.

Streams in batches, each its own transaction, so that a file of any size needs little memory and what went in stays in.
Idempotent by external id: a row that is there already is skipped, new rankings on it are added. Texts that differ from
the stored ones are an error, because rankings and frozen versions were made of the stored ones.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from formats import rows
from formats.files import json_lines
from formats.files.records import Record, Records
from formats.refusals import Refused
from formats.rows import Row
from labeling.data.importing import import_batches, known_rows, row_parts
from labeling.data.importing.import_batches import Line, Stored
from labeling.data.importing.import_pace import Pace
from labeling.data.importing.import_report import Report
from labeling.errors import Invalid
from labeling.judgements import RANKING, Judgement
from labeling.models import Project, database_errors

# What is stored at once, whichever is reached first: it bounds what is held in memory and what one refusal repeats.
BATCH, BATCH_RANKINGS, BATCH_BYTES = 1_000, 1_000, 4 * 2**20
# Reading stops where so many lines are bad and fewer are good: a bad line costs as much to look at as a good one, and
# two bytes to send.
MOST_BAD = 10_000

logger = logging.getLogger(__name__)


class _DryRun(Exception):
    pass


class Watcher(Protocol):
    """Goes with an import that may be interrupted anywhere, and notes how far it is."""

    key: int  # what prompts and rankings are marked with
    place: int  # records that an earlier attempt has read and stored
    report: Report  # of those

    def look(self) -> None:
        """Is called before each record is read; raises to end the import."""

    def note(self, stored: Sequence[Stored]) -> None:
        """Is called in the transaction that stores a batch, after what it brought is in the report."""


def import_lines(project: Project, lines: Iterable[bytes], *, dry_run: bool = False, gives_way: bool = False) -> Report:
    """Imports JSON Lines, as import_records does."""
    records = Records("JSON Lines", json_lines.records(lines))
    return import_records(project, records, dry_run=dry_run, gives_way=gives_way)


def import_records(
    project: Project,
    records: Records,
    *,
    dry_run: bool = False,
    gives_way: bool = False,
    watcher: Watcher | None = None,
) -> Report:
    """Imports what is right and reports what is not, by line. gives_way: to whoever works in the database meanwhile.

    An Invalid of `records` themselves, MOST_BAD bad ones, or another kind of project than they were read for end the
    import and are in the report: what was stored before stays.
    """
    report, pace = watcher.report if watcher else Report(), Pace(gives_way=gives_way)
    report.container, report.unit, report.layout = records.container, records.unit, records.layout
    try:
        for batch in _batches(_lines(project, records, report, watcher), pace, report):
            began = time.monotonic()
            _store_and_note(project, batch, report, dry_run=dry_run, watcher=watcher)
            pace.rest(time.monotonic() - began)
    except Invalid as error:
        report.stopped = error
    report.errors.sort(key=lambda error: error.line)
    return report


def _lines(project: Project, records: Records, report: Report, watcher: Watcher | None) -> Iterator[Line]:
    flags = [flag["name"] for flag in project.flags]
    erased = known_rows.erased_ids(project)
    seen: dict[bytes, int] = {}  # by a digest of 16 bytes: the ids of a million lines would take a gigabyte
    bad, place = 0, watcher.place if watcher else 0  # up to there an earlier attempt reported and stored
    for number, value, size in _read(records, report, watcher):
        if erased and (name := _id_of(value)) in erased:  # before anything of it is said: its texts may not stay
            if report.n_read > place:
                report.add_error(number, Refused("id", name, "erased"))
            continue
        try:
            row = parse_value(value, flags=flags, judgement=project.judgement)
            digest = hashlib.blake2b(row.id.encode(), digest_size=16).digest()
            if digest in seen and not records.has_prompts_in_parts:
                raise Refused("id", row.id, "id_twice" if report.unit == "line" else "id_twice_row", line=seen[digest])
        except Refused as error:
            if report.n_read > place:
                report.add_error(number, error)
            bad += 1
            if bad >= MOST_BAD and bad > len(seen):
                report.stopped = _hardly_the_format(number, bad, len(seen), report)
                return
            continue
        is_part, seen[digest] = digest in seen, number
        if report.n_read > place:
            yield Line(number, size, row, is_part)


def parse_line(line: bytes, *, flags: Sequence[str] = (), judgement: Judgement = RANKING) -> Row:
    """Reads one line within the limits of what a project asks for, whose flags are named. Raises Refused."""
    return parse_value(rows.read_json(line), flags=flags, judgement=judgement)


def parse_value(value: object, *, flags: Sequence[str] = (), judgement: Judgement = RANKING) -> Row:
    """Reads what a record says, in the same way. Raises Refused, which the value may be already."""
    if isinstance(value, Refused):
        raise value
    row = rows.parse_row(value, judgement.limits)
    judgement.check_recorded(row.rankings, flags)
    _check_gold(row, flags, judgement)
    return row


def _check_gold(row: Row, flags: Sequence[str], judgement: Judgement) -> None:
    """Requires that gold says what the project asks: of a classification no order, and of flags the project's own."""
    if row.gold is None:
        return
    if row.gold.ranks and not judgement.has_order:
        raise Refused("gold.ranks", list(row.gold.ranks), "of_an_order")
    for index, said in enumerate(row.gold.flags):
        for name in said:
            if name not in flags:
                asked = ", ".join(flags) or "-"
                raise Refused(f"gold.flags[{index}].{name}", said[name], "gold_flag", asked=asked)


def _id_of(value: object) -> str:
    return str(value.get("id", "")) if isinstance(value, dict) else ""


def _hardly_the_format(number: int, bad: int, good: int, report: Report) -> Invalid:
    message = _(
        "Reading stopped at line %(number)d, for %(bad)d lines so far are bad and %(good)d are good: "
        "this is hardly the import format. Line %(first)d: %(detail)s."
    )
    first = report.errors[0]
    values = {"number": number, "bad": bad, "good": good, "first": first.line, "detail": first.detail}
    return Invalid("too_many_bad_lines", message % values, attr="file")


def _read(records: Records, report: Report, watcher: Watcher | None) -> Iterator[Record]:
    report.n_read = 0
    try:
        for record in records:
            if watcher:
                watcher.look()
            report.n_read += 1
            yield record
    except Invalid as error:
        report.stopped = error


def _batches(lines: Iterator[Line], pace: Pace, report: Report) -> Iterator[list[Line]]:
    """Cuts them where enough are read. A prompt that comes again in a batch is joined with what came before."""
    batch: dict[str, Line] = {}
    n = size = rankings = 0
    for line in lines:
        if (before := batch.get(line.row.id)) is None:
            batch[line.row.id] = line
        elif not _join(batch, before, line, report):
            continue
        n, size, rankings = n + 1, size + line.size, rankings + len(line.row.rankings)
        pace.pause(n)
        if pace.parts * max(n / BATCH, size / BATCH_BYTES, rankings / BATCH_RANKINGS) >= 1:
            yield list(batch.values())
            n = size = rankings = 0
            batch = {}
    if batch:
        yield list(batch.values())


def _join(batch: dict[str, Line], before: Line, line: Line, report: Report) -> bool:
    """Adds a line's rankings to those of its prompt; tells whether it says anything new."""
    try:
        row = row_parts.joined(before.row, line.row)
    except Refused as error:
        report.add_error(line.number, error)
        return False
    if row is before.row:
        report.skipped += 1
        return False
    batch[row.id] = replace(before, row=row)
    return True


def _store_and_note(
    project: Project, batch: Sequence[Line], report: Report, *, dry_run: bool, watcher: Watcher | None
) -> None:
    """Stores a batch, and the place that it ends at in the same transaction: it is never stored without the other."""
    if watcher is None:
        _store(project, batch, report, dry_run=dry_run)
        return
    with transaction.atomic():
        watcher.note(_store(project, batch, report, imported_by=watcher.key))


def _store(
    project: Project,
    batch: Sequence[Line],
    report: Report,
    *,
    dry_run: bool = False,
    imported_by: int | None = None,
) -> list[Stored]:
    """Stores a batch in one transaction.

    What the database refuses is tried again in halves, down to the guilty line, to name it.
    """
    try:
        stored = _stored(project, batch, dry_run=dry_run, imported_by=imported_by)
        _count(report, stored, dry_run=dry_run)
        return [stored]
    except (DatabaseError, UnicodeError) as error:
        if not database_errors.is_about_the_data(error):
            raise
        if len(batch) > 1:
            halves = (batch[: len(batch) // 2], batch[len(batch) // 2 :])
            return [
                each
                for half in halves
                for each in _store(project, half, report, dry_run=dry_run, imported_by=imported_by)
            ]
        [line] = batch
        logger.warning(
            "line %s of an import into %s is refused by the database", line.number, project.slug, exc_info=True
        )
        report.add_error(line.number, Refused("line", line.row.id, "database", reason=database_errors.reason_of(error)))
        return []


def _stored(project: Project, batch: Sequence[Line], *, dry_run: bool, imported_by: int | None) -> Stored:
    try:
        with transaction.atomic():
            stored = import_batches.store(project, batch, imported_by=imported_by)
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return stored


def _count(report: Report, stored: Stored, *, dry_run: bool) -> None:
    """A dry run makes a prompt anew for each batch that has a part of it; an import makes it once."""
    again = stored.created_parts if dry_run else 0
    report.created += stored.created - again
    report.updated += stored.updated + again
    report.skipped += stored.skipped
    report.tagged += stored.tagged
    report.rankings += stored.rankings
    for line, error in stored.refused:
        report.add_error(line, error)
