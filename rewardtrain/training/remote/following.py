"""Short looks at the runs that a cluster has: each reads what there is to read, does what is due, and forgets all.

Whoever looks may die at any time. What was seen is in the row and in the storage, so the next look goes on from there.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping

from django.db.models import F, QuerySet

from artifacts import store
from jobs import lifecycle
from jobs.lifecycle import ClaimLost
from rewardtrain.models import TrainingRun
from rewardtrain.training.executors import offered
from rewardtrain.training.executors.executor import Executor, SchedulerAway, Seen, State
from rewardtrain.training.remote import in_bucket, last_words
from rewardtrain.training.remote.handing_over import job_of
from rewardtrain.training.remote.limits import why_end
from rewardtrain.training.remote.seen_job import SeenJob
from rewardtrain.training.run_files import files_of
from rewardtrain.training.run_progress import Progress, Tail

logger = logging.getLogger(__name__)

GONE_SECONDS = 10.0  # for what a job wrote last to be seen here; file systems of clusters tell it late


def is_needed() -> bool:
    """Tells whether a cluster has any run."""
    return _rows().exists()


def follow_all() -> list[int]:
    """Looks at every run that a cluster has, and gives those whose job has ended: see conclude()."""
    ended = []
    for name, runs in _held().items():
        executor = offered.executor(name)
        seen, trouble = _ask(executor, runs)
        for run in runs:
            try:
                if follow(run, executor, seen.get(run.job_name), trouble):
                    ended.append(run.pk)
            except ClaimLost:
                continue
            except (SchedulerAway, OSError) as error:  # the next look comes; one run's trouble is not the others'
                logger.warning("run %s of %s: %s", run.number, run.project.slug, error)
    return ended


def _held() -> dict[str, list[TrainingRun]]:
    held = defaultdict(list)
    for run in _rows().select_related("project", "dataset_version").order_by("pk"):
        held[run.executor].append(run)
    return held


def _rows() -> QuerySet[TrainingRun]:
    return TrainingRun.objects.filter(TrainingRun.FOLLOWED, state=TrainingRun.State.RUNNING)


def _ask(executor: Executor, runs: list[TrainingRun]) -> tuple[Mapping[str, Seen], str]:
    """Asks once for all of them; the second is why that failed."""
    try:
        return executor.look([run.job_name for run in runs], {run.job_name: SeenJob.of(run).id for run in runs}), ""
    except SchedulerAway as error:
        logger.warning("%s", error)
        return {}, str(error)


def follow(run: TrainingRun, executor: Executor, seen: Seen | None, trouble: str = "") -> bool:
    """Looks at one run; True where its job has ended. Raises ClaimLost, SchedulerAway, OSError."""
    job = SeenJob.of(run)
    try:
        changes = _read_progress(run, job)
    except OSError:
        job.hear()  # whoever can't be heard isn't silent: it will have time to speak once the storage is back
        _note(run, job, {})
        raise
    if trouble:
        job.reason = trouble
    said = last_words.said(run)
    is_final = said is not None and said.is_final
    if trouble or is_final:
        _note(run, job, changes)
        return is_final
    if seen is None and not job.id and not job.owner:
        return _submit(run, job, executor, changes)
    if seen and seen.is_alive:
        return _go_on(run, job, executor, seen, changes)
    is_gone = job.gone_for() >= GONE_SECONDS or run.cancel_requested
    _note(run, job, changes)
    return is_gone


def _submit(run: TrainingRun, job: SeenJob, executor: Executor, changes: dict[str, object]) -> bool:
    """Submits what no scheduler knows and no node has begun. Once a scheduler had it, its number is here."""
    if run.cancel_requested:
        return True
    try:
        job.id, job.reason = executor.submit(job_of(run)), ""
    except (SchedulerAway, ValueError) as error:
        job.reason = str(error)
        logger.warning("run %s of %s was not submitted: %s", run.number, run.project.slug, error)
    _note(run, job, changes)
    return False


def _go_on(run: TrainingRun, job: SeenJob, executor: Executor, seen: Seen, changes: dict[str, object]) -> bool:
    waits = seen.state is State.PENDING
    job.id, job.gone_at = seen.id, ""
    job.reason = seen.reason if waits else ""
    if waits:
        job.hear()  # a queue may be as long as it likes
        changes |= {"phase": "waiting", "done": 0, "total": 0}
    elif run.phase == "waiting":
        changes.setdefault("phase", "starting")
    if _note(run, job, changes) or why_end(run, job):
        executor.cancel(seen)
    return False


def _note(run: TrainingRun, job: SeenJob, changes: dict[str, object]) -> bool:
    """Writes down what was seen. True where a person asked to cancel."""
    return lifecycle.heartbeat(run, job_seen=job.as_row(), **changes)


def _read_progress(run: TrainingRun, job: SeenJob) -> dict[str, object]:
    """Reads what the job has written since the last look. Another start of it has cut the file: it is read anew."""
    changes: dict[str, object] = {}
    owner = last_words.owner(run)
    if owner and owner != job.owner:
        job.owner, job.position, job.starts = owner, 0, job.starts + 1
        job.hear()
        if job.starts > 1:
            changes["preemptions"] = F("preemptions") + 1
    tail, progress = _tail(run, job.position), Progress(run)
    progress.total_steps = run.counts.get("total_steps", 0)
    if owner and progress.read(tail.lines()):
        job.hear()
        job.position = tail.position
        progress.store_points()
    return {**changes, **progress.row()}


def _tail(run: TrainingRun, position: int) -> Tail | in_bucket.MetricsTail:
    if keeper := store.bucket():
        return in_bucket.MetricsTail(keeper, run, position)
    tail = Tail(files_of(run).metrics)
    tail.position = position
    return tail
