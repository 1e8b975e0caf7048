"""A person's name and words are erased for good: the account stays as a pseudonym, and rankings' orders and flags.

Asking for it logs the person out at once and is written first; a worker does the rest (erasure_worker.py), in batches,
and forgets the name last of all rows, for by it the others are found. Then it gives way in frozen versions
(frozen_names.py). See docs/decisions/0167-what-erasing-a-person-leaves.md and 0172.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from jobs import notify
from labeling.data.importing.background import import_leftovers
from labeling.errors import Conflict, Invalid
from labeling.models import (
    Assignment,
    DatasetVersion,
    Import,
    PersonErasure,
    Project,
    Purpose,
    RankedCompletion,
    Ranking,
    User,
)
from labeling.models.rankings import standing
from labeling.people import deactivation

ERASE = "labeling.erase_person"  # the task that is sent, with an erasure's key
NAME = "erased-person-{}"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Foreseen:
    """What erasing a person would take, counted, and what stays."""

    rankings: int  # that stand; their orders and flags stay, under the pseudonym, unless withdrawn
    remarks: int  # comments and notes
    reasons: int  # of skips
    drafts: int
    projects: int  # in which the person is or worked: files kept of their imports go, for they may name the person
    at_work: Import | None  # an import of one of them, so that nothing is erased before its end
    versions: Sequence[DatasetVersion]  # frozen ones in which the name gives way


def pseudonym(person: User) -> str:
    return NAME.format(person.pk)


def foresee(person: User) -> Foreseen:
    rankings = Ranking.objects.filter(labeler=person)
    tasks = Assignment.objects.filter(labeler=person)
    projects = list(projects_of(person))
    return Foreseen(
        rankings=rankings.filter(standing()).count(),
        remarks=rankings.exclude(comment="").count()
        + RankedCompletion.objects.filter(ranking__in=rankings).exclude(note="").count(),
        reasons=tasks.exclude(skip_reason="").count(),
        drafts=tasks.filter(draft__isnull=False).count(),
        projects=len(projects),
        at_work=import_at_work(projects),
        versions=list(versions_naming(person)),
    )


def erasure_of(person: User) -> PersonErasure | None:
    return PersonErasure.objects.select_related("requested_by").filter(person=person).first()


def are_at_work(project: Project) -> bool:
    """Tells whether a person who ranked there is being erased: what may have the name waits until that is done."""
    waiting = PersonErasure.objects.exclude(state=PersonErasure.State.SUCCEEDED)
    return waiting.filter(Exists(Ranking.objects.filter(project=project, labeler=OuterRef("person")))).exists()


def check_confirmed(typed: str, wanted: str) -> None:
    """Raises Invalid('not_confirmed') where what was typed is not the account's name."""
    if typed != wanted:
        message = _("To erase this person, write the account's name, “%(wanted)s”; this was “%(typed)s”.")
        raise Invalid("not_confirmed", message % {"wanted": wanted, "typed": typed[:200]}, attr="confirm")


def request_erasure(person: User, *, confirm: str, by: User | None, with_work: bool = False) -> PersonErasure:
    """Logs the person out for good and queues the rest. Twice is harmless: the first time stands, and goes on.

    Raises Invalid('not_confirmed'); Conflict: 'import_active' while an import of a project of theirs is at work, whose
    file may name them, and what deactivating an account raises.
    """
    if (before := erasure_of(person)) is not None:
        return resume(before)
    check_confirmed(confirm, person.username)
    if (active := import_at_work(list(projects_of(person)))) is not None:
        message = _("Import %(number)d of %(project)s is at work, and its file may name this person: wait for its end.")
        raise Conflict("import_active", message % {"number": active.number, "project": active.project.name})
    with transaction.atomic():
        deactivation.deactivate(person, by=by)
        erasure, _made = PersonErasure.objects.get_or_create(
            person=person, defaults={"requested_by": by, "with_work": with_work}
        )
        notify.notify(ERASE, erasure.pk)
    logger.info("account %d: its erasure was asked for by %s", person.pk, by.pk if by else "a command")
    return erasure


def resume(erasure: PersonErasure) -> PersonErasure:
    """Queues one that failed once more; any other stays as it is."""
    mine = PersonErasure.objects.filter(pk=erasure.pk, state=PersonErasure.State.FAILED)
    if mine.update(state=PersonErasure.State.QUEUED, attempts=0, finished_at=None, error=""):
        notify.notify(ERASE, erasure.pk)
        erasure.refresh_from_db()
    return erasure


def projects_of(person: User) -> QuerySet[Project]:
    """Finds those of which the person is or was."""
    worked = Assignment.objects.filter(labeler=person).values("prompt__project")
    of_theirs = Q(memberships__user=person) | Q(pk__in=worked) | Q(created_by=person) | Q(imports__requested_by=person)
    return Project.objects.filter(of_theirs).distinct().order_by("pk")


def versions_naming(person: User) -> QuerySet[DatasetVersion]:
    """Finds frozen versions with rankings of the person, by the times at which these stood."""
    frozen = OuterRef("created_at")
    there = Ranking.objects.filter(labeler=person, project=OuterRef("project"), created_at__lte=frozen)
    stood = there.filter(
        Q(live=True) | Q(purpose=Purpose.LABEL, ended_at__gt=frozen), pk__lte=OuterRef("last_ranking_id")
    )
    return DatasetVersion.objects.filter(Exists(stood)).select_related("project").order_by("project", "-number")


def import_at_work(projects: Sequence[Project]) -> Import | None:
    active = Import.objects.filter(project__in=projects, state__in=Import.ACTIVE)
    return active.select_related("project").defer("errors").order_by("pk").first()


def forget_imports(project: Project) -> None:
    """Deletes what is kept of a project's imports, files and bad lines. Raises Conflict while one is at work."""
    import_leftovers.forget(project)
