"""Invitations: who is asked into a project, and how they come in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from labeling.errors import Conflict, Invalid, Missing, TooMany
from labeling.models import Attempts, Invitation, Membership, Project, Role, User
from labeling.models.project_lock import lock_project
from labeling.people import access, attempt_limits, members
from labeling.people.attempt_limits import Budget

INVITATION_DAYS = 14
MAX_OPEN = 500  # of one project, and of one person in all projects
ASKED_LIMIT = 20  # invitations of one name by one person within INVITATION_DAYS
MOST_SHOWN = 20  # on the home page of the account


def invite(project: Project, *, by: User, role: str, note: str = "") -> tuple[Invitation, str]:
    """Makes a one-time link's token, which only its receiver will ever see: we keep its hash."""
    members.check_role(role)
    with transaction.atomic():
        _refuse_a_flood(project, by)
        return make_link(project, by=by, role=role, note=note[:120])


def make_link(project: Project, *, by: User, role: str, **said: str) -> tuple[Invitation, str]:
    """Makes one without a look at how many there are. said: its note, or the name and email of whom it is for."""
    token = secrets.token_urlsafe(24)
    hashed = _hash(token)
    invitation = Invitation.objects.create(
        project=project, role=role, created_by=by, token_sha256=hashed, expires_at=_end(), **said
    )
    return invitation, token


def ask(project: Project, *, by: User, username: str, role: str) -> Invitation:
    """Invites the account of this name: its home page shows it. The same for the project where there is no account.

    Asking again replaces what was asked. Raises Conflict: 'member_already', 'asked_too_often', 'too_many_invitations'.
    """
    members.check_role(role)
    username = User.normalize_username(username)
    if project.memberships.filter(user__username=username).exists():
        message = _("%(name)s is in the project already; change the role in the list.")
        raise Conflict("member_already", message % {"name": username}, attr="username")
    _refuse_to_nag(by, username)
    invited = {
        "role": role,
        "account": User.objects.filter(username=username, is_active=True, is_imported=False).first(),
        "declined_at": None,
        "created_by": by,
        "created_at": timezone.now(),
        "expires_at": _end(),
    }
    unknown = {**invited, "token_sha256": _hash(secrets.token_urlsafe(24))}
    with transaction.atomic():
        _refuse_a_flood(project, by, username)
        return Invitation.objects.update_or_create(
            project=project, username=username, defaults=invited, create_defaults=unknown
        )[0]


def room_for_more(project: Project, by: User, username: str = "") -> int:
    """Tells how many more may be made, beside the one of this name; to be called in a transaction: who comes at the
    same time waits, and is counted then."""
    lock_project(project)
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    others = Invitation.objects.filter(Q(project=project) | Q(created_by=by))
    if username:
        others = others.exclude(project=project, username=username)
    count = others.filter(accepted_by=None, expires_at__gt=timezone.now()).aggregate(
        here=Count("pk", filter=Q(project=project)), by=Count("pk", filter=Q(created_by=by))
    )
    return MAX_OPEN - int(max(count.values()))


def no_room() -> str:
    message = _("There are %(n)d open invitations, of this project or made by you; withdraw some first.")
    return message % {"n": MAX_OPEN}


def asked_of(username: str) -> str:
    """Says what whoever asked is told, in the same words where there is no such account."""
    message = _("If there is an account named %(name)s, its home page shows the invitation now.")
    return message % {"name": username}


def open_in(project: Project) -> QuerySet[Invitation]:
    """Finds the open invitations, a declined one too: that it was declined would tell that the account is there."""
    return project.invitations.filter(accepted_by=None, expires_at__gt=timezone.now()).select_related("created_by")


def withdraw(project: Project, pk: int) -> None:
    """Makes it open nothing any more. Raises Invitation.DoesNotExist where it is another project's, used or gone."""
    if not Invitation.objects.filter(project=project, pk=pk, accepted_by=None).delete()[0]:
        raise Invitation.DoesNotExist(f"no open invitation {pk} in {project.slug}")


def renew(project: Project, invitation: Invitation, *, by: User) -> str:
    """Makes a new link in the place of the old one, which opens nothing any more; `by` answers for it from now on."""
    token = secrets.token_urlsafe(24)
    changed = Invitation.objects.filter(project=project, pk=invitation.pk, accepted_by=None).update(
        token_sha256=_hash(token), created_by=by, expires_at=_end()
    )
    if not changed:
        raise Invitation.DoesNotExist(f"no open invitation {invitation.pk} in {project.slug}")
    return token


def open_link(token: str) -> Invitation:
    invitation = Invitation.objects.select_related("project", "created_by").filter(token_sha256=_hash(token)).first()
    return _still_open(invitation)


def accept_link(invitation: Invitation, user: User) -> Membership:
    """Uses the invitation up. Someone who is in the project already keeps the role they have."""
    with transaction.atomic():
        # Between the page and its button it may have been used, withdrawn or renewed, or its maker have lost the right.
        locked = _still_open(_locked().filter(pk=invitation.pk, token_sha256=invitation.token_sha256).first())
        locked.accepted_by = user
        locked.name = locked.email = locked.note = ""  # whom it was for is the account's to say from now on
        locked.save(update_fields=["accepted_by", "name", "email", "note"])
        return _join(locked, user)


def waiting_for(user: User) -> QuerySet[Invitation]:
    """Finds the newest of those that the account can accept."""
    managers = Membership.objects.filter(project=OuterRef("project"), user=OuterRef("created_by"), role=Role.MANAGER)
    return (
        Invitation.objects.filter(account=user, declined_at=None, expires_at__gt=timezone.now())
        .filter(Q(created_by__is_superuser=True) | Exists(managers), created_by__is_active=True)
        .exclude(project__memberships__user=user)
        .select_related("project", "created_by")
        .order_by("-created_at", "-pk")[:MOST_SHOWN]
    )


def accept(user: User, pk: int) -> Membership:
    """Raises Missing where it is not the account's, answered or withdrawn, and Invalid where it is over."""
    with transaction.atomic():
        locked = _locked().filter(pk=pk, account=user, declined_at=None).first()
        if locked is None:
            raise _answered()
        membership = _join(_still_open(locked), user)
        locked.delete()
        return membership


def decline(user: User, pk: int) -> None:
    """The project isn't told. Raises Missing as accept does."""
    if not Invitation.objects.filter(pk=pk, account=user, declined_at=None).update(declined_at=timezone.now()):
        raise _answered()


def register(token: str, *, username: str, password: str, name: str = "", email: str = "") -> User:
    """Makes an account for whoever holds an invitation, and the membership that it promises."""
    invitation = open_link(token)
    user = User(username=username, first_name=name, email=email)
    try:
        user.full_clean(exclude=["password"])
        validate_password(password, user)
    except ValidationError as error:
        wrong = next(iter(error.error_dict)) if hasattr(error, "error_dict") else "password"
        attr = "name" if wrong == "first_name" else wrong
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


def _refuse_to_nag(by: User, username: str) -> None:
    subject = f"{username} by {by.pk}"
    try:
        attempt_limits.take([Budget(Attempts.Kind.INVITATION, subject, ASKED_LIMIT, INVITATION_DAYS * 24 * 60 * 60)])
    except TooMany as error:
        message = _("You invited %(name)s %(n)d times within %(days)d days. Send an invitation link, or wait.")
        values = {"name": username, "n": ASKED_LIMIT, "days": INVITATION_DAYS}
        raise Conflict("asked_too_often", message % values, attr="username") from error


def _refuse_a_flood(project: Project, by: User, username: str = "") -> None:
    """Refuses one invitation too many; to be called in a transaction."""
    if room_for_more(project, by, username) <= 0:
        raise Conflict("too_many_invitations", no_room())


def _end() -> datetime:
    return timezone.now() + timedelta(days=INVITATION_DAYS)


def _locked() -> QuerySet[Invitation]:
    return Invitation.objects.select_for_update(of=("self",)).select_related("project", "created_by")


def _join(invitation: Invitation, user: User) -> Membership:
    role = {"role": invitation.role}
    return Membership.objects.get_or_create(project=invitation.project, user=user, defaults=role)[0]


def _answered() -> Missing:
    return Missing("unknown_invitation", _("This invitation is not there any more: it was withdrawn, or answered."))


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
