"""Imports that workers do: asked for, started, paused, resumed, cancelled, undone. Each change is written here, once.

fetch: queued -> running -> draft, or queued as a file that was sent; what stopped is resumed or discarded
draft -> queued -> running -> succeeded | failed | cancelled
                      |-> paused; what paused, failed or was cancelled is resumed where it stopped
undo: any of these that are over -> queued -> running -> succeeded
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs import lifecycle, notify
from labeling.data.hub.names import Fetched
from labeling.data.importing.background import import_files
from labeling.data.importing.background.import_files import Received
from labeling.errors import Conflict
from labeling.models import Import, Project, User
from labeling.models.imports import DRAFT, PAUSED
from labeling.models.project_lock import lock_project

IMPORT = "labeling.import_file"  # the task that is told of one that is queued: rewardtrain/tasks.py
MOST_OPEN = 20  # of a project, whose files are kept
MOST_ABANDONED = timedelta(days=1)  # after which a draft makes room for others
NAME = 200
# A small file never waits for large ones, and no more than two imports take their part of the workers at once.
LARGE = 8 * 2**20  # bytes
# A hub takes as long as it likes, and nobody's file waits for it.
LANES = ("small", "large", "hub")
NOT_HERE = ~Q(state_when_fetched="")

State = Import.State


def receive(
    project: Project,
    received: Received,
    *,
    file_name: str = "",
    by: User | None = None,
    start: bool,
    layout: str = "",
    columns: Mapping[str, str] | None = None,
) -> Import:
    """Makes an import of a file that was sent. Raises Conflict, and then deletes the file."""
    try:
        with transaction.atomic():
            number = _next_number(project)
            job = Import.objects.create(
                project=project,
                number=number,
                state=State.QUEUED if start else DRAFT,
                file_name=file_name[-NAME:],
                size=received.size,
                sha256=received.sha256,
                upload=import_files.keep(received, project, number),
                layout=layout,
                columns=dict(columns or {}),
                requested_by=by,
            )
            _tell(job)
    except BaseException:
        received.draft.unlink(missing_ok=True)
        raise
    return job


def fetch(
    project: Project,
    what: Fetched,
    *,
    by: User | None = None,
    start: bool,
    layout: str = "",
    columns: Mapping[str, str] | None = None,
) -> Import:
    """Makes an import of a dataset on a hub, which a worker is to fetch. start: it goes in as soon as it is here.

    Raises Conflict.
    """
    with transaction.atomic():
        job = Import.objects.create(
            project=project,
            number=_next_number(project),
            state=State.QUEUED,
            state_when_fetched=State.QUEUED if start else DRAFT,
            hub=str(what),
            file_name=str(what)[:NAME],
            size=0,
            sha256="",
            layout=layout,
            columns=dict(columns or {}),
            requested_by=by,
        )
        _tell(job)
    return job


def _next_number(project: Project) -> int:
    lock_project(project)
    discard_abandoned(project)
    _refuse_too_many(project)
    return lifecycle.next_number(project.imports.all())


def start(job: Import, *, layout: str = "", columns: Mapping[str, str] | None = None) -> Import:
    """Queues a draft as it is to be read. Started twice it is started once. Raises Conflict('discarded')."""
    changes = {"state": State.QUEUED, "layout": layout, "columns": dict(columns or {}), "requested_at": timezone.now()}
    if Import.objects.filter(pk=job.pk, state=DRAFT).update(**changes):
        _tell(job)
    elif not Import.objects.filter(pk=job.pk).exists():
        raise _gone(job)
    job.refresh_from_db()
    return job


def discard(job: Import) -> None:
    """Takes back a draft and its file, or what was not fetched. Raises Conflict: 'import_started', 'discarded'."""
    with transaction.atomic():
        mine = Import.objects.filter(pk=job.pk)
        draft = mine.select_for_update(of=("self",)).select_related("project").first()
        if draft is None:
            raise _gone(job)
        if draft.state != DRAFT and not (draft.is_fetch and draft.state in Import.RESUMED):
            raise _conflict("import_started", _("Import %(number)s has been started already: cancel it instead."), job)
        draft.delete()
        transaction.on_commit(lambda: _delete_files(draft))


def _delete_files(draft: Import) -> None:
    if draft.is_fetch:
        import_files.delete_fetched(draft)
    else:
        import_files.path_of(draft.upload).unlink(missing_ok=True)


def pause(job: Import) -> Import:
    """Has it stop at the end of its batch; one that waits stops at once. Raises Conflict('not_active')."""
    mine = Import.objects.filter(pk=job.pk)
    changed = mine.filter(state=State.QUEUED).update(state=PAUSED, finished_at=timezone.now())
    changed = changed or mine.filter(state=State.RUNNING).update(pause_requested=True)
    job.refresh_from_db()
    if not changed and job.state != PAUSED:
        raise _conflict("not_active", _("Import %(number)s is not at work, so there is nothing to pause."), job)
    return job


def resume(job: Import) -> Import:
    """Has it go on where it stopped. Raises Conflict: 'not_stopped', 'no_file'."""
    mine = Import.objects.filter(pk=job.pk)
    with transaction.atomic():
        stopped = mine.select_for_update().filter(state__in=Import.RESUMED).first()
        if stopped is not None and not (stopped.upload or stopped.is_undo or stopped.is_fetch):
            raise _conflict("no_file", _("The file of import %(number)s is gone: send it again."), job)
        changed = stopped is not None and _queue(job)
        changed = changed or bool(mine.filter(state=State.RUNNING, pause_requested=True).update(pause_requested=False))
    job.refresh_from_db()
    if not changed and not job.is_active:
        raise _conflict("not_stopped", _("Import %(number)s is over, so there is nothing to go on with."), job)
    return job


def cancel(job: Import) -> Import:
    """Has it stop for good at the end of its batch; what is in stays. Raises Conflict('import_ended')."""
    mine = Import.objects.filter(pk=job.pk)
    waiting = mine.filter(state__in=(PAUSED, State.QUEUED))
    changed = waiting.update(state=State.CANCELLED, finished_at=timezone.now(), pause_requested=False)
    changed = changed or mine.filter(state=State.RUNNING).update(cancel_requested=True)
    job.refresh_from_db()
    if not changed:
        raise _conflict("import_ended", _("Import %(number)s has ended already; there is nothing to cancel."), job)
    return job


def undo(job: Import) -> Import:
    """Has what it brought taken back. Raises Conflict: 'import_active', 'not_started'. Asked twice it is done once."""
    mine = Import.objects.filter(pk=job.pk)
    with transaction.atomic():
        over = mine.exclude(state__in=(DRAFT, *Import.ACTIVE))
        ended = over.select_for_update(of=("self",)).select_related("project").first()
        if ended is not None:
            again = not ended.is_undo or ended.state == State.SUCCEEDED  # else it goes on where it stopped
            fresh = {"undo_prompt": 0, "undo_ranking": 0, "kept_prompts": 0} if again else {}
            _queue(job, is_undo=True, seconds_left=None, state_when_fetched="", **fresh)
            if ended.is_fetch:
                transaction.on_commit(lambda: import_files.delete_fetched(ended))
    job.refresh_from_db()
    if job.state == DRAFT:
        raise _conflict("not_started", _("Import %(number)s was never started, so it brought nothing."), job)
    if not job.is_undo:
        raise _conflict("import_active", _("Import %(number)s is at work: pause or cancel it first."), job)
    return job


def lane_of(import_id: int) -> str | None:
    """Tells which of the two it waits in; None where there is no such import."""
    job = Import.objects.filter(pk=import_id).only("size", "state_when_fetched").first()
    if job is None:
        return None
    return "hub" if job.is_fetch else "small" if job.size < LARGE else "large"


def next_in(lane: str) -> int | None:
    """Gives the one that waits longest in a lane."""
    return _waiting_in(lane, Import.objects.all())


def first_of_lanes(import_ids: Sequence[int]) -> list[int]:
    """Gives of these the first of each lane."""
    of_these = Import.objects.filter(pk__in=import_ids)
    return [pk for lane in LANES if (pk := _waiting_in(lane, of_these))]


def _waiting_in(lane: str, rows: QuerySet[Import]) -> int | None:
    of_lane = {"small": ~NOT_HERE & Q(size__lt=LARGE), "large": ~NOT_HERE & Q(size__gte=LARGE), "hub": NOT_HERE}[lane]
    waiting = rows.filter(of_lane, state=State.QUEUED).order_by("requested_at", "pk")
    return waiting.values_list("pk", flat=True).first()


def _queue(job: Import, **changes: object) -> bool:
    fresh = {"pause_requested": False, "cancel_requested": False, "finished_at": None, "error": "", "attempts": 0}
    _tell(job)
    return bool(Import.objects.filter(pk=job.pk).update(**{**fresh, "state": State.QUEUED, **changes}))


def _tell(job: Import) -> None:
    notify.notify(IMPORT, job.pk)


def _conflict(code: str, message: str, job: Import) -> Conflict:
    return Conflict(code, message % {"number": job.number})


def _gone(job: Import) -> Conflict:
    return _conflict("discarded", _("Import %(number)s was deleted before it was started."), job)


def discard_abandoned(project: Project | None = None) -> None:
    """Discards what was sent a day ago and never started, or never came from its hub, of all projects where none is
    named."""
    before = timezone.now() - MOST_ABANDONED
    stopped = Q(NOT_HERE, state__in=Import.RESUMED, finished_at__lt=before)
    drafts = Import.objects.filter(Q(state=DRAFT, requested_at__lt=before) | stopped)
    for draft in drafts.filter(project=project) if project else drafts:
        with contextlib.suppress(Conflict):  # somebody started it just now
            discard(draft)


def _refuse_too_many(project: Project) -> None:
    if project.imports.filter(~Q(upload="") | NOT_HERE).count() >= MOST_OPEN:
        message = _(
            "%(n)d files are kept for imports that have not ended well: start, resume or undo one, or discard it first."
        )
        raise Conflict("too_many_imports", message % {"n": MOST_OPEN})
