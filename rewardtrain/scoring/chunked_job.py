"""Carries out a job of a finished model: scores chunk after chunk, and notes each with how far it has come.

A chunk's results and the progress commit together, so a job that is interrupted anywhere goes on after the last whole
chunk. While a chunk is scored the row's heart beats on, and a person's cancelling or our shutting down is heard.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connections, transaction

from jobs import lifecycle, shutdown
from jobs.lifecycle import State
from jobs.pacing import next_size
from labeling.errors import PodiumError
from labeling.models.database_errors import in_words
from rewardtrain.models import RewardModel
from rewardtrain.models.scoring_jobs import ScoringJob
from rewardtrain.scoring import service_client

AIM_SECONDS = 5.0  # of a chunk: what an interruption costs, and how often the page has news
FIRST_SIZE, GROWTH, LARGEST_SIZE = 16, 4, 512  # rows
CHARACTERS = 4_000_000  # of a chunk
CHUNK_SECONDS = 10 * 60.0  # a request that takes longer than this hangs
PATIENCE_SECONDS = 10 * 60.0  # with a scoring service that is down, being started again or busy
BEAT_SECONDS = 1.0
MOST_NAMED = 20  # rows that can't be read; the rest is counted, and in the worker's log
PASSING = ("down", "busy", "timeout", "starting")  # codes of what may be over in a while

logger = logging.getLogger(__name__)

T = TypeVar("T")
Answer = dict[str, Any]  # as scoring.score_many gives it


@dataclass(frozen=True)
class Chunk:
    """What to score next, as scoring.score_many takes it, what each row is called, and what to do with the answers.

    `store` runs in the transaction that notes the progress, and returns changes of the job's row.
    """

    rows: Sequence[Mapping[str, object]]
    names: Sequence[str]
    store: Callable[[list[Answer]], dict[str, Any]]


def carry_out(
    job: ScoringJob,
    model: RewardModel,
    take: Callable[[int], Chunk | None],
    *,
    at_end: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Brings a claimed job as far as it can. `take` gives the next chunk, of that size; None where all is done.

    `at_end` gives what is written into the row with its success.
    """
    try:
        if _all(job, model, take):
            finish(job, at_end)
    except lifecycle.ClaimLost:
        logger.warning("%s: another worker has taken it over", job)
    except service_client.Unavailable as error:
        lifecycle.try_again(job, error.detail)
    except PodiumError as error:
        lifecycle.end(job, State.FAILED, error=error.detail)
    except Exception as error:
        lifecycle.try_again(job, in_words(error))
        raise


def finish(job: ScoringJob, at_end: Callable[[], dict[str, Any]]) -> None:
    """Ends the job: succeeded where anything could be read."""
    if job.done and job.unread == job.done:
        first = "{row}: {error}".format(**job.unread_rows[0])
        lifecycle.end(
            job, State.FAILED, total=job.done, error=f"None of the {job.done} texts could be read. First {first}"
        )
    else:
        lifecycle.end(job, State.SUCCEEDED, total=job.done, **at_end())


def _all(job: ScoringJob, model: RewardModel, take: Callable[[int], Chunk | None]) -> bool:
    """Works through all rows; False where it was interrupted, and the row says how."""
    size = FIRST_SIZE
    while chunk := take(size):
        began = time.monotonic()
        answers = _score(job, model, chunk)
        if answers is None:
            return False
        note(job, chunk, answers)
        seconds = time.monotonic() - began
        size = next_size(len(chunk.rows), seconds, aim=AIM_SECONDS, growth=GROWTH, largest=LARGEST_SIZE)
    return True


def note(job: ScoringJob, chunk: Chunk, answers: list[Answer]) -> None:
    """An attempt that got on is a first one again: three deaths in a row are too many, three in a long job are not."""
    unread = [
        {"row": name, "error": answer["error"]}
        for name, answer in zip(chunk.names, answers, strict=True)
        if "error" in answer
    ]
    for each in unread:
        logger.warning("%s: %s can't be read: %s", job, each["row"], each["error"])
    counts = {
        "done": job.done + len(chunk.rows),
        "unread": job.unread + len(unread),
        "unread_rows": [*job.unread_rows, *unread][:MOST_NAMED],
    }
    with transaction.atomic():
        changes = {**chunk.store(answers), **counts, "attempts": 1}
        lifecycle.heartbeat(job, **changes)
    for name, value in changes.items():
        setattr(job, name, value)


def _score(job: ScoringJob, model: RewardModel, chunk: Chunk) -> list[Answer] | None:
    """Scores a chunk; None where the job was interrupted. Waits for a service that is away: what was done is not lost
    by waiting."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return _ask(job, model, chunk)
        except service_client.Unavailable as error:
            if error.code not in PASSING or time.monotonic() > deadline:
                raise
            logger.info("%s waits: %s", job, error.detail)
        time.sleep(BEAT_SECONDS)
        if _interrupted(job):
            return None


def _ask(job: ScoringJob, model: RewardModel, chunk: Chunk) -> list[Answer] | None:
    pool = ThreadPoolExecutor(1)
    try:
        answers = pool.submit(_answers, model, chunk)
        while not _is_done(answers):
            if _interrupted(job):
                return None  # what is still being scored is nobody's any more
        return answers.result()
    finally:
        pool.shutdown(wait=False)


def _answers(model: RewardModel, chunk: Chunk) -> list[Answer]:
    try:
        return service_client.score_many(model, chunk.rows, timeout=CHUNK_SECONDS)
    finally:
        connections.close_all()  # of this thread, which ends


def _is_done(answers: Future[list[Answer]]) -> bool:
    try:
        answers.exception(BEAT_SECONDS)
    except TimeoutError:
        return False
    return True


def _interrupted(job: ScoringJob) -> bool:
    if lifecycle.heartbeat(job):
        lifecycle.end(job, State.CANCELLED)
        return True
    if shutdown.requested.is_set():
        lifecycle.put_back(job)
        return True
    return False


def within(items: Sequence[T], length: Callable[[T], int]) -> list[T]:
    """Takes the first ones that are no longer than a chunk's texts may be; one at least."""
    taken, total = list[T](), 0
    for item in items:
        total += length(item)
        if taken and total > CHARACTERS:
            break
        taken.append(item)
    return taken
