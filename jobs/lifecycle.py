"""The life of a row that a worker works on: claimed by one, kept alive by its heartbeat, ended once.

    queued -> running -> succeeded | failed | cancelled
                 |-> queued again, when its worker died or was told to stop

Every change is one UPDATE whose condition names the state (and the claim) it starts from, so a second delivery of a
message, a second worker or a late one changes nothing. Training runs and the jobs of a finished model live by it.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import F, Max, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from artifacts import store
from jobs.models import Job

J = TypeVar("J", bound=Job)
State = Job.State
MAX_ATTEMPTS = 3


class ClaimLost(Exception):
    """The row is no longer this worker's: it was silent for too long and another may have it."""


@dataclass(frozen=True)
class Active:
    """A row that waits or is worked on."""

    kind: type[Job]
    pk: int
    queued: bool
    heartbeat_at: datetime | None

    @property
    def is_stale(self) -> bool:
        """Tells whether its worker went silent."""
        return not self.queued and self.heartbeat_at is not None and self.heartbeat_at < stale_before()


@dataclass(frozen=True)
class Requeued:
    """What became of the rows whose worker went silent."""

    queued: int
    failed: int
    cancelled: int


def next_number(of_the_project: QuerySet[Any]) -> int:
    """Numbers a row beside these. Call it with the project locked."""
    return 1 + (of_the_project.aggregate(last=Max("number"))["last"] or 0)


def claim(kind: type[J], pk: int, **changes: object) -> J | None:
    """Takes a queued row, or returns None: someone else has it, or it has ended."""
    now = timezone.now()
    taken = kind._default_manager.filter(pk=pk, state=State.QUEUED).update(
        state=State.RUNNING,
        attempts=F("attempts") + 1,
        worker=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        started_at=Coalesce("started_at", now),
        heartbeat_at=now,
        error="",
        **changes,
    )
    return kind._default_manager.select_related(kind.OF).get(pk=pk) if taken else None


def heartbeat(job: Job, **progress: object) -> bool:
    """Says that the claim's holder lives, and how far it is. True if a person asked to cancel. Raises ClaimLost."""
    _change(job, heartbeat_at=timezone.now(), **progress)
    return bool(type(job)._default_manager.values_list("cancel_requested", flat=True).get(pk=job.pk))


def cancel(job: Job) -> bool:
    """A queued row ends at once, a running one when its worker sees the request; False where it has ended already."""
    mine = type(job)._default_manager.filter(pk=job.pk)
    ended = mine.filter(state=State.QUEUED).update(state=State.CANCELLED, finished_at=timezone.now())
    asked = ended or mine.filter(state=State.RUNNING).update(cancel_requested=True)
    job.refresh_from_db()
    return bool(asked)


def end(job: Job, state: str, **changes: object) -> None:
    """Raises ClaimLost."""
    now = timezone.now()
    if "error" in changes:
        changes["error"] = without_folder(str(changes["error"]))
    _change(job, state=state, finished_at=now, heartbeat_at=now, worker="", **changes)


def put_back(job: Job, *, error: str = "", **changes: object) -> None:
    """Puts it back into the queue because this worker is told to stop, or what it needs is away for now.

    That is no failed attempt, so it isn't counted.
    """
    attempts, error = F("attempts") - 1, without_folder(error)
    _change(job, state=State.QUEUED, worker="", error=error, attempts=attempts, **job.WHEN_QUEUED, **changes)


def put_back_all(kind: type[Job], *, silent_since: datetime) -> None:
    """Puts back all that workers of another site held, as of a backup: that is no failed attempt of theirs."""
    theirs = kind._default_manager.filter(state=State.RUNNING, heartbeat_at__lt=silent_since)
    theirs.filter(cancel_requested=True).update(state=State.CANCELLED, worker="", finished_at=timezone.now())
    attempts = Greatest(F("attempts") - 1, 0)
    theirs.update(state=State.QUEUED, worker="", attempts=attempts, **kind.WHEN_QUEUED)
    if kind.WHEN_RESTORED:
        kind._default_manager.filter(state=State.QUEUED).update(**kind.WHEN_RESTORED)


def try_again(job: Job, error: str) -> None:
    """Puts it back after a death that the next attempt may not meet; after the last attempt it has failed."""
    error = without_folder(error)
    if not held(job).filter(attempts__gte=MAX_ATTEMPTS).update(**_given_up(error, job.ADVICE)):
        _change(job, state=State.QUEUED, worker="", error=error, **job.WHEN_QUEUED)


def active(kinds: Iterable[type[Job]]) -> list[Active]:
    """Lists all of these kinds that wait or are worked on, the oldest first, in one statement."""
    kinds = list(kinds)
    columns = ("nth_kind", "pk", "state", "heartbeat_at")  # a name that no kind has a field of
    rows = [
        kind._default_manager.filter(state__in=Job.ACTIVE)
        .annotate(nth_kind=Value(nth))
        .order_by()
        .values_list(*columns)
        for nth, kind in enumerate(kinds)
    ]
    due = rows[0].union(*rows[1:], all=True).order_by("pk")
    return [Active(kinds[nth], pk, state == State.QUEUED, beat) for nth, pk, state, beat in due]


def stale_before() -> datetime:
    return timezone.now() - timedelta(seconds=settings.RUN_STALE_SECONDS)


def requeue_stale(kind: type[Job]) -> Requeued:
    """Rows whose worker went silent go back into the queue; after the last attempt they have failed."""
    stale = kind._default_manager.filter(state=State.RUNNING, heartbeat_at__lt=stale_before())
    if kind.FOLLOWED is not None:
        stale = stale.exclude(kind.FOLLOWED)
    error = f"The worker said nothing for {settings.RUN_STALE_SECONDS} s."
    return Requeued(
        cancelled=stale.filter(cancel_requested=True).update(
            state=State.CANCELLED, worker="", finished_at=timezone.now()
        ),
        failed=stale.filter(attempts__gte=MAX_ATTEMPTS).update(**_given_up(error, kind.ADVICE)),
        queued=stale.update(state=State.QUEUED, worker="", error=error, **kind.WHEN_QUEUED),
    )


def held(job: J) -> QuerySet[J]:
    """Gives the row, as long as the claim that `job` was read with holds it."""
    return type(job)._default_manager.filter(pk=job.pk, state=State.RUNNING, worker=job.worker)


def _change(job: Job, **changes: object) -> None:
    if not held(job).update(**changes):
        raise ClaimLost(f"{job} ({job.pk}) is no longer held by {job.worker}")


def without_folder(error: str) -> str:
    """People of a project read it, who needn't know where on the server the models lie: paths begin below that."""
    return error.replace(os.path.join(store.root(), ""), "")


def _given_up(error: str, advice: str) -> dict[str, object]:
    return {
        "state": State.FAILED,
        "worker": "",
        "finished_at": timezone.now(),
        "error": f"Gave up after {MAX_ATTEMPTS} attempts. {error} {advice}",
    }
