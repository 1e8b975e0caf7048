"""Who may see what: the only way from a user to a row.

A stranger learns nothing, not even that a project exists (DoesNotExist, 404 at the doors). A member whose role is too
low is told so (PermissionDenied, 403).
"""

from __future__ import annotations

from enum import StrEnum

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from labeling.models import Assignment, Membership, Project, Purpose, Ranking, Role, User
from labeling.models.functions import loaded, query
from labeling.models.rankings import given, said, standing
from labeling.models.tasks import read_task

Visitor = User | AnonymousUser

MOST = 2**63 - 1  # of a key
_RANK = {Role.LABELER: 1, Role.REVIEWER: 2, Role.MANAGER: 3}


def is_administrator(user: Visitor) -> bool:
    return user.is_active and user.is_superuser


def visible_projects(user: Visitor) -> QuerySet[Project]:
    there = Project.objects.filter(deleted_at=None)
    if is_administrator(user):
        return there
    return there.filter(memberships__user_id=user.pk) if user.is_active else Project.objects.none()


def may_create_projects(user: Visitor) -> bool:
    """Tells whether the person is an administrator or manages a project already; an invited labeler may not."""
    if is_administrator(user):
        return True
    return user.is_active and Membership.objects.filter(user_id=user.pk, role=Role.MANAGER).exists()


def role_in(user: Visitor, project: Project) -> Role | None:
    """Gives the user's role; an administrator is a manager everywhere."""
    if is_administrator(user):
        return Role.MANAGER
    if not user.is_active:
        return None
    if project.asked_by and project.asked_by[0] == user.pk:
        return project.asked_by[1]
    role = Membership.objects.filter(project=project, user_id=user.pk).values_list("role", flat=True).first()
    return None if role is None else Role(role)


def get_project(user: Visitor, slug: str, *, at_least: Role = Role.LABELER) -> Project:
    """Raises Project.DoesNotExist for a stranger, PermissionDenied for a role below `at_least`."""
    project, role = _project_and_role(user, slug)
    if role is None:
        raise Project.DoesNotExist(f"no project {slug!r} that you can see")
    if _RANK[role] < _RANK[at_least]:
        values = {"needed": at_least.label, "role": role.label}
        raise PermissionDenied(_("This needs the role “%(needed)s”; your role here is “%(role)s”.") % values)
    return project


def _project_and_role(user: Visitor, slug: str) -> tuple[Project, Role | None]:
    """Reads both by one statement, but for the guidelines. Raises Project.DoesNotExist."""
    rows = query("SELECT * FROM podium_project(%s, %s)", (slug, user.pk))
    if not rows:
        raise Project.DoesNotExist(f"no project {slug!r}")
    role, warned = rows[0].pop("role"), rows[0].pop("warned")
    if is_administrator(user):
        role = Role.MANAGER
    project = loaded(Project, rows[0])
    project.asked_by = (user.pk or 0, Role(role) if role and user.is_active else None)
    project.warned_who_asked = warned
    return project, project.asked_by[1]


def get_assignment(user: Visitor, pk: int, *, texts: bool = False) -> Assignment:
    """Finds the user's own assignment in a project that they are still in; anyone else's does not exist.

    texts: reads those of its completions with it.
    """
    if not user.is_active or user.pk is None or not 0 < pk <= MOST:
        raise Assignment.DoesNotExist("no such task of yours")
    return read_task(pk, user.pk, texts=texts)


class Which(StrEnum):
    """Rankings that stand; what each person said last, whatever became of it; replaced and withdrawn ones too; and,
    for reviewers and managers, answers to checks that stand, which are no data."""

    STANDING = "standing"
    GIVEN = "given"
    ALL = "all"
    GOLD = "gold"
    REPEAT = "repeat"


def rankings_of(user: Visitor, project: Project, which: Which = Which.STANDING) -> QuerySet[Ranking]:
    """Gives rankings: a labeler's own, everyone's for a reviewer or manager.

    These get answers to checks where they ask for them alone; a labeler gets their own among all others.
    """
    if role_in(user, project) in (None, Role.LABELER):
        return own_rankings_of(user, project, which)
    if which in (Which.GOLD, Which.REPEAT):
        return _of_checks_too(project, Which.STANDING).filter(purpose=which.value)
    conditions = {Which.STANDING: Q(live=True), Which.GIVEN: given(), Which.ALL: Q(purpose=Purpose.LABEL)}
    return Ranking.objects.filter(conditions[which], project=project)


def own_rankings_of(user: Visitor, project: Project, which: Which = Which.STANDING) -> QuerySet[Ranking]:
    """Gives the person's own, whatever their role: with answers to checks, which nobody tells from data by them."""
    return _of_checks_too(project, which).filter(labeler_id=user.pk)


def _of_checks_too(project: Project, which: Which) -> QuerySet[Ranking]:
    conditions = {Which.GIVEN: said(), Which.ALL: Q()}
    return Ranking.objects.filter(conditions.get(which, standing()), project=project)
