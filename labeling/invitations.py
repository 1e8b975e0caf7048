"""Invitations: who is asked into a project, and how they come in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from labeling import access, projects
from labeling.errors import Invalid
from labeling.models import Invitation, Membership, Project, Role, User

INVITATION_DAYS = 14


def invite(project: Project, *, by: User, role: str, note: str = "") -> tuple[Invitation, str]:
    """A one-time link's token, which only its receiver will ever see: we keep its hash."""
    projects.check_role(role)
    token = secrets.token_urlsafe(24)
    invitation = Invitation.objects.create(
        project=project,
        role=role,
        note=note[:120],
        created_by=by,
        token_sha256=_hash(token),
        expires_at=timezone.now() + timedelta(days=INVITATION_DAYS),
    )
    return invitation, token


def withdraw(project: Project, pk: int) -> None:
    """Its link opens nothing any more. Raises Invitation.DoesNotExist where it is another project's, used or gone."""
    if not Invitation.objects.filter(project=project, pk=pk, accepted_by=None).delete()[0]:
        raise Invitation.DoesNotExist(f"no open invitation {pk} in {project.slug}")


def renew(project: Project, pk: int, *, by: User) -> str:
    """A new link in the place of the old one, which opens nothing any more; `by` answers for it from now on."""
    token = secrets.token_urlsafe(24)
    changed = Invitation.objects.filter(project=project, pk=pk, accepted_by=None).update(
        token_sha256=_hash(token), created_by=by, expires_at=timezone.now() + timedelta(days=INVITATION_DAYS)
    )
    if not changed:
        raise Invitation.DoesNotExist(f"no open invitation {pk} in {project.slug}")
    return token


def open_link(token: str) -> Invitation:
    invitation = Invitation.objects.select_related("project", "created_by").filter(token_sha256=_hash(token)).first()
    return _still_open(invitation)


def accept_link(invitation: Invitation, user: User) -> Membership:
    """Uses the invitation up. Someone who is in the project already keeps the role they have."""
    with transaction.atomic():
        # Between the page and its button it may have been used, withdrawn or renewed, or its maker have lost the right.
        rows = Invitation.objects.select_for_update(of=("self",)).select_related("project", "created_by")
        locked = _still_open(rows.filter(pk=invitation.pk, token_sha256=invitation.token_sha256).first())
        locked.accepted_by = user
        locked.save(update_fields=["accepted_by"])
        return Membership.objects.get_or_create(project=locked.project, user=user, defaults={"role": locked.role})[0]


def register(token: str, *, username: str, password: str) -> User:
    """An account for whoever holds an invitation, and the membership that it promises."""
    invitation = open_link(token)
    user = User(username=username)
    try:
        user.full_clean(exclude=["password"])
        validate_password(password, user)
    except ValidationError as error:
        attr = "username" if hasattr(error, "error_dict") else "password"
        raise Invalid("account_invalid", " ".join(error.messages), attr=attr) from error
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
            accept_link(invitation, user)
    except IntegrityError as error:  # somebody took the name at this very moment
        raise Invalid(
            "account_invalid", _("This name is taken, or looks like one that is; choose another one."), attr="username"
        ) from error
    return user


def _still_open(invitation: Invitation | None) -> Invitation:
    if invitation is None:
        raise Invalid("unknown_invitation", _("This invitation link is not known. Ask for a new one."))
    if invitation.accepted_by_id is not None:
        raise Invalid("invitation_used", _("This invitation was used already. Log in, or ask for a new one."))
    if invitation.expires_at <= timezone.now():
        message = _("This invitation ended on %(date)s. Ask for a new one.")
        raise Invalid("invitation_expired", message % {"date": date_format(timezone.localtime(invitation.expires_at))})
    if access.role_in(invitation.created_by, invitation.project) is not Role.MANAGER:
        message = _("Who made this invitation may not invite people any more. Ask for a new one.")
        raise Invalid("invitation_void", message)
    return invitation


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
