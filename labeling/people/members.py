"""Who belongs to a project, and in which role."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Invalid, Missing
from labeling.models import Assignment, Membership, Project, Role, User
from labeling.models.project_lock import lock_accounts
from labeling.people import access


def set_member(project: Project, *, username: str, role: str, by: User | None = None) -> Membership:
    """Changes a member's role. Only an administrator also adds an account: everybody else asks it (invitations.ask)."""
    check_role(role)
    with transaction.atomic():
        lock_accounts()
        if by is None or access.is_administrator(by):
            user = _account(username)
            membership = project.memberships.update_or_create(user=user, defaults={"role": role})[0]
        else:
            membership = _member(project, username)
            membership.role = role
            membership.save(update_fields=["role"])
        _keep_a_manager(project)
    return membership


def remove_member(project: Project, *, username: str) -> None:
    """Ends a membership. What the person ranked stays; what they hold goes back to the queue."""
    with transaction.atomic():
        lock_accounts()
        gone = Membership.objects.filter(project=project, user__username=username).delete()
        if not gone[0]:
            message = _("%(username)r is not in this project.")
            raise Missing("not_a_member", message % {"username": username}, attr="username")
        _keep_a_manager(project)
        Assignment.objects.filter(
            prompt__project=project, labeler__username=username, state=Assignment.State.CLAIMED
        ).update(state=Assignment.State.RELEASED, finished_at=timezone.now())


def check_role(role: str) -> None:
    if role not in Role.values:
        message = _("%(role)r is no role; the roles are %(known)s.")
        raise Invalid("unknown_role", message % {"role": role, "known": ", ".join(Role.values)}, attr="role")


def _account(username: str) -> User:
    user = User.objects.filter(username=username, is_active=True, is_imported=False).first()
    if user is None:
        message = _("There is no account %(username)r; invite the person by a link.")
        raise Invalid("unknown_user", message % {"username": username}, attr="username")
    return user


def _member(project: Project, username: str) -> Membership:
    membership = project.memberships.select_for_update(of=("self",)).filter(user__username=username).first()
    if membership is None:
        message = _("%(username)r is not in this project; send an invitation.")
        raise Invalid("not_a_member", message % {"username": username}, attr="username")
    return membership


def _keep_a_manager(project: Project) -> None:
    managers = Membership.objects.filter(project=project, role=Role.MANAGER)
    if not managers.filter(user__is_active=True).exists():
        raise Invalid("last_manager", _("A project keeps at least one manager; name another one first."), attr="role")
