"""How far an import is, and what came of it, as a page says it: from its row alone."""

from __future__ import annotations

from dataclasses import dataclass

from formats.layouts import known
from labeling.data.importing.import_report import Group, LineError, Report, groups_of
from labeling.data.importing.upload_layouts import title_of
from labeling.models import Import
from labeling.models.imports import PAUSED

State = Import.State


@dataclass(frozen=True)
class Progress:
    """Of an import its file's bytes, of one that is taken back the prompts and rankings that it brought."""

    done: int
    total: int
    rows_a_second: int | None  # None where that isn't known
    seconds_left: int | None
    is_of_bytes: bool = True

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0


def progress_of(job: Import) -> Progress:
    """Tells how far it is. The rate is what the time left was reckoned with."""
    if job.is_undo:
        total = job.created + job.rankings + job.tagged
        done = job.undone_prompts + job.undone_rankings + job.undone_tagged + job.kept_prompts
        return Progress(min(total, done), total, None, None, is_of_bytes=False)
    rate = None
    if job.state == State.RUNNING and job.seconds_left and job.bytes_read:
        rate = round((job.size - job.bytes_read) / job.seconds_left * job.place / job.bytes_read)
    left = job.seconds_left if job.state == State.RUNNING else None
    return Progress(min(job.bytes_read, job.size), job.size, rate, left)


def acts_of(job: Import) -> list[str]:
    """Lists what can be done with it now: names of functions of import_jobs."""
    if job.state in Import.ACTIVE:
        stops = job.cancel_requested or job.pause_requested
        return [] if stops else ["cancel"] if job.is_fetch else ["pause", "cancel"]
    if job.is_fetch:
        return ["resume", "discard"]
    goes_on = ["resume"] if job.state in Import.RESUMED and (job.upload or job.is_undo) else []
    ends = ["cancel"] if job.state == PAUSED else []
    brought = job.created + job.rankings > job.undone_prompts + job.undone_rankings or job.tagged > job.undone_tagged
    return [*goes_on, *ends, *(["undo"] if brought and not (goes_on and job.is_undo) else [])]


def what_it_is(job: Import) -> str:
    """Says what the file is; empty where nothing of it has been read."""
    if not job.place:
        return ""
    title = title_of(known.BY_NAME[job.layout]) if job.layout in known.BY_NAME else ""
    return Report(container=job.container, layout=title, n_read=job.place).of_the_file


def of_the_rest(job: Import) -> str:
    """Says what became of the lines that are not bad; empty while it is at work."""
    if job.is_active:
        return ""
    return Report(created=job.created, updated=job.updated, skipped=job.skipped).of_the_rest


def errors_of(job: Import) -> list[LineError]:
    """Gives the bad lines that it keeps, the first of them."""
    return [LineError(**error) for error in job.errors]


def bad_kinds(errors: list[LineError]) -> list[Group]:
    """Puts them together by what is wrong with them, what is most first."""
    return sorted(groups_of(errors), key=lambda group: -group.count)
