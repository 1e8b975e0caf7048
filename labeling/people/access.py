"""Who may see what: the only way from a user to a row.

A stranger learns nothing, not even that a project exists (DoesNotExist, 404 at the doors). A member whose role is too
low is told so (PermissionDenied, 403).
"""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from labeling.models import Assignment, Membership, Project, Ranking, Role, User

Visitor = User | AnonymousUser

_RANK = {Role.LABELER: 1, Role.REVIEWER: 2, Role.MANAGER: 3}


def is_administrator(user: Visitor) -> bool:
    return user.is_active and user.is_superuser


def visible_projects(user: Visitor) -> QuerySet[Project]:
    if is_administrator(user):
        return Project.objects.all()
    return Project.objects.filter(memberships__user_id=user.pk) if user.is_active else Project.objects.none()


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
    role = Membership.objects.filter(project=project, user_id=user.pk).values_list("role", flat=True).first()
    return None if role is None else Role(role)


def get_project(user: Visitor, slug: str, *, at_least: Role = Role.LABELER) -> Project:
    """Raises Project.DoesNotExist for a stranger, PermissionDenied for a role below `at_least`."""
    project = Project.objects.get(slug=slug)
    role = role_in(user, project)
    if role is None:
        raise Project.DoesNotExist(f"no project {slug!r} that you can see")
    if _RANK[role] < _RANK[at_least]:
        values = {"needed": at_least.label, "role": role.label}
        raise PermissionDenied(_("This needs the role “%(needed)s”; your role here is “%(role)s”.") % values)
    return project


def get_assignment(user: Visitor, pk: int) -> Assignment:
    """Finds the user's own assignment in a project that they are still in; anyone else's does not exist."""
    return Assignment.objects.select_related("prompt__project").get(
        pk=pk, labeler_id=user.pk, prompt__project__in=visible_projects(user)
    )


def rankings_of(user: Visitor, project: Project) -> QuerySet[Ranking]:
    """Gives live rankings: a labeler's own, everyone's for a reviewer or manager."""
    live = Ranking.objects.filter(prompt__project=project, live=True)
    return live.filter(labeler_id=user.pk) if role_in(user, project) in (None, Role.LABELER) else live
