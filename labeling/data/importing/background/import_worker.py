"""Does an import that was asked for, as far as it gets: it may be killed anywhere, and goes on where it was."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import IO, Any

from django.utils.translation import gettext as _

from formats.files.records import Records
from jobs import lifecycle, shutdown
from labeling.data.importing import imports
from labeling.data.importing.background import import_fetch, import_files, import_undo
from labeling.data.importing.background.bad_lines import BadLines
from labeling.data.importing.import_batches import Stored
from labeling.data.importing.import_report import LineError, Report
from labeling.data.importing.upload_layouts import laid_out
from labeling.errors import Invalid, PodiumError
from labeling.models import Import
from labeling.models.database_errors import in_words
from labeling.models.imports import PAUSED

BEAT_SECONDS = 1.0
MOST_SECONDS = 10**9
COUNTS = ("created", "updated", "skipped", "tagged", "rankings", "n_errors")

State = Import.State
logger = logging.getLogger(__name__)


class Halted(Exception):
    """The row says why: it was paused or cancelled, or this process is told to end."""


def work(import_id: int) -> None:
    """Takes the import if it is still to be had and brings it as far as it can. Doing it twice is harmless."""
    job = lifecycle.claim(Import, import_id)
    if job is None:
        return
    logger.info("%s of %s: attempt %s", job, job.project.slug, job.attempts)
    try:
        halt_if_asked(job)
        if job.is_undo:
            import_undo.carry_out(job, lambda: halt_if_asked(job))
            lifecycle.end(job, State.SUCCEEDED)
            import_files.delete_upload(job)
        elif job.is_fetch:
            import_fetch.carry_out(job, lambda: halt_if_asked(job))
        else:
            _bring(job)
    except Halted:
        logger.info("%s of %s stops for now", job, job.project.slug)
    except lifecycle.ClaimLost:
        logger.warning("%s: another worker has taken it over, or it is gone", job)
    except PodiumError as error:
        lifecycle.end(job, State.FAILED, error=error.detail)
    except Exception as error:
        lifecycle.try_again(job, in_words(error))
        raise


def halt_if_asked(job: Import) -> None:
    """Beats, and raises Halted where the import is to stop here; what is stored by then stays."""
    cancelled = lifecycle.heartbeat(job)
    if cancelled:
        lifecycle.end(job, State.CANCELLED, pause_requested=False)
    elif Import.objects.values_list("pause_requested", flat=True).get(pk=job.pk):
        lifecycle.end(job, PAUSED, pause_requested=False)
    elif shutdown.requested.is_set():
        lifecycle.put_back(job)
    else:
        return
    raise Halted


def _bring(job: Import) -> None:
    try:
        file = import_files.path_of(job.upload).open("rb") if job.upload else None
    except FileNotFoundError:
        file = None
    if file is None:
        raise Invalid("no_file", _("The file of import %(number)s is gone: send it again.") % {"number": job.number})
    with file, Watched(job, file) as watched:
        report = imports.import_records(job.project, watched.records(), gives_way=True, watcher=watched)
        changes = {**watched.progress(), "bytes_read": job.size, "seconds_left": None}
    if report.stopped or not report.n_good:
        lifecycle.end(job, State.FAILED, error=_why_failed(report), **changes)
        return
    lifecycle.end(job, State.SUCCEEDED, **changes)
    import_files.delete_upload(job)


def _why_failed(report: Report) -> str:
    if report.stopped:
        return report.why_stopped
    return _("There is no line in it.") if report.is_of_nothing else _("Nothing went in.")


class Watched:
    """The file while it is read, and the row, which notes with each batch how far that is."""

    def __init__(self, job: Import, file: IO[bytes]) -> None:
        self.job, self.key, self.place = job, job.pk, job.place
        counts = {name: getattr(job, name) for name in COUNTS}
        self.report = Report(**counts, errors=[LineError(**error) for error in job.errors], on_error=self._refused)
        self._file, self._read = file, 0
        self._beaten = time.monotonic()
        self._began: tuple[float, int] | None = None  # when the first batch was stored, and the bytes read by then
        self._bad = BadLines(job)
        self._kept = len(job.errors)
        self._layout = job.layout

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_error: object) -> None:
        self._bad.close()

    def read(self, size: int, /) -> bytes:
        """Reads the upload, counting."""
        piece = self._file.read(size)
        self._read += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    @property
    def closed(self) -> bool:
        return self._file.closed

    def records(self) -> Records:
        """Gives the file's rows; the records that they are made of are remembered, to write the bad ones."""
        opened = import_files.records_in(self, self.job)
        self._bad.begin(opened.format)
        remembered = replace(opened, records=self._bad.remembering(opened))
        found = laid_out(remembered, layout=self.job.layout, columns=self.job.columns)
        self._layout = found.layout.name if found.layout else ""
        return replace(found.records, records=self._bad.looking_at(found.records))

    def look(self) -> None:
        """Beats every second, for reading on from the middle of a large file takes minutes."""
        if time.monotonic() - self._beaten >= BEAT_SECONDS:
            halt_if_asked(self.job)
            self._beaten = time.monotonic()

    def note(self, stored: Sequence[Stored]) -> None:
        """Writes into the row how far the file is stored, and says by it that we live."""
        prompts = [key for each in stored for key in each.prompt_keys]
        rankings = [key for each in stored for key in each.ranking_keys]
        changes = {**self.progress(), **self._time_left()}
        for name, keys in (("prompt", prompts), ("ranking", rankings)):
            if keys:  # of two workers' keys at once the ranges overlap, and each key says whose it is
                first, last = getattr(self.job, f"first_{name}"), getattr(self.job, f"last_{name}")
                changes[f"first_{name}"] = min(keys) if first is None else min(first, *keys)
                changes[f"last_{name}"] = max(keys) if last is None else max(last, *keys)
        lifecycle.heartbeat(self.job, **changes, attempts=1)  # an attempt that got on is a first one again
        for name, value in changes.items():
            setattr(self.job, name, value)
        self._bad.forget()
        self._beaten = time.monotonic()

    def progress(self) -> dict[str, Any]:
        """Gives what the row says of all that was read so far."""
        report = self.report
        changes: dict[str, Any] = {name: getattr(report, name) for name in COUNTS}
        changes |= {"place": report.n_read, "bytes_read": min(self._read, self.job.size), **self._bad.progress()}
        changes |= {"container": report.container[:80], "unit": report.unit, "layout": self._layout}
        if len(report.errors) > self._kept:
            self._kept = len(report.errors)
            changes["errors"] = [asdict(error) for error in report.errors]
        return changes

    def _time_left(self) -> dict[str, int | None]:
        now = time.monotonic()
        if self._began is None:
            self._began = now, self._read
        began, read_before = self._began
        if self._read <= read_before or self._read >= self.job.size:
            return {"seconds_left": None}
        left = (self.job.size - self._read) * (now - began) / (self._read - read_before)
        return {"seconds_left": min(round(left), MOST_SECONDS)}

    def _refused(self, number: int) -> None:
        self._bad.write(number)
