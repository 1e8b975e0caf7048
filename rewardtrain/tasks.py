"""Doors of the Celery workers. The rows are the truth; a message only says that there may be something to do."""

from __future__ import annotations

import logging
from typing import Any

from celery import current_app, shared_task
from celery.signals import worker_ready, worker_shutting_down
from kombu.exceptions import ChannelError

from labeling import bell
from labeling.errors import Conflict, PodiumError
from labeling.models import Project
from rewardtrain import ahead, autolabels, best_of, chunks, drift, jobs, policy, runs, worker
from rewardtrain.models import AutoLabelJob, BestOfJob, TrainingRun
from rewardtrain.models.jobs import Job

logger = logging.getLogger(__name__)

# A head, which is ready in a second, never waits behind a fine-tuning of an hour.
QUEUES = {policy.Depth.HEAD: "head", policy.Depth.FULL: "train"}
ENCODE_EXPIRES_SECONDS = 30  # a sweep asks again
JOB_EXPIRES_SECONDS = 5  # so does the sweep


@shared_task
def sweep() -> None:
    """Every few seconds, by beat: whatever a lost message or a dead worker left undone is found here."""
    start_due_runs()
    scoring = (jobs.requeue_stale(kind, advice=chunks.ADVICE) for kind in SCORING)
    for requeued in (runs.requeue_stale(), *scoring):
        if any((requeued.queued, requeued.failed, requeued.cancelled)):
            logger.warning("gone silent: %s", requeued)
    ring()
    ring_for_jobs()
    ask_to_encode()


def sweep_soon() -> None:
    """For a door at which a person asked for a run: it should not wait for beat. Call it after the request."""
    bell.tell(sweep.name)


@shared_task(name=bell.RANKED)
def ranked(project_id: int) -> None:
    """Somebody ranked something there; perhaps it was the label that a run waited for."""
    if (project := Project.objects.filter(pk=project_id).first()) and start_due(project):
        ring()


@shared_task
def encode() -> None:
    """Some prompts, then the next ones: a head that is asked for meanwhile comes between them."""
    if chunk := ahead.next_chunk():
        ahead.encode(chunk, worker.resident)
        ask_to_encode()


@shared_task
def train(run_id: int) -> None:
    worker.work(run_id)


@shared_task
def label(job_id: int) -> None:
    autolabels.work(job_id)


@shared_task
def keep_up() -> None:
    """Every minute, by beat: the drift guard's scores."""
    drift.keep_up()


@shared_task
def choose(job_id: int) -> None:
    best_of.work(job_id)


SCORING: dict[type[Job], Any] = {AutoLabelJob: label, BestOfJob: choose}  # jobs of a finished model, and their tasks


def start_due_runs() -> None:
    for project in Project.objects.all():
        start_due(project)


def start_due(project: Project) -> bool:
    started = False
    for depth in policy.Depth:
        try:
            if policy.due(project, depth):
                run = runs.request_run(project, depth=depth, trigger=TrainingRun.Trigger.POLICY)
                logger.info("run %s of %s (%s): requested by the policy", run.number, project.slug, depth)
                started = True
        except Conflict as error:  # another process asked first, as when two rankings come at once
            logger.info("no retraining (%s) of %s: %s", depth, project.slug, error.detail)
        except PodiumError as error:  # one project's trouble is not the others'
            logger.warning("no retraining (%s) of %s: %s", depth, project.slug, error.detail)
    return started


def ring() -> None:
    """One message for each queued run, unless earlier ones still wait: a busy worker's queue must not grow."""
    queued = TrainingRun.objects.filter(state=runs.State.QUEUED).order_by("pk")
    for depth, queue in QUEUES.items():
        waiting = list(queued.filter(depth=depth).values_list("pk", flat=True))
        if waiting and not waiting_messages(queue=queue):
            for run_id in waiting:
                train.apply_async((run_id,), queue=queue)


def ring_for_jobs() -> None:
    """One of each kind at a time in all of Podium, the oldest first: each keeps a model in memory and a thread here."""
    for kind, task in SCORING.items():
        rows = kind._default_manager.order_by("pk")
        waiting = rows.filter(state=runs.State.QUEUED).first()
        if waiting and not rows.filter(state=runs.State.RUNNING).exists():
            task.apply_async((waiting.pk,), expires=JOB_EXPIRES_SECONDS)


def ask_to_encode() -> None:
    queue = QUEUES[policy.Depth.HEAD]
    if ahead.next_chunk() and not waiting_messages(queue=queue):
        encode.apply_async(queue=queue, expires=ENCODE_EXPIRES_SECONDS)


def waiting_messages(*, queue: str) -> int:
    with current_app.connection_for_write() as connection:
        try:
            channel: Any = connection.default_channel
            return int(channel.queue_declare(queue=queue, passive=True).message_count)
        except ChannelError:  # nobody has ever written to it
            return 0


@worker_ready.connect
def start_resident(sender: Any, **details: Any) -> None:
    """The worker of heads has its process ready before the first run, which then waits for nothing to be loaded."""
    if QUEUES[policy.Depth.HEAD] in sender.app.amqp.queues.consume_from:
        worker.resident.start()


@worker_shutting_down.connect
def stop_training(**details: Any) -> None:
    """On SIGTERM or Ctrl-C a run is put back with its checkpoint instead of being waited for."""
    worker.stopping.set()
