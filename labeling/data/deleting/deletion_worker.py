"""Deletes a project as far as it gets: it may be killed anywhere, and goes on where it was."""

from __future__ import annotations

import logging
from collections.abc import Callable

from artifacts import store
from artifacts.errors import StorageAway
from jobs import lifecycle, shutdown
from labeling.data.deleting import deletions, rows
from labeling.models import ProjectDeletion
from labeling.models.database_errors import in_words

logger = logging.getLogger(__name__)

_forget: list[Callable[[int], None]] = []  # what else is kept of a project on the disk, by its key


def also(forget: Callable[[int], None]) -> None:
    """Calls it with the key of each project that is gone; twice must be harmless."""
    _forget.append(forget)


def work_all() -> None:
    """Takes each that waits, once: one whose project is still worked on waits for the next time."""
    waiting = ProjectDeletion.objects.filter(state=ProjectDeletion.State.QUEUED).order_by("pk")
    for pk in waiting.values_list("pk", flat=True):
        if not shutdown.requested.is_set():
            work(pk)


def work(pk: int, told: Callable[[ProjectDeletion], None] = lambda job: None) -> None:
    """Takes the deletion if it is still to be had. Doing it twice is harmless. `told` is called after each batch."""
    job = lifecycle.claim(ProjectDeletion, pk)
    if job is None:
        return
    try:
        if job.project_id and not deletions.end_work(job.project_id):
            lifecycle.put_back(job, error="A worker is still at work on it, and was asked to end.")
            return
        if not _delete_rows(job, told):
            lifecycle.put_back(job)
            return
        store.remove_below(f"projects/{job.project_key}")
        for forget in _forget:
            forget(job.project_key)
        lifecycle.end(job, job.State.SUCCEEDED, error="")
        logger.info("project %s (%s) is deleted", job.slug, job.project_key)
    except lifecycle.ClaimLost:
        logger.warning("%s: another worker has taken it over", job)
    except StorageAway as error:  # its rows are gone; the files go when the storage answers
        lifecycle.put_back(job, error=str(error))
    except Exception as error:
        lifecycle.try_again(job, in_words(error))
        raise


def _delete_rows(job: ProjectDeletion, told: Callable[[ProjectDeletion], None]) -> bool:
    """Tells whether all are gone: not where this process is told to end before."""
    if not job.project_id:
        return True
    for n in rows.delete(job.project_id):
        job.done += n
        lifecycle.heartbeat(job, done=job.done, attempts=1)  # an attempt that got on is a first one again
        told(job)
        if shutdown.requested.is_set():
            return False
    return True
