"""Best-of-N: puts the candidates of uploaded prompts in the champion's order, and says what choosing so gains.

An upload is a job of its own and no part of the project's prompts: nobody ranks it, nothing is trained on it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from formats import rows
from formats.limits import Limits
from formats.refusals import Refused
from jobs import lifecycle
from labeling.data.importing.row_words import words_of
from labeling.errors import Conflict, Invalid
from labeling.judgements.row_limits import MAX_ID
from labeling.models import Project, User
from labeling.models.project_lock import lock_candidates
from rewardtrain.core.measures import best_of_gain as measures
from rewardtrain.core.measures.best_of_gain import BestOfReport
from rewardtrain.models import BestOfJob, CandidateRow
from rewardtrain.registry import champions
from rewardtrain.scoring import chunked_job
from rewardtrain.scoring.chunked_job import Answer, Chunk

CONTENT_TYPE = "application/x-ndjson"
MOST_ROWS, MOST_CANDIDATES = 20_000, 256
# Candidates may say the same, as a policy's do, and nobody is asked: a prompt may be empty. What stands beside them is
# left alone, for nothing of the upload is kept but what the result says.
LIMITS = Limits(min_completions=2, max_completions=MOST_CANDIDATES, max_id=MAX_ID, other_keys=True)
SAMPLES = 1000  # of the bootstrap

logger = logging.getLogger(__name__)


def request(project: Project, lines: Iterable[bytes], *, by: User | None = None) -> BestOfJob:
    """Stores an upload, JSON Lines {"id", "prompt", "completions": [{"id", "text"}, ...]}, and queues its job.

    All of it or nothing: Invalid('bad_line') names the line, the value and the remedy. Raises Conflict('no_champion').
    """
    model = champions.needed_champion(project)
    with transaction.atomic():
        lock_candidates(project)
        number = lifecycle.next_number(project.best_of_jobs.all())
        job = BestOfJob.objects.create(project=project, reward_model=model, number=number, requested_by=by)
        seen: dict[str, int] = {}
        rows = (checked(job, place, line, seen) for place, line in enumerate(lines, start=1) if line.strip())
        while some := list(islice(rows, 200)):
            CandidateRow.objects.bulk_create(some)
            job.total += len(some)
            job.n_candidates += sum(len(row.completions) for row in some)
        if not job.total:
            raise Invalid("empty", _("There is no line in it. Send one JSON object a line."), attr="file")
        job.save(update_fields=["total", "n_candidates"])
    return job


def checked(job: BestOfJob, place: int, line: bytes, seen: dict[str, int]) -> CandidateRow:
    """Reads a line as a row. Raises Invalid."""
    if len(seen) >= MOST_ROWS:
        message = _("More than %(most)s lines: send them in several files.")
        raise Invalid("too_many_lines", message % {"most": MOST_ROWS}, attr="file")
    try:
        value: Any = rows.read_json(line)
        row = rows.parse_row(value, LIMITS)
        if row.id in seen:
            raise Refused("id", row.id, "id_twice", line=seen[row.id])
    except Refused as error:
        message = _("line %(place)s: %(problem)s")
        raise Invalid("bad_line", message % {"place": place, "problem": words_of(error)}, attr="file") from error
    seen[row.id] = place
    prompt = value["prompt"] if isinstance(value["prompt"], str) else list(row.messages)
    completions = [{"id": completion.id, "text": completion.text} for completion in row.completions]
    return CandidateRow(job=job, place=place, external_id=row.id, prompt=prompt, completions=completions)


def cancel(job: BestOfJob) -> BestOfJob:
    """Raises Conflict('job_ended') where there is nothing left to cancel."""
    if not lifecycle.cancel(job):
        message = _("Best of N %(number)s has ended already; there is nothing to cancel.")
        raise Conflict("job_ended", message % {"number": job.number})
    return job


def work(job_id: int) -> None:
    """Takes the job if it is still to be had and brings it as far as it can. Doing it twice is harmless."""
    job = lifecycle.claim(BestOfJob, job_id)
    if job is None:
        return
    logger.info("best of N %s of %s: attempt %s", job.number, job.project.slug, job.attempts)
    chunked_job.carry_out(
        job, job.reward_model, lambda size: next_chunk(job, size), at_end=lambda: {"report": report(job)}
    )


def next_chunk(job: BestOfJob, size: int) -> Chunk | None:
    rows = chunked_job.within(list(job.rows.filter(place__gt=job.last_place)[:size]), length)
    if not rows:
        return None
    requests = [{"prompt": row.prompt, "completions": [item["text"] for item in row.completions]} for row in rows]
    return Chunk(requests, [row.external_id for row in rows], lambda answers: store(rows, answers))


def length(row: CandidateRow) -> int:
    return sum(len(item["text"]) for item in row.completions)


def store(rows: list[CandidateRow], answers: list[Answer]) -> dict[str, Any]:
    for row, answer in zip(rows, answers, strict=True):
        fields = ("rewards", "probabilities", "truncated", "uncertainty", "error")
        row.answer = {name: answer[name] for name in fields if name in answer}
    CandidateRow.objects.bulk_update(rows, ["answer"], batch_size=200)
    return {"last_place": rows[-1].place}


def report(job: BestOfJob) -> BestOfReport:
    """Gives what the page shows."""
    answers = [answer for answer in job.rows.values_list("answer", flat=True) if answer and "error" not in answer]
    rewards = [answer["rewards"] for answer in answers]
    spread = [answer.get("uncertainty") for answer in answers]
    known = all(spread)
    doubts = measures.doubts(rewards, spread) if known else None
    return {"gains": measures.gains(rewards, samples=SAMPLES, seed=0), "doubts": doubts}


# --- The result -------------------------------------------------------------------------------------------------------


def result(job: BestOfJob) -> Iterator[bytes]:
    """Yields JSON Lines in the upload's order: completions by reward, the best first; of a prompt that the model
    couldn't read as they came, with its error. Raises Conflict('not_ready')."""
    if job.state != BestOfJob.State.SUCCEEDED:
        message = _("Best of N %(number)s has not been scored to its end, so there is no result.")
        raise Conflict("not_ready", message % {"number": job.number})
    return _lines(job)


def _lines(job: BestOfJob) -> Iterator[bytes]:
    with transaction.atomic():  # the rows' cursor outside of one would need a session of its own (docs/operating.md)
        for row in job.rows.iterator(chunk_size=200):
            yield result_line(job, row)


def filename(job: BestOfJob) -> str:
    return f"{job.project.slug}-best-of-{job.number}.jsonl"


def result_line(job: BestOfJob, row: CandidateRow) -> bytes:
    answer = row.answer or {}
    line = {"id": row.external_id, "prompt": row.prompt, "model": job.reward_model.version}
    if "error" in answer:
        return _written({**line, "uncertain_top": False, "error": answer["error"], "completions": row.completions})
    order = sorted(range(len(row.completions)), key=lambda place: -answer["rewards"][place])
    spread, limit = answer.get("uncertainty"), ((job.report or {}).get("doubts") or {}).get("limit")
    completions = [
        {
            **row.completions[place],
            "rank": rank,
            "reward": answer["rewards"][place],
            "probability": answer["probabilities"][place],
            "uncertainty": spread[place] if spread else None,
            "truncated": answer["truncated"][place],
        }
        for rank, place in enumerate(order, start=1)
    ]
    unsure = bool(spread and limit is not None and spread[order[0]] > limit)
    return _written({**line, "uncertain_top": unsure, "completions": completions})


def _written(line: dict[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"
