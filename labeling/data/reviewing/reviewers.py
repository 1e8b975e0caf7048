"""Named reviewers: whose a case is to decide, who gets new ones, and how one is handed on.

A case that is reserved is decided by the named person, or by a manager; others see it and leave it alone. See
docs/decisions/0194-named-reviewers.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from labeling.data.reviewing.acts import held, note
from labeling.errors import Conflict, Invalid
from labeling.models import Membership, Project, Ranking, ReviewAct, ReviewCase, Role, User
from labeling.models.functions import call
from labeling.models.project_lock import lock_project

REVIEWS = (Role.REVIEWER, Role.MANAGER)
State = ReviewCase.State
MOST = 200  # reviewers of a project that are listed, and may be named


@dataclass(frozen=True)
class Reviewer:
    """Somebody who may review here. takes_cases: named, so that new cases are given to them; waiting: theirs now."""

    username: str
    role: Role
    takes_cases: bool
    waiting: int


def reviewers_of(project: Project) -> list[Reviewer]:
    """Lists who may review in the project, by name, at most MOST, each with the number of cases that wait for them."""
    waiting = _waiting(project)
    rows = _members(project).order_by("user__username").values_list("user", "user__username", "role", "takes_cases")
    return [Reviewer(name, Role(role), takes, waiting.get(key, 0)) for key, name, role, takes in rows[:MOST]]


def name_reviewers(project: Project, usernames: Sequence[str], *, by: User) -> None:
    """Sets who is given new cases, nobody of an empty list: then each is any reviewer's. Twice is harmless.

    Whoever is named no longer gives what waits for them back to all. Raises Invalid('not_a_reviewer') and what
    lock_project raises.
    """
    wanted = set(usernames)
    with transaction.atomic():
        lock_project(project)  # and of memberships those alone that change: who acts on a case may wait for another one
        there = {member.user.username: member for member in _members(project).select_related("user").order_by("pk")}
        if unknown := sorted(wanted - there.keys()):
            raise _no_reviewer(unknown[0])
        for name, member in there.items():
            if member.takes_cases != (name in wanted):
                _members(project).filter(pk=member.pk).update(takes_cases=name in wanted)
            if member.takes_cases and name not in wanted:
                call("podium_free_cases", person=member.user_id, project=project.pk, who=by.pk)


def reserve(case: ReviewCase, username: str | None, *, by: User) -> None:
    """Makes a case one person's to decide, or any reviewer's where None is given. Twice is harmless.

    A reviewer takes one that is nobody's, and hands on or gives back one of theirs; a manager does so with any.
    Raises Invalid('not_a_reviewer'), Conflict('case_closed'), Conflict('case_reserved'), Conflict('own_ranking').
    """
    # The membership is locked before the case, as by whoever leaves or is named no more: no two wait in a circle.
    with transaction.atomic():
        to = None if username is None else _reviewer(case, username)
        with held(case, by=by):
            if to is not None:
                _check_no_party(case, to)
            if case.reviewer_id == (to and to.pk):
                return
            was, case.reviewer = case.reviewer_id, to
            case.save(update_fields=["reviewer"])
            note(case, ReviewAct.Act.RESERVED if to else ReviewAct.Act.FREED, by, "", whom=to.pk if to else was)


def _reviewer(case: ReviewCase, username: str) -> User:
    """Finds who shall have the case, and keeps them from leaving until the end of the transaction."""
    members = _members(case.project).select_for_update(of=("self",), no_key=True)
    member = members.filter(user__username=username, user__is_active=True).select_related("user").first()
    if member is None:
        raise _no_reviewer(username)
    return member.user


def _check_no_party(case: ReviewCase, person: User) -> None:
    if Ranking.objects.filter(prompt=case.prompt_id, labeler=person, live=True).exists():
        message = _("%(name)s ranked this prompt, and nobody decides about their own answer. Choose somebody else.")
        raise Conflict("own_ranking", message % {"name": person.username})


def _members(project: Project) -> QuerySet[Membership]:
    return Membership.objects.filter(project=project, role__in=REVIEWS)


def _waiting(project: Project) -> dict[int | None, int]:
    rows = ReviewCase.objects.filter(project=project, state=State.OPEN).order_by()
    return dict(rows.values_list("reviewer").annotate(n=Count("pk")))


def _no_reviewer(username: str) -> Invalid:
    message = _("%(name)s reviews nothing here: name a reviewer or a manager of this project.")
    return Invalid("not_a_reviewer", message % {"name": username[:80]}, attr="reviewer")
