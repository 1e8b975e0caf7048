"""Where a person stands with a project's qualification, and what a reviewer or a manager may do about it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from labeling.models import Membership, Project, QualificationAttempt, Role, User
from labeling.quality.practising.items import n_items

MOST_SHOWN = 100  # people in a list, attempts of one person
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """is_asked: the project asks them, and they did not qualify yet. open: the attempt that they are at.

    left: attempts that they may still begin. next_at: when the next one may be, where it may not be now. items: how
    many the next one has; fewer than the project asks for where it has not so many.
    """

    is_asked: bool
    qualified: Membership.Qualified = Membership.Qualified.NOT
    qualified_at: datetime | None = None
    attempts: Sequence[QualificationAttempt] = ()  # that are over and count, the newest first
    open: QualificationAttempt | None = None
    left: int = 0
    next_at: datetime | None = None
    items: int = 0

    @property
    def may_begin(self) -> bool:
        return self.is_asked and bool(self.left and self.items) and self.next_at is None

    @property
    def last(self) -> QualificationAttempt | None:
        return self.attempts[0] if self.attempts else None


def standing_of(project: Project, member: Membership | None) -> Standing:
    """Reads it in two statements. Whoever is no labeler, as an administrator without a membership, is asked nothing."""
    if member is None:
        return Standing(is_asked=False)
    found = list(_counting(member).order_by("-number")[:MOST_SHOWN])
    over = [attempt for attempt in found if attempt.finished_at is not None]
    is_asked = project.qualify_items > 0 and member.role == Role.LABELER and member.qualified_at is None
    return Standing(
        is_asked=is_asked,
        qualified=Membership.Qualified(member.qualified),
        qualified_at=member.qualified_at,
        attempts=over,
        open=next((attempt for attempt in found if attempt.finished_at is None), None) if is_asked else None,
        left=max(project.qualify_attempts - len(over), 0),
        next_at=_next_at(project, over),
        items=min(n_items(project), project.qualify_items),
    )


def _counting(member: Membership) -> QuerySet[QualificationAttempt]:
    rows = QualificationAttempt.objects.filter(project=member.project_id, labeler=member.user_id)
    return rows.filter(started_at__gt=member.qualify_from) if member.qualify_from else rows


def _next_at(project: Project, over: Sequence[QualificationAttempt]) -> datetime | None:
    if not over or over[0].finished_at is None:
        return None
    at = over[0].finished_at + timedelta(hours=project.qualify_wait_hours)
    return at if at > timezone.now() else None


@dataclass(frozen=True)
class InShort:
    """A person of a list: whether they qualified and how, and their newest attempt that is over and counts."""

    member: Membership
    last: QualificationAttempt | None = None


def of_people(project: Project, people: Sequence[int]) -> dict[int, InShort]:
    """Gives labelers by their keys, in two statements; nobody where the project asks for no qualification."""
    if not project.qualify_items:
        return {}
    members = project.memberships.filter(user__in=people, role=Role.LABELER)
    rows = QualificationAttempt.objects.filter(project=project, labeler__in=people, finished_at__isnull=False)
    last = {each.labeler_id: each for each in rows.order_by("labeler", "-number").distinct("labeler")}
    return {each.user_id: InShort(each, _if_it_counts(each, last.get(each.user_id))) for each in members}


def _if_it_counts(member: Membership, last: QualificationAttempt | None) -> QualificationAttempt | None:
    before = last is not None and member.qualify_from is not None and last.started_at <= member.qualify_from
    return None if before else last


def let_pass(project: Project, person: User) -> bool:
    """Lets a person rank without an attempt, or after one that was not enough. Tells whether it did anything."""
    with transaction.atomic():
        member = Membership.objects.select_for_update().get(project=project, user=person)
        if member.qualified_at is not None:
            return False
        member.qualified, member.qualified_at = Membership.Qualified.LET, timezone.now()
        member.save(update_fields=["qualified", "qualified_at"])
    logger.info("%s need not qualify in project %s", person.pk, project.pk)
    return True


def ask_again(project: Project, person: User) -> None:
    """Asks a person to qualify anew, with all attempts; those from before count no more. What they hold they finish."""
    with transaction.atomic():
        member = Membership.objects.select_for_update().get(project=project, user=person)
        QualificationAttempt.objects.filter(project=project, labeler=person, finished_at=None).delete()
        member.qualified, member.qualified_at = Membership.Qualified.NOT, None
        member.qualify_from = timezone.now()
        member.save(update_fields=["qualified", "qualified_at", "qualify_from"])
    logger.info("%s is asked to qualify again in project %s", person.pk, project.pk)


def waiting_for_a_decision(project: Project) -> list[Membership]:
    """Gives labelers who have no attempt left and did not pass, the first that joined first; in one statement."""
    if not project.qualify_items:
        return []
    failed = Q(qualify_from=None) | Q(user__qualification_attempts__started_at__gt=F("qualify_from"))
    ended = Q(
        failed, user__qualification_attempts__project=project, user__qualification_attempts__passed=False
    )  # fmt: skip
    rows = project.memberships.filter(role=Role.LABELER, qualified_at=None, user__is_active=True)
    rows = rows.filter(ended).annotate(n_failed=Count("user__qualification_attempts"))
    return list(rows.filter(n_failed__gte=project.qualify_attempts).select_related("user").order_by("pk")[:MOST_SHOWN])
