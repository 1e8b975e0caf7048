"""Doors of the Celery workers. The rows are the truth; a message only says that there may be something to do."""

from __future__ import annotations

import logging
from typing import Any

from celery import current_app, shared_task
from celery.signals import worker_shutting_down
from kombu.exceptions import ChannelError

from labeling.errors import PodiumError
from labeling.models import Project
from rewardtrain import policy, runs, worker
from rewardtrain.models import TrainingRun

logger = logging.getLogger(__name__)


@shared_task
def sweep() -> None:
    """Every few seconds, by beat: whatever a lost message or a dead worker left undone is found here."""
    start_due_runs()
    requeued = runs.requeue_stale()
    if any((requeued.queued, requeued.failed, requeued.cancelled)):
        logger.warning("silent runs: %s", requeued)
    ring()


@shared_task
def train(run_id: int) -> None:
    worker.work(run_id)


def start_due_runs() -> None:
    for project in Project.objects.all():
        try:
            if policy.due(project):
                run = runs.request_run(project, trigger=TrainingRun.Trigger.POLICY)
                logger.info("run %s of %s: requested by the retrain policy", run.number, project.slug)
        except PodiumError as error:  # one project's trouble is not the others'
            logger.warning("no retraining of %s: %s", project.slug, error.detail)


def ring() -> None:
    """One message for each queued run, unless earlier ones still wait: a busy worker's queue must not grow."""
    queued = list(TrainingRun.objects.filter(state=runs.State.QUEUED).order_by("pk").values_list("pk", flat=True))
    if queued and not waiting_messages(queue="train"):
        for run_id in queued:
            train.delay(run_id)


def waiting_messages(*, queue: str) -> int:
    with current_app.connection_for_write() as connection:
        try:
            channel: Any = connection.default_channel
            return int(channel.queue_declare(queue=queue, passive=True).message_count)
        except ChannelError:  # nobody has ever written to it
            return 0


@worker_shutting_down.connect
def stop_training(**details: Any) -> None:
    """On SIGTERM or Ctrl-C a run is put back with its checkpoint instead of being waited for."""
    worker.stopping.set()
