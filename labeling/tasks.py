"""Doors of the Celery workers on the human side: imports. The rows are the truth; a message only says where to look."""

from __future__ import annotations

from collections.abc import Sequence

from celery import shared_task

import jobs.sweep
from jobs import shutdown
from jobs.lifecycle import Active
from jobs.locks import one_at_a_time
from labeling.data.importing import import_jobs, import_worker
from labeling.models import Import

EXPIRES_SECONDS = 5  # the sweep comes again


@shared_task(name=import_jobs.IMPORT)
def import_file(import_id: int) -> None:
    """Does this import and all that wait in its lane: large files one after another, and small ones never behind
    them."""
    lane = import_jobs.lane_of(import_id)
    if lane is None:
        return
    with one_at_a_time(f"labeling.import.{lane}") as alone:
        while alone and not shutdown.requested.is_set() and (pk := import_jobs.next_in(lane)):
            import_worker.work(pk)


def send_imports(active: Sequence[Active]) -> None:
    """Sends a message for each lane in which something waits; where it is being worked on already, it ends at once."""
    waiting = [row.pk for row in active if row.queued]
    for pk in import_jobs.first_of_lanes(waiting) if waiting else ():
        import_file.apply_async((pk,), expires=EXPIRES_SECONDS)


jobs.sweep.add(Import, send_imports)
