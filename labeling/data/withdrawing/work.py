"""A person's work in a project is withdrawn, all of it or what was done from a day on, and put back.

It counts nowhere then, and others get the prompts.

Nothing is deleted. The record of it is written first (WorkWithdrawal), then batches, each a short transaction
(sql/withdraw_work.sql), so that what is killed half-way has done whole batches, and the same again does the rest. See
docs/decisions/0166-work-of-a-person.md and 0196-work-from-a-day-on.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.answers.finding import beginning_of
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
    standing: int = 0  # rankings of the person that stand now, of any day


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


def foresee(project: Project, labeler: User, *, since: date | None = None) -> Work:
    """Counts what withdrawing would end and which prompts it would open again."""
    waits_then = _answered(project, labeler, since).filter(
        purpose=Purpose.LABEL, prompt__held_at=None, prompt__ranked__gte=F("prompt__overlap")
    )
    standing, of_these = _standing(project, labeler), Q() if since is None else Q(created_at__gte=beginning_of(since))
    return Work(
        rankings=standing.filter(of_these).count(),
        prompts=waits_then.count(),
        kept=_withdrawn(project, labeler).count(),
        versions=held_by(project, labeler, since=since),
        standing=standing.count(),
    )


def withdraw(
    project: Project, labeler: User, *, by: User | None, since: date | None = None, seconds: float | None = None
) -> Work:
    """Ends all that the person ranked there, or what they answered or changed from a day on, in the site's time zone.
    Work that is done meanwhile is withdrawn too where it comes in time.

    `seconds`: stops after the batch in which they are over. Twice is harmless.
    """
    tasks = _answered(project, labeler, since)
    if since is not None and not tasks.exists() and withdrawal_of(project, labeler) is None:
        return Work(standing=_standing(project, labeler).count())  # a day that is wrong leaves no record
    _note(project, labeler, by=by, since=since)
    work = _each(_batches(tasks) if since is None else _parts(tasks), labeler, _withdraw_some, seconds)
    work.versions = _note(project, labeler, by=by, since=since)  # also of one that was frozen meanwhile
    work.standing = _standing(project, labeler).count()
    Project.objects.filter(pk=project.pk).update(look_after=0)  # of what they skipped somebody may have to decide
    return work


def restore(project: Project, labeler: User, *, seconds: float | None = None) -> Work:
    """Puts back all that is withdrawn, of whatever day, and that nobody else has done meanwhile; as withdraw does."""
    work = _each(_batches(_withdrawn(project, labeler)), labeler, _restore_some, seconds)
    if work.finished:
        work.kept = _withdrawn(project, labeler).count()
        if not work.kept:
            noted = WorkWithdrawal.objects.filter(project=project, labeler=labeler, restored_at=None)
            noted.update(restored_at=timezone.now())
    work.standing = _standing(project, labeler).count()
    return work


def held_by(project: Project, labeler: User, *, since: date | None = None) -> dict[str, int | None]:
    """Counts the person's rankings in each version, by the times at which they stood, in one look at each ranking.
    since: only those that were made from that day on."""
    versions = list(project.dataset_versions.order_by("number").values_list("number", "last_ranking_id", "created_at"))
    if not versions:
        return {}
    numbers, lasts, moments = zip(*versions, strict=True)
    # What was frozen later reaches as far: where a ranking after its last one stood before, that one has ended.
    values = {"lasts": list(accumulate(lasts, max)), "moments": list(moments)}
    changes = [0] * (len(versions) + 1)
    of = {"project": project.pk, "labeler": labeler.pk, "since": since and beginning_of(since)}
    for row in query(_STOOD, {**values, **of}):
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
        AND created_at >= coalesce(%(since)s::timestamptz, '-infinity')
) stood WHERE first < beyond GROUP BY first, beyond
"""


def _note(project: Project, labeler: User, *, by: User | None, since: date | None) -> Mapping[str, int | None]:
    """Writes down what is withdrawn by now: the earliest day counts, and whoever named it."""
    with transaction.atomic():
        lock_project(project)  # no version is frozen meanwhile
        noted, _made = WorkWithdrawal.objects.get_or_create(
            project=project, labeler=labeler, defaults={"withdrawn_by": by, "since": since}
        )
        is_wider = noted.since is not None and (since is None or since < noted.since)
        if noted.restored_at is not None or is_wider:
            noted.versions = {} if noted.restored_at is not None else noted.versions
            noted.restored_at, noted.withdrawn_at, noted.withdrawn_by = None, timezone.now(), by
            noted.since = since
        held = held_by(project, labeler, since=since)
        noted.versions = held if since is None else _together(noted.versions, held)
        noted.save()
        return held


def _together(before: Mapping[str, int | None], held: Mapping[str, int | None]) -> dict[str, int | None]:
    """Counts in each version what either has: of two days in one version, the rankings of the later are among those of
    the earlier."""
    both: dict[str, int | None] = {}
    for number in sorted({*before, *held}, key=int, reverse=True):
        counts = [said[number] for said in (before, held) if number in said]
        both[number] = None if None in counts else max(n for n in counts if n is not None)
    return both


def _standing(project: Project, labeler: User) -> QuerySet[Ranking]:
    return Ranking.objects.filter(labeler=labeler, project=project, live=True)


def _answered(project: Project, labeler: User, since: date | None) -> QuerySet[Assignment]:
    """Selects tasks that are answered; since a day those whose last answer is, by what the list of rankings shows."""
    tasks = Assignment.objects.filter(labeler=labeler, state=Assignment.State.RANKED, prompt__project=project)
    if since is None:
        return tasks
    said = Ranking.objects.filter(labeler=labeler, project=project, created_at__gte=beginning_of(since))
    return tasks.filter(pk__in=said.values("assignment"))


def _withdrawn(project: Project, labeler: User) -> QuerySet[Assignment]:
    return Assignment.objects.filter(
        labeler=labeler, state=WITHDRAWN, withdrawn_at__isnull=False, prompt__project=project
    )


def _each(
    batches: Iterable[list[int]],
    labeler: User,
    act: Callable[[User, list[int]], tuple[int, int]],
    seconds: float | None,
) -> Work:
    work = Work()
    ends = None if seconds is None else time.monotonic() + seconds
    for keys in batches:
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


def _parts(tasks: QuerySet[Assignment]) -> Iterator[list[int]]:
    """Looks for them once: by their answers' days each batch would look through all that came before it."""
    keys = list(tasks.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), TASKS_AT_ONCE):
        yield keys[start : start + TASKS_AT_ONCE]


def _withdraw_some(labeler: User, keys: list[int]) -> tuple[int, int]:
    row = call("podium_withdraw_work", labeler=labeler.pk, tasks=keys)
    return row["rankings"], row["reopened"]


def _restore_some(labeler: User, keys: list[int]) -> tuple[int, int]:
    row = call("podium_restore_work", labeler=labeler.pk, tasks=keys)
    return row["rankings"], row["reopened"]
