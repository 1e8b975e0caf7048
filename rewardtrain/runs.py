"""The life of a training run: requested, claimed by one worker, kept alive by its heartbeat, ended once.

    queued -> running -> succeeded | failed | cancelled
                 |-> queued again, when its worker died or was told to stop

Every change is one UPDATE whose condition names the state (and the claim) it starts from, so a second delivery of a
message, a second worker or a late one changes nothing.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling import datasets
from labeling.errors import Conflict, Invalid
from labeling.models import Project, User
from rewardtrain import policy
from rewardtrain.models import RewardModel, RunPoint, TrainingRun

State = TrainingRun.State
MAX_ATTEMPTS = 3


class ClaimLost(Exception):
    """The run is no longer this worker's: it was silent for too long and another may have it."""


@dataclass(frozen=True)
class Requeued:
    """What became of the runs whose worker went silent."""

    queued: int
    failed: int
    cancelled: int


# --- Asking for a run -------------------------------------------------------------------------------------------------


def request_run(
    project: Project,
    *,
    by: User | None = None,
    depth: policy.Depth = policy.Depth.FULL,
    trigger: str = TrainingRun.Trigger.MANUAL,
    training: Mapping[str, object] | None = None,
) -> TrainingRun:
    """Freezes today's rankings and queues a run on them.

    `training` goes over the policy's settings. Raises Conflict('run_active') while another run of this depth is queued
    or running, and Invalid: 'too_few_pairs', 'bad_setting', 'no_backbone'.
    """
    values = policy.settings_of(project, {**policy.get_policy(project).training, **(training or {})})
    config = policy.check_training(values, depth)
    if lacking := policy.lacking(project, config):
        raise Invalid("too_few_pairs", lacking)
    with transaction.atomic():
        # Two requests at once: the second waits here and then sees the first one's run.
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        refuse_active(project, depth)
        version = datasets.freeze(project, by=by)
        number = 1 + (TrainingRun.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0)
        return TrainingRun.objects.create(
            project=project,
            number=number,
            dataset_version=version,
            depth=depth,
            trigger=trigger,
            requested_by=by,
            training=config.to_dict(),
            folder=f"projects/{project.pk}/runs/{number}",
        )


def refuse_active(project: Project, depth: policy.Depth) -> None:
    active = TrainingRun.objects.filter(project=project, depth=depth, state__in=policy.ACTIVE).first()
    if active:
        words = {
            State.QUEUED: _("Run %(number)s is queued; wait for its end, or cancel it."),
            State.RUNNING: _("Run %(number)s is running; wait for its end, or cancel it."),
        }
        raise Conflict("run_active", words[State(active.state)] % {"number": active.number})


def cancel(run: TrainingRun) -> TrainingRun:
    """A queued run ends at once; a running one when its worker sees the request, in a second or two.

    Raises Conflict('run_ended') where there is nothing left to cancel.
    """
    mine = TrainingRun.objects.filter(pk=run.pk)
    ended = mine.filter(state=State.QUEUED).update(state=State.CANCELLED, finished_at=timezone.now())
    if not ended and not mine.filter(state=State.RUNNING).update(cancel_requested=True):
        run.refresh_from_db()
        words = _("Run %(number)s has ended already; there is nothing to cancel.")
        raise Conflict("run_ended", words % {"number": run.number})
    run.refresh_from_db()
    return run


# --- What a worker does -----------------------------------------------------------------------------------------------


def claim(run_id: int) -> TrainingRun | None:
    """Takes a queued run, or returns None: someone else has it, or it has ended."""
    token = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    now = timezone.now()
    taken = TrainingRun.objects.filter(pk=run_id, state=State.QUEUED).update(
        state=State.RUNNING,
        attempts=F("attempts") + 1,
        worker=token,
        started_at=Coalesce("started_at", now),
        heartbeat_at=now,
        phase="starting",
        error="",
    )
    return TrainingRun.objects.select_related("project", "dataset_version").get(pk=run_id) if taken else None


def heartbeat(run: TrainingRun, **progress: object) -> bool:
    """Says that the claim's holder lives, and how far it is. True if a person asked to cancel. Raises ClaimLost."""
    if not held(run).update(heartbeat_at=timezone.now(), **progress):
        raise ClaimLost(f"run {run.pk} is no longer held by {run.worker}")
    return bool(TrainingRun.objects.values_list("cancel_requested", flat=True).get(pk=run.pk))


def add_points(run: TrainingRun, points: list[RunPoint], *fields: str) -> None:
    """Writes these fields of the run's curves; a step that is there already is overwritten, as after a resume."""
    RunPoint.objects.bulk_create(
        points, update_conflicts=True, unique_fields=("run", "step"), update_fields=fields, batch_size=500
    )


def finish(run: TrainingRun) -> None:
    """Call it in the transaction that registers the model. Raises ClaimLost."""
    end(run, State.SUCCEEDED, phase="done")


def fail(run: TrainingRun, error: str) -> None:
    end(run, State.FAILED, error=error)


def cancelled(run: TrainingRun) -> None:
    end(run, State.CANCELLED)


def end(run: TrainingRun, state: str, **changes: object) -> None:
    now = timezone.now()
    if not held(run).update(state=state, finished_at=now, heartbeat_at=now, worker="", **changes):
        raise ClaimLost(f"run {run.pk} is no longer held by {run.worker}")


def put_back(run: TrainingRun) -> None:
    """Back into the queue because this worker is told to stop. That is no failed attempt, so it isn't counted."""
    if not held(run).update(state=State.QUEUED, worker="", phase="", attempts=F("attempts") - 1):
        raise ClaimLost(f"run {run.pk} is no longer held by {run.worker}")


def try_again(run: TrainingRun, error: str) -> None:
    """After a death that the next attempt may not meet: back into the queue, or failed after the last attempt."""
    mine = held(run)
    if not (
        mine.filter(attempts__gte=MAX_ATTEMPTS).update(**given_up(error))
        or mine.update(state=State.QUEUED, worker="", phase="", error=error)
    ):
        raise ClaimLost(f"run {run.pk} is no longer held by {run.worker}")


def requeue_stale() -> Requeued:
    """Runs whose worker went silent go back into the queue; after the last attempt they have failed."""
    limit = timezone.now() - timedelta(seconds=settings.RUN_STALE_SECONDS)
    stale = TrainingRun.objects.filter(state=State.RUNNING, heartbeat_at__lt=limit)
    error = f"The worker said nothing for {settings.RUN_STALE_SECONDS} s."
    return Requeued(
        cancelled=stale.filter(cancel_requested=True).update(
            state=State.CANCELLED, worker="", finished_at=timezone.now()
        ),
        failed=stale.filter(attempts__gte=MAX_ATTEMPTS).update(**given_up(error)),
        queued=stale.update(state=State.QUEUED, worker="", phase="", error=error),
    )


def given_up(error: str) -> dict[str, object]:
    advice = "See the train worker's log and the memory of its machine, then retrain."
    return {
        "state": State.FAILED,
        "worker": "",
        "finished_at": timezone.now(),
        "error": f"Gave up after {MAX_ATTEMPTS} attempts. {error} {advice}",
    }


def held(run: TrainingRun) -> QuerySet[TrainingRun]:
    """The row, as long as the claim that `run` was read with holds it."""
    return TrainingRun.objects.filter(pk=run.pk, state=State.RUNNING, worker=run.worker)


# --- Where its files are ----------------------------------------------------------------------------------------------


def model_storage() -> FileSystemStorage:
    """Dataset versions, runs and models. Training reads and writes plain folders, so it is a file system."""
    storage = storages["models"]
    assert isinstance(storage, FileSystemStorage)
    return storage


def model_folder(model: RewardModel) -> Path:
    """A Hugging Face folder."""
    return Path(model_storage().path(model.folder))


def curve(run: TrainingRun) -> list[RunPoint]:
    return list(RunPoint.objects.filter(run=run).order_by("step"))
