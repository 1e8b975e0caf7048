"""Ends a run whose job has ended: as its model, its failure, back in the queue, or with one more job that compares."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import suppress
from functools import partial

from django.db.models import F

from artifacts import folder_manifest, store
from artifacts.errors import Changed, StorageAway
from jobs import lifecycle
from jobs.lifecycle import ClaimLost
from labeling.data.leaving import erasures
from labeling.errors import Invalid
from labeling.models.database_errors import in_words
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry.champions import Baselines
from rewardtrain.training import baselines, worker
from rewardtrain.training.executors import offered
from rewardtrain.training.executors.executor import SchedulerAway, Seen, State
from rewardtrain.training.remote import in_bucket, last_words
from rewardtrain.training.remote.handing_over import dismiss, hand_over
from rewardtrain.training.remote.last_words import Said
from rewardtrain.training.remote.limits import why_end
from rewardtrain.training.remote.seen_job import SeenJob
from rewardtrain.training.run_files import Files, files_of
from rewardtrain.training.watched_process import Ended, alongside

logger = logging.getLogger(__name__)

AT_ONCE = 20  # runs that are cleared by one call


def conclude(run_id: int) -> None:
    """Ends the run, if its job is over and nobody has done so before. Killed anywhere, the next call goes on."""
    held = TrainingRun.objects.filter(TrainingRun.FOLLOWED, pk=run_id, state=TrainingRun.State.RUNNING)
    run = held.select_related("project", "dataset_version").first()
    if run is None:
        return
    files = files_of(run)
    try:
        _conclude(run, files)
        _clear(run, files)
    except ClaimLost:
        logger.warning("run %s of %s: somebody else has ended it", run.number, run.project.slug)
    except (SchedulerAway, StorageAway, OSError) as error:  # the next look comes
        logger.warning("run %s of %s: %s", run.number, run.project.slug, error)
    except Exception as error:
        lifecycle.try_again(run, in_words(error))
        raise


def _clear(run: TrainingRun, files: Files) -> None:
    """Drops what its jobs have sent, once the run is over."""
    run.refresh_from_db()
    if (keeper := store.bucket()) and run.state not in TrainingRun.ACTIVE:
        in_bucket.forget(keeper, run, files)


def clear_leftovers() -> None:
    """Drops what is left in a bucket of runs that ended where nobody dropped it: cancelled while they waited again, or
    by a process that was killed. Raises StorageAway."""
    if keeper := store.bucket():
        over = TrainingRun.objects.exclude(state__in=TrainingRun.ACTIVE).exclude(job_files={}, job_said={})
        for run in over.order_by("pk")[:AT_ONCE]:
            in_bucket.forget(keeper, run, files_of(run))


def _conclude(run: TrainingRun, files: Files) -> None:
    said = last_words.said(run)
    if (keeper := store.bucket()) and said:
        in_bucket.bring_log(keeper, run, files)
    if run.cancel_requested:
        with suppress(OSError):  # its job has ended, or will find that the run's folder is gone
            dismiss(files)
        lifecycle.end(run, TrainingRun.State.CANCELLED)
    elif said and said.code == 0:
        dismiss(files)  # a node that was thought lost may be about to publish the same once more
        _register(run, files, said)
        return
    elif said and said.is_final and files.log.exists():
        worker.settle(run, files, Ended(said.code))
        return
    elif said and said.is_final:
        lifecycle.try_again(run, last_words.error(run))
    else:
        executor = offered.executor(run.executor)
        seen = executor.look([run.job_name], {run.job_name: SeenJob.of(run).id}).get(run.job_name)
        if seen and seen.is_alive:
            return
        if seen and seen.state is State.LOST:
            executor.cancel(seen)  # or it would begin again when its node is back
        _give_back(run, files, said, seen)
    worker.forget_names(run, files)


def _give_back(run: TrainingRun, files: Files, said: Said | None, seen: Seen | None) -> None:
    """Queues a run again whose job had no time to say how it ended, or has it fail."""
    job, state = SeenJob.of(run), seen.state if seen else None
    reason = f" ({seen.reason})" if seen and seen.reason else ""
    if why := why_end(run, job):
        lifecycle.end(run, TrainingRun.State.FAILED, error=why)
    elif state is State.CANCELLED:
        why = "Its job was cancelled in the cluster, not here: ask who looks after the cluster."
        lifecycle.end(run, TrainingRun.State.FAILED, error=why)
    elif state is State.PREEMPTED:
        why = f"Its job made way for another one{reason}; it goes on from its last checkpoint."
        lifecycle.put_back(run, error=why, preemptions=F("preemptions") + 1)
    elif said:  # it had time for a checkpoint
        why = last_words.why_stopped(files)
        lifecycle.put_back(run, error=why, preemptions=F("preemptions") + 1)
    elif state is State.TIMED_OUT:
        why = f"Its job came to its limit of {run.resources.get('hours')} h; give such jobs more."
        lifecycle.try_again(run, why)
    elif state is State.ENDED:
        lifecycle.try_again(run, (seen.last_words if seen else "") or last_words.error(run))
    elif state is State.LOST:
        lifecycle.try_again(run, f"The node of its job was lost{reason}.")
    else:
        lifecycle.try_again(run, "The cluster knows its job no more: it was deleted there, or lost with its node.")


def _register(run: TrainingRun, files: Files, said: Said) -> None:
    """Stores the model, once its reports compare with whom the gate asks for: else one more job makes those.

    Not while a person is erased whose name the reports may have: the next look comes.
    """
    if erasures.are_at_work(run.project):
        return
    job = SeenJob.of(run)
    try:
        if keeper := store.bucket():
            alongside(run, partial(in_bucket.bring_made, keeper, run, files))
        check_artifact(files, said)
    except (Changed, ValueError, FileNotFoundError) as error:
        last_words.require_storage()
        _drop_made(run, files)
        lifecycle.try_again(run, str(error))
        return
    models = RewardModel.objects.in_bulk([pk for pk in (job.champion, job.head) if pk])
    compared = Baselines(models.get(job.champion or 0), models.get(job.head or 0))
    baselines.note(files, compared, data=job.data)
    lacking, _ = baselines.lacking(run, files)
    last_try = job.round >= worker.COMPARISONS
    if lacking and (not last_try or baselines.is_renamed(run, files)):
        try:
            hand_over(run, files, round=job.round + 1)
        except Invalid as error:
            lifecycle.end(run, TrainingRun.State.FAILED, error=error.detail)
    elif worker.succeed(run, files, last_try=last_try):
        shutil.rmtree(files.out / "checkpoints", ignore_errors=True)


def _drop_made(run: TrainingRun, files: Files) -> None:
    """Takes model and report away: a job that found them would have nothing left to do."""
    if keeper := store.bucket():
        in_bucket.drop_made(keeper, run)
    shutil.rmtree(files.model, ignore_errors=True)
    files.report.unlink(missing_ok=True)


def check_artifact(files: Files, said: Said) -> None:
    """Compares every file of the model with its manifest, and that with what the job said. Raises Changed."""
    manifest = files.model / folder_manifest.MANIFEST
    folder_manifest.check(manifest, said.manifest_sha256, "the model's manifest")
    for part in folder_manifest.parts_of(manifest.read_bytes(), "model"):
        folder_manifest.check(files.model / part.name, part.sha256, part.name)
    json.loads(files.report.read_text(encoding="utf-8"))
