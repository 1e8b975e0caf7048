"""Doors of the Celery workers. The rows are the truth; a message only says that there may be something to do."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

from celery import current_app, shared_task
from celery.signals import worker_ready, worker_shutting_down
from kombu.exceptions import ChannelError

import jobs.sweep
from jobs import locks, notify, shutdown
from jobs.lifecycle import Active
from labeling.answers import rankings
from labeling.answers.search import texts
from labeling.data.bulk import bulk_jobs, bulk_worker
from labeling.data.deleting import deletion_worker, deletions
from labeling.data.importing.background import import_jobs, import_worker
from labeling.data.leaving import erasure_worker, erasures
from labeling.data.reviewing import leavers
from labeling.errors import Conflict, PodiumError
from labeling.models import BulkAct, Import, PersonErasure, Project, ProjectDeletion
from labeling.quality.checks import acting
from rewardtrain.automatic import auto_labels, best_of
from rewardtrain.models import AutoLabelJob, BestOfJob, TrainingRun
from rewardtrain.monitoring import contradictions, drift
from rewardtrain.training import due, policy, prefill, runs, worker
from rewardtrain.training.remote import concluding, following

logger = logging.getLogger(__name__)

# A head, which is ready in a second, never waits behind a fine-tuning of an hour.
QUEUES = {policy.Depth.HEAD: "head", policy.Depth.FULL: "train", policy.Depth.NONE: "train"}
ENCODE_EXPIRES_SECONDS = 30  # a sweep asks again
JOB_EXPIRES_SECONDS = 5  # so does the sweep
STARTS_AT_ONCE = 10  # runs that one sweep asks for; each freezes a dataset version

_refusals: dict[tuple[int, policy.Depth], str] = {}  # the last of each policy, as this process logged it


@shared_task
def sweep() -> None:
    """Sweeps every few seconds, by beat: whatever a lost message or a dead worker left undone is found here.

    At most twelve statements where there is nothing to do, whatever the number of projects, and one sweep at a time:
    the next comes in any case.
    """
    with locks.one_at_a_time("sweep") as alone:
        if not alone:
            return
        notify.note_sweep()
        start_due_runs()
        jobs.sweep.look()
        acting.look()
        ask_to_encode()
        texts.read()


def sweep_soon() -> None:
    """Looks at once, for a door at which a person asked for a run: it should not wait for beat.

    Call it after the request.
    """
    notify.notify(sweep.name)


@shared_task(name=rankings.RANKED)
def ranked(project_id: int) -> None:
    """Somebody ranked something there; perhaps it was the label that a run waited for."""
    notify.begin(rankings.RANKED, project_id)
    acting.look(project_id)
    project = Project.objects.filter(pk=project_id).first()
    started = [start(wanted) for wanted in due.due(project)] if project else []
    if any(started):
        jobs.sweep.send_messages()


@shared_task
def encode() -> None:
    """Encodes some prompts, then the next ones: a head that is asked for meanwhile comes between them."""
    if batch := prefill.next_batch():
        prefill.encode(batch, worker.warm_process)
        ask_to_encode()


@shared_task
def train(run_id: int) -> None:
    worker.work(run_id)


@shared_task
def follow_runs() -> None:
    """Looks at the runs that a cluster has, for a moment: sent by each sweep."""
    with locks.one_at_a_time("rewardtrain.follow_runs") as alone:
        for run_id in following.follow_all() if alone else ():
            conclude_run.apply_async((run_id,), expires=JOB_EXPIRES_SECONDS)


@shared_task
def conclude_run(run_id: int) -> None:
    """Ends a run whose job has ended, which takes as long as it takes to read a model: one at a time in all of Podium,
    and the next sweep asks for the others."""
    with locks.one_at_a_time("rewardtrain.conclude_run") as alone:
        if alone:
            concluding.conclude(run_id)


@shared_task
def label(job_id: int) -> None:
    auto_labels.work(job_id)


@shared_task
def keep_up() -> None:
    """Brings the drift guard's scores up to date and reviewers what waits for them, and deletes files that nobody
    started or needs any more, every minute by beat."""
    with locks.one_at_a_time("keep_up") as alone:
        if alone:
            import_jobs.discard_abandoned()
            drift.keep_up()
            contradictions.look()
            leavers.look()
            concluding.clear_leftovers()


@shared_task
def choose(job_id: int) -> None:
    best_of.work(job_id)


@shared_task(name=import_jobs.IMPORT)
def import_file(import_id: int) -> None:
    """Does this import and all that wait in its lane: large files one after another, small ones never behind them."""
    lane = import_jobs.lane_of(import_id)
    if lane is None:
        return
    with locks.one_at_a_time(f"labeling.import.{lane}") as alone:
        while alone and not shutdown.requested.is_set() and (pk := import_jobs.next_in(lane)):
            import_worker.work(pk)


@shared_task(name=deletions.DELETE)
def delete_project(deletion_id: int) -> None:
    """Does this and all that wait, one after another in all of Podium."""
    with locks.one_at_a_time("labeling.deletion") as alone:
        if alone:
            deletion_worker.work_all()


@shared_task(name=erasures.ERASE)
def erase_person(erasure_id: int) -> None:
    """Does this and all that wait, one after another in all of Podium."""
    with locks.one_at_a_time("labeling.erase_person") as alone:
        if alone:
            erasure_worker.work_all()


@shared_task(name=bulk_jobs.BULK)
def bulk_act(act_id: int) -> None:
    """Does this and all that wait, one after another in all of Podium."""
    with locks.one_at_a_time("labeling.bulk_act") as alone:
        if alone:
            bulk_worker.work_all()


def start_due_runs() -> None:
    """Starts of a flood of projects some in each sweep, drawn anew, so that no one's trouble keeps out the others."""
    wanted = due.due()
    if len(wanted) > STARTS_AT_ONCE:
        wanted = random.sample(wanted, STARTS_AT_ONCE)
    for each in wanted:
        start(each)


def start(wanted: due.Due) -> bool:
    project, depth = wanted.project, wanted.depth
    try:
        run = runs.request_run(project, depth=depth, trigger=TrainingRun.Trigger.POLICY)
    except Conflict as error:  # another process asked first, as when two rankings come at once
        logger.info("no retraining (%s) of %s: %s", depth, project.slug, error.detail)
        return False
    except PodiumError as error:  # one project's trouble is not the others'
        if _refusals.get((project.pk, depth)) != error.detail:  # the runs' page says it too; each sweep needn't
            logger.warning("no retraining (%s) of %s: %s", depth, project.slug, error.detail)
        _refusals[project.pk, depth] = error.detail
        return False
    _refusals.pop((project.pk, depth), None)
    logger.info("run %s of %s (%s): requested by the policy", run.number, project.slug, depth)
    return True


def send_runs(active: Sequence[Active]) -> None:
    """Has the runs of clusters looked at, and sends one message for each queued run.

    Not while earlier ones still wait: a busy worker's queue must not grow.
    """
    if any(not row.queued for row in active) and following.is_needed():
        follow_runs.apply_async(expires=JOB_EXPIRES_SECONDS)
    queued = [row.pk for row in active if row.queued]
    depths = dict(TrainingRun.objects.filter(pk__in=queued).values_list("pk", "depth")) if queued else {}
    for depth, queue in QUEUES.items():
        waiting = [pk for pk in queued if depths.get(pk) == depth]
        if waiting and not waiting_messages(queue=queue):
            for run_id in waiting:
                train.apply_async((run_id,), queue=queue)


def send_oldest(task: Any, active: Sequence[Active]) -> None:
    """Sends one at a time in all of Podium, the oldest first: each keeps a model in memory and a thread here."""
    if active and all(row.queued for row in active):
        task.apply_async((active[0].pk,), expires=JOB_EXPIRES_SECONDS)


def send_imports(active: Sequence[Active]) -> None:
    """Sends a message for each lane in which something waits; where it is being worked on already, it ends at once."""
    waiting = [row.pk for row in active if row.queued]
    for pk in import_jobs.first_of_lanes(waiting) if waiting else ():
        import_file.apply_async((pk,), expires=JOB_EXPIRES_SECONDS)


def send_deletions(active: Sequence[Active]) -> None:
    waiting = [row.pk for row in active if row.queued]
    if waiting:
        delete_project.apply_async((waiting[0],), expires=JOB_EXPIRES_SECONDS)


def send_erasures(active: Sequence[Active]) -> None:
    waiting = [row.pk for row in active if row.queued]
    if waiting:
        erase_person.apply_async((waiting[0],), expires=JOB_EXPIRES_SECONDS)


def send_bulk_acts(active: Sequence[Active]) -> None:
    waiting = [row.pk for row in active if row.queued]
    if waiting:
        bulk_act.apply_async((waiting[0],), expires=JOB_EXPIRES_SECONDS)


jobs.sweep.add(TrainingRun, send_runs)
jobs.sweep.add(ProjectDeletion, send_deletions)
jobs.sweep.add(PersonErasure, send_erasures)
jobs.sweep.add(BulkAct, send_bulk_acts)
jobs.sweep.add(Import, send_imports)
jobs.sweep.add(AutoLabelJob, partial(send_oldest, label))
jobs.sweep.add(BestOfJob, partial(send_oldest, choose))


def ask_to_encode() -> None:
    queue = QUEUES[policy.Depth.HEAD]
    if prefill.is_behind() and not waiting_messages(queue=queue):
        encode.apply_async(queue=queue, expires=ENCODE_EXPIRES_SECONDS)


def waiting_messages(*, queue: str) -> int:
    with current_app.connection_for_write() as connection:
        try:
            channel: Any = connection.default_channel
            return int(channel.queue_declare(queue=queue, passive=True).message_count)
        except ChannelError:  # nobody has ever written to it
            return 0


@worker_ready.connect
def start_warm_process(sender: Any, **details: Any) -> None:
    """The worker of heads has its process ready before the first run, which then waits for nothing to be loaded."""
    if QUEUES[policy.Depth.HEAD] in sender.app.amqp.queues.consume_from:
        worker.warm_process.start()


@worker_shutting_down.connect
def stop_training(**details: Any) -> None:
    """Has a run put back on SIGTERM or Ctrl-C with its checkpoint instead of being waited for."""
    shutdown.requested.set()
