"""Acts on all prompts that a list finds: what each would change, asked for, done at once or by a worker, cancelled."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs import lifecycle, notify
from labeling.answers import finding_prompts
from labeling.answers.finding_prompts import PromptConditions
from labeling.data.bulk import acts, bulk_worker
from labeling.errors import Conflict
from labeling.models import BulkAct, Project, User
from labeling.models.project_lock import lock_project

BULK = "labeling.bulk_act"  # the task that is told of one that is queued: rewardtrain/tasks.py
AT_ONCE = 1_000  # prompts that are changed while somebody waits; more are a worker's
LOOK_SECONDS = 2.0  # in which those are counted that an act would change
MOST_WAITING = 20  # of a project

State = BulkAct.State


@dataclass(frozen=True)
class Foreseen:
    """How many prompts an act would change: at least n where not all could be looked at."""

    n: int
    is_all: bool

    @property
    def is_small(self) -> bool:
        return self.is_all and self.n <= AT_ONCE


def foresee(project: Project, act: str, value: str, asked: PromptConditions) -> Foreseen:
    """Counts what the act would change, one look after the other, for two seconds or a little longer."""
    ends, place, n = time.monotonic() + LOOK_SECONDS, 0, 0
    last = last_key(project)
    while place < last:
        end = bulk_worker.end_of_look(project, asked, place, last)
        n += bulk_worker.due_within(project, act, value, asked, place, end).count()
        place = end
        if time.monotonic() > ends:
            break
    return Foreseen(n, place >= last)


def no_gold(project: Project, asked: PromptConditions, foreseen: Foreseen) -> acts.NoGold | None:
    """Says which of the prompts that are meant can't be gold, and why; None where they are too many to look at."""
    if not foreseen.is_all:
        return None
    return acts.no_gold(finding_prompts.meeting(project.prompts.all(), asked))


def request(
    project: Project, act: str, value: str, filters: Mapping[str, str], *, by: User | None, foreseen: Foreseen
) -> BulkAct:
    """Does the act at once where few prompts are meant, else queues it. The same again while it waits is the same one.

    act, value: as acts.checked gave it. filters: as finding_prompts.conditions_of reads them. Raises Conflict, and
    Invalid('unknown_cohort').
    """
    acts.check_there(project, act, value)
    with transaction.atomic():
        lock_project(project)
        job = ask(project, act, value, filters, by=by, foreseen=foreseen)
    return do_if_small(job, foreseen)


def ask(
    project: Project, act: str, value: str, filters: Mapping[str, str], *, by: User | None, foreseen: Foreseen
) -> BulkAct:
    """Queues the act, with the project locked; a worker hears of it where do_if_small leaves it alone."""
    said = {"act": act, "value": value, "filters": dict(filters)}
    with transaction.atomic():
        waiting = list(project.bulk_acts.filter(state__in=BulkAct.ACTIVE).order_by("pk"))
        for each in waiting:
            if {name: getattr(each, name) for name in said} == said and not each.cancel_requested:
                return each
        if len(waiting) >= MOST_WAITING:
            message = _("%(n)d acts on many prompts wait in this project already: wait for the first, or cancel one.")
            raise Conflict("too_many_bulk_acts", message % {"n": MOST_WAITING})
        job = BulkAct.objects.create(
            project=project, number=lifecycle.next_number(project.bulk_acts.all()), **said, requested_by=by,
            total=foreseen.n, first_key=_first_key(project), last_key=last_key(project),
        )  # fmt: skip
        if not foreseen.is_small:
            notify.notify(BULK, job.pk)
    return job


def do_if_small(job: BulkAct, foreseen: Foreseen) -> BulkAct:
    """Does it at once where few prompts are meant. Call it after the commit: each batch is a transaction of its own."""
    if foreseen.is_small:
        bulk_worker.work(job.pk)
        job.refresh_from_db()
    return job


def cancel(job: BulkAct) -> BulkAct:
    """Has it stop at the end of its batch; what is done stays done. Raises Conflict('bulk_act_ended')."""
    if not lifecycle.cancel(job):
        message = _("Act %(number)d has ended already; there is nothing to cancel.")
        raise Conflict("bulk_act_ended", message % {"number": job.number})
    return job


def recent(project: Project) -> QuerySet[BulkAct]:
    return project.bulk_acts.select_related("requested_by", "project").order_by("-pk")


def last_key(project: Project) -> int:
    """Gives the key of the newest prompt; 0 where there is none."""
    return project.prompts.aggregate(last=Max("pk"))["last"] or 0


def _first_key(project: Project) -> int:
    return project.prompts.order_by("project_id", "pk").values_list("pk", flat=True).first() or 0


def cancel_all(jobs: QuerySet[BulkAct]) -> None:
    """Has all of these stop, whoever asked for them."""
    jobs.filter(state=State.QUEUED).update(state=State.CANCELLED, finished_at=timezone.now())
    jobs.filter(state=State.RUNNING).update(cancel_requested=True)
