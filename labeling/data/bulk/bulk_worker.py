"""Does an act on all prompts that a list finds, batch by batch: it may be killed anywhere, and goes on where it was.

A batch is one short transaction that also writes the place, so none is lost, and what is done twice changes nothing.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import QuerySet

from jobs import lifecycle, shutdown
from labeling.answers import finding_prompts
from labeling.answers.finding_prompts import PromptConditions
from labeling.data.bulk import acts
from labeling.errors import PodiumError
from labeling.models import BulkAct, Project, Prompt
from labeling.models.database_errors import in_words
from labeling.models.functions import by_index

BATCH = 500  # prompts, so that a labeler whose answer is on its way waits for less than a second

State = BulkAct.State
logger = logging.getLogger(__name__)


def work_all() -> None:
    """Takes each that waits, in the order in which they were asked for."""
    while not shutdown.requested.is_set():
        waiting = BulkAct.objects.filter(state=State.QUEUED).order_by("pk").values_list("pk", flat=True)
        if (pk := waiting.first()) is None:
            return
        work(pk)


def work(pk: int) -> None:
    """Takes the act if it is still to be had and brings it as far as it can. Doing it twice is harmless."""
    job = lifecycle.claim(BulkAct, pk)
    if job is None:
        return
    try:
        asked = finding_prompts.conditions_of(job.project, job.filters)
        while job.place < job.last_key:
            if _is_to_stop(job):
                return
            _do_some(job, asked)
        acts.finish(job.project_id, job.act)
        lifecycle.end(job, State.SUCCEEDED, error="")
        logger.info("%s of %s: %d prompts changed", job, job.project.slug, job.changed)
    except lifecycle.ClaimLost:
        logger.warning("%s: another worker has taken it over, or it is gone", job)
    except PodiumError as error:
        lifecycle.end(job, State.FAILED, error=error.detail)
    except Exception as error:
        lifecycle.try_again(job, in_words(error))
        raise


def end_of_look(project: Project, asked: PromptConditions, place: int, last: int) -> int:
    """Gives the key up to which one statement looks for prompts after a place."""
    if asked.is_of_few:
        return last
    end = finding_prompts.end_of_look(project, asked, from_key=place, down=False)
    return last if end is None else min(end, last)


def due_within(
    project: Project, act: str, value: str, asked: PromptConditions, place: int, end: int
) -> QuerySet[Prompt]:
    """Gives the prompts after a place, up to another, that are meant and would change."""
    rows = finding_prompts.meeting(project.prompts.filter(pk__gt=place, pk__lte=end), asked)
    return acts.due(rows, act, value)


def _do_some(job: BulkAct, asked: PromptConditions) -> None:
    """Does the next batch, by a constant number of statements."""
    with transaction.atomic(), by_index():
        end = end_of_look(job.project, asked, job.place, job.last_key)
        due = due_within(job.project, job.act, job.value, asked, job.place, end)
        found = list(due.order_by("project_id", "pk").values_list("pk", "ranked")[:BATCH])
        keys = acts.at_once(job.act, found)
        job.changed += acts.carry_out(job.project_id, job.act, job.value, keys) if keys else 0
        job.done += len(keys)
        job.place = keys[-1] if len(keys) < len(found) or len(found) == BATCH else end
        # An attempt that got on is a first one again.
        lifecycle.heartbeat(job, place=job.place, done=job.done, changed=job.changed, attempts=1)


def _is_to_stop(job: BulkAct) -> bool:
    job.refresh_from_db(fields=["cancel_requested"])
    if job.cancel_requested:
        lifecycle.end(job, State.CANCELLED)
    elif shutdown.requested.is_set():
        lifecycle.put_back(job)
    else:
        return False
    return True
