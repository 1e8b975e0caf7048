"""What follows from a person's checks: a warning, a pause, an end, and how they go on.

A worker acts, after each answer to a check: one transaction counts it and does what the verdict says, with the person's
membership locked, so that of two at once the second sees what the first has done. What a lost message left is found by
the sweep. See docs/decisions/0183-a-worker-scores-checks.md.
"""

from __future__ import annotations

import logging

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.models import CheckResult, Membership, Project, Role, User
from labeling.people import access
from labeling.quality.checks import results
from labeling.quality.checks.verdicts import Action, Verdict

PEOPLE_AT_ONCE, CHECKS_AT_ONCE = 50, 200
MOST_SHOWN = 100  # people in a list

logger = logging.getLogger(__name__)


def look(project: int | None = None) -> int:
    """Counts checks that wait for it, and acts on them. Gives of how many people. Twice is harmless; one statement
    where there is nothing."""
    waiting = CheckResult.objects.filter(scored_at=None, ranking__isnull=False)
    if project is not None:
        waiting = waiting.filter(project=project)
    people = set(waiting.order_by("pk").values_list("project", "labeler")[:CHECKS_AT_ONCE])
    for whose in sorted(people)[:PEOPLE_AT_ONCE]:
        _look_at(*whose)
    return len(people)


def _look_at(project: int, labeler: int) -> None:
    with transaction.atomic():
        member = Membership.objects.select_for_update().filter(project=project, user=labeler).first()
        waiting = CheckResult.objects.filter(project=project, labeler=labeler, scored_at=None, ranking__isnull=False)
        results.count(list(waiting.select_for_update().order_by("pk")[:CHECKS_AT_ONCE]))
        if member is not None:  # administrators rank without a membership, and whoever left gets nothing anyway
            _act(member, results.verdict_of(Project.objects.get(pk=project), labeler, since=member.checks_from))


def _act(member: Membership, verdict: Verdict) -> None:
    now = timezone.now()
    if verdict.action == Action.NONE:
        return
    if member.warned_at is None:
        member.warned_at = now
    if verdict.action == Action.PAUSE and not member.pause:
        member.pause, member.paused_at = Membership.Pause.PAUSED, now
    if verdict.action == Action.STOP and member.pause != Membership.Pause.STOPPED:
        member.pause, member.paused_at = Membership.Pause.STOPPED, now
    member.save(update_fields=["warned_at", "pause", "paused_at"])
    logger.info(
        "checks of %s in project %s: %s by %s", member.user_id, member.project_id, verdict.action, verdict.because
    )


def resume(project: Project, person: User, *, by: User) -> bool:
    """Lets a person go on, and takes a warning back; the count of their checks begins anew. Tells whether it did
    anything: twice is harmless.

    Raises PermissionDenied for a reviewer where the person was stopped, which a manager alone takes back.
    """
    with transaction.atomic():
        member = Membership.objects.select_for_update().get(project=project, user=person)
        if member.pause == Membership.Pause.STOPPED and access.role_in(by, project) != Role.MANAGER:
            raise PermissionDenied(_("Whoever was stopped by their checks goes on when a manager says so."))
        if not member.pause and member.warned_at is None:
            return False
        member.pause, member.paused_at, member.warned_at, member.checks_from = "", None, None, timezone.now()
        member.save(update_fields=["pause", "paused_at", "warned_at", "checks_from"])
        return True


def n_waiting(project: Project) -> int:
    """Counts those who were paused, stopped or warned, and not let go on yet."""
    return project.memberships.exclude(pause="", warned_at=None).count()


def waiting_for_a_decision(project: Project) -> list[Membership]:
    """Gives them, the gravest first; of many the first that joined."""
    rows = project.memberships.exclude(pause="", warned_at=None).select_related("user")[:MOST_SHOWN]
    gravest = (Membership.Pause.STOPPED, Membership.Pause.PAUSED, Membership.Pause.NONE)
    return sorted(rows, key=lambda member: (gravest.index(Membership.Pause(member.pause)), member.pk))
