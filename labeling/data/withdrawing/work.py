"""All work of a person in a project is withdrawn: it counts nowhere, and others get the prompts; and put back.

Nothing is deleted. The record of it is written first (WorkWithdrawal), then batches, each a short transaction
(sql/withdraw_work.sql), so that what is killed half-way has done whole batches, and the same again does the rest. See
docs/decisions/0166-work-of-a-person.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Missing
from labeling.models import Assignment, Project, Purpose, Ranking, User, WorkWithdrawal
from labeling.models.functions import call, query
from labeling.models.project_lock import lock_project

TASKS_AT_ONCE = 500  # that a transaction ends or puts back: it bounds how long a prompt's labelers wait
WITHDRAWN = Assignment.State.RELEASED  # what a task is whose answer was withdrawn; withdrawn_at tells it from others


@dataclass
class Work:
    """What was done, or would be done, to how much of a person's work."""

    rankings: int = 0  # that ended, or stand again
    prompts: int = 0  # that were done, and wait for somebody again
    kept: int = 0  # withdrawn ones that stay so: somebody else has the prompt, or its texts are others
    finished: bool = True  # false where the time was over before all was done: the same again goes on
    versions: Mapping[str, int | None] = field(default_factory=dict)  # frozen ones: how many rankings each keeps


def find_labeler(project: Project, *, username: str = "", pk: int = 0) -> User:
    """Finds a member, or a person who had a task there, imported ones too. Raises Missing: of others a project learns
    nothing."""
    found = User.objects.filter(**({"username": username} if username else {"pk": min(pk, 2**63 - 1)})).first()
    if found is None or not (
        project.memberships.filter(user=found).exists()
        or Assignment.objects.filter(labeler=found, prompt__project=project).exists()
    ):
        message = _("%(name)r has ranked nothing in this project.")
        raise Missing("no_work", message % {"name": (username or str(pk))[:150]}, attr="username")
    return found


def withdrawal_of(project: Project, labeler: User) -> WorkWithdrawal | None:
    """Finds who withdrew the person's work, and when; None where it stands, or was put back."""
    found = WorkWithdrawal.objects.select_related("withdrawn_by")
    return found.filter(project=project, labeler=labeler, restored_at=None).first()


def foresee(project: Project, labeler: User) -> Work:
    """Counts what withdrawing would end and which prompts it would open again."""
    done = _answered(project, labeler)
    standing = Ranking.objects.filter(labeler=labeler, project=project, live=True)
    reopened = done.filter(purpose=Purpose.LABEL, prompt__held_at=None, prompt__ranked__gte=F("prompt__overlap"))
    return Work(
        standing.count(), reopened.count(), _withdrawn(project, labeler).count(), True, held_by(project, labeler)
    )


def withdraw(project: Project, labeler: User, *, by: User | None, seconds: float | None = None) -> Work:
    """Ends all that the person ranked there. Work that is done meanwhile is withdrawn too where it comes in time.

    `seconds`: stops after the batch in which they are over. Twice is harmless.
    """
    _note(project, labeler, by=by)
    work = _each(_answered(project, labeler), labeler, _withdraw_some, seconds)
    work.versions = _note(project, labeler, by=by)  # also of one that was frozen meanwhile
    Project.objects.filter(pk=project.pk).update(look_after=0)  # of what they skipped somebody may have to decide
    return work


def restore(project: Project, labeler: User, *, seconds: float | None = None) -> Work:
    """Puts back what nobody else has done meanwhile; as withdraw does."""
    work = _each(_withdrawn(project, labeler), labeler, _restore_some, seconds)
    if work.finished:
        work.kept = _withdrawn(project, labeler).count()
        if not work.kept:
            noted = WorkWithdrawal.objects.filter(project=project, labeler=labeler, restored_at=None)
            noted.update(restored_at=timezone.now())
    return work


def held_by(project: Project, labeler: User) -> dict[str, int | None]:
    """Counts the person's rankings in each version, by the times at which they stood, in one look at each ranking."""
    versions = list(project.dataset_versions.order_by("number").values_list("number", "last_ranking_id", "created_at"))
    if not versions:
        return {}
    numbers, lasts, moments = zip(*versions, strict=True)
    # What was frozen later reaches as far: where a ranking after its last one stood before, that one has ended.
    values = {"lasts": list(accumulate(lasts, max)), "moments": list(moments)}
    changes = [0] * (len(versions) + 1)
    for row in query(_STOOD, {**values, "project": project.pk, "labeler": labeler.pk}):
        changes[row["first"]] += row["n"]
        changes[row["beyond"]] -= row["n"]
    held = zip(numbers, accumulate(changes), strict=False)
    return {str(number): n for number, n in reversed(list(held)) if n}


# Of rankings, the places of the first version they stood in and of the first they did not stand in any more.
_STOOD = """
SELECT first, beyond, count(*)::int AS n FROM (
    SELECT greatest(width_bucket(id - 1, %(lasts)s::bigint[]),
            width_bucket(created_at - interval '1 microsecond', %(moments)s::timestamptz[])) AS first,
        CASE WHEN live THEN cardinality(%(moments)s::timestamptz[])
            ELSE width_bucket(ended_at - interval '1 microsecond', %(moments)s::timestamptz[]) END AS beyond
    FROM labeling_ranking WHERE labeler_id = %(labeler)s AND project_id = %(project)s AND purpose = 'label'
) stood WHERE first < beyond GROUP BY first, beyond
"""


def _note(project: Project, labeler: User, *, by: User | None) -> Mapping[str, int | None]:
    with transaction.atomic():
        lock_project(project)  # no version is frozen meanwhile
        noted, _made = WorkWithdrawal.objects.get_or_create(
            project=project, labeler=labeler, defaults={"withdrawn_by": by}
        )
        if noted.restored_at is not None:
            noted.restored_at, noted.withdrawn_at, noted.withdrawn_by = None, timezone.now(), by
        noted.versions = held = held_by(project, labeler)
        noted.save()
        return held


def _answered(project: Project, labeler: User) -> QuerySet[Assignment]:
    return Assignment.objects.filter(labeler=labeler, state=Assignment.State.RANKED, prompt__project=project)


def _withdrawn(project: Project, labeler: User) -> QuerySet[Assignment]:
    return Assignment.objects.filter(
        labeler=labeler, state=WITHDRAWN, withdrawn_at__isnull=False, prompt__project=project
    )


def _each(
    tasks: QuerySet[Assignment], labeler: User, act: Callable[[User, list[int]], tuple[int, int]], seconds: float | None
) -> Work:
    work = Work()
    ends = None if seconds is None else time.monotonic() + seconds
    for keys in _batches(tasks):
        if ends is not None and time.monotonic() > ends:
            work.finished = False
            break
        rankings, prompts = act(labeler, keys)
        work.rankings += rankings
        work.prompts += prompts
    return work


def _batches(tasks: QuerySet[Assignment]) -> Iterator[list[int]]:
    """Walks over them in the order of their keys: whatever is done to them meanwhile, each is found once."""
    last, rows = 0, tasks.order_by("pk").values_list("pk", flat=True)
    while keys := list(rows.filter(pk__gt=last)[:TASKS_AT_ONCE]):
        yield keys
        last = keys[-1]


def _withdraw_some(labeler: User, keys: list[int]) -> tuple[int, int]:
    row = call("podium_withdraw_work", labeler=labeler.pk, tasks=keys)
    return row["rankings"], row["reopened"]


def _restore_some(labeler: User, keys: list[int]) -> tuple[int, int]:
    row = call("podium_restore_work", labeler=labeler.pk, tasks=keys)
    return row["rankings"], row["reopened"]
