"""An account is deactivated: nobody is logged in with it from that moment on, and its work stays.

Its sessions, in whichever process, are refused at their next request and never come back (User.deactivated_at), and its
API tokens are gone. Links that it made, to invite people or to a version, open nothing while it is deactivated
(invitations.open_link, data/versions/links.py): who left has them still. Another manager makes them anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Conflict, Missing
from labeling.models import Assignment, Invitation, Membership, PersonErasure, Project, Role, User
from labeling.models.project_lock import lock_accounts
from labeling.people import access

NAMED = 5  # projects in a refusal

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ended:
    """What ended with an account, counted; nothing where it was deactivated before."""

    tokens: int = 0
    tasks: int = 0  # that it held, and that are in the queue again
    invitations: int = 0  # open ones that it made: they open nothing now


def find(by: access.Visitor, *, username: str = "", pk: int = 0) -> User:
    """Finds an account for an administrator. Raises Missing where there is none, and for everybody else."""
    user = None
    if access.is_administrator(by) and pk <= access.MOST:
        user = User.objects.filter(**({"username": username} if username else {"pk": pk})).first()
    if user is None:
        message = _("There is no account %(name)r.")
        raise Missing("unknown_user", message % {"name": (username or str(pk))[:150]}, attr="username")
    return user


def deactivate(user: User, *, by: User | None) -> Ended:
    """Ends its sessions and tokens, and gives what it holds back to the queue. Twice is harmless.

    Raises Conflict: 'last_administrator', or 'last_manager' of a project, where nobody else is left for it.
    """
    with transaction.atomic():
        lock_accounts()
        locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not locked.is_active:
            return Ended()
        _refuse_the_last(locked)
        locked.is_active, locked.deactivated_at = False, timezone.now()
        locked.save(update_fields=["is_active", "deactivated_at"])
        ended = Ended(_end_tokens(locked), release_tasks(locked), open_invitations_of(locked).count())
    logger.info("account %d deactivated by %s", user.pk, by.pk if by else "a command")
    user.is_active, user.deactivated_at = locked.is_active, locked.deactivated_at
    return ended


def reactivate(user: User, *, by: User | None) -> None:
    """Lets it log in again, with the password that it had and in the projects where it still is. Twice is harmless.

    Raises Conflict: 'never_logs_in' for the labeler of imported rankings, 'erased' where its person was.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if locked.is_imported:
            message = _("%(name)s stands for rankings that were imported, and never logs in.")
            raise Conflict("never_logs_in", message % {"name": locked.username})
        if PersonErasure.objects.filter(person=locked).exists():
            raise Conflict("erased", _("This account was erased: nobody is behind it any more."))
        User.objects.filter(pk=user.pk).update(is_active=True)
    logger.info("account %d reactivated by %s", user.pk, by.pk if by else "a command")
    user.is_active = True


def open_invitations_of(user: User) -> QuerySet[Invitation]:
    return Invitation.objects.filter(created_by=user, accepted_by=None, expires_at__gt=timezone.now())


def release_tasks(user: User) -> int:
    """Gives what the account holds back to the queues of all projects."""
    held = Assignment.objects.filter(labeler=user, state=Assignment.State.CLAIMED)
    return held.update(state=Assignment.State.RELEASED, finished_at=timezone.now())


def _end_tokens(user: User) -> int:
    gone: int = user.auth_token_set.all().delete()[0]  # type: ignore[attr-defined]
    return gone


def _refuse_the_last(user: User) -> None:
    others = User.objects.filter(is_active=True).exclude(pk=user.pk)
    if user.is_superuser and not others.filter(is_superuser=True).exists():
        message = _("%(name)s is the only administrator; make another one first (manage.py createsuperuser).")
        raise Conflict("last_administrator", message % {"name": user.username})
    managers = Membership.objects.filter(project=OuterRef("pk"), role=Role.MANAGER, user__in=others)
    own = Project.objects.filter(deleted_at=None, memberships__user=user, memberships__role=Role.MANAGER)
    alone = list(own.exclude(Exists(managers)).values_list("name", flat=True)[: NAMED + 1])
    if alone:
        names = ", ".join(alone[:NAMED]) + (", ..." if len(alone) > NAMED else "")
        message = _("%(name)s is the only manager of %(projects)s; name another one there first.")
        raise Conflict("last_manager", message % {"name": user.username, "projects": names})
