"""Inviting several people at once: a line for each, with a name, a mail address or both, and a link for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import Invitation, Project, User
from labeling.people import invitations, members

MOST = 100  # lines at once
LONGEST_NAME, LONGEST_LINE = 120, 400


@dataclass(frozen=True)
class Wanted:
    """Whom a line means. problem: why it can't be invited; empty where it can."""

    line: str
    name: str = ""
    email: str = ""
    problem: str = ""

    @property
    def words(self) -> str:
        """Writes whom it means: 'Ada Lovelace <ada@example.org>', or what there is of it."""
        return f"{self.name} <{self.email}>" if self.name and self.email else self.name or self.email


@dataclass(frozen=True)
class Outcome:
    """What became of a line: an invitation with the token of its link, which is nowhere kept, or a problem."""

    wanted: Wanted
    invitation: Invitation | None = None
    token: str = ""

    @property
    def problem(self) -> str:
        return self.wanted.problem


def invite_all(project: Project, *, by: User, role: str, lines: Sequence[str]) -> list[Outcome]:
    """Invites each line that can be invited; the others come back with what is wrong. Blank lines are left out.

    Sent twice it invites nobody twice: who has an open invitation already is a problem. Raises Invalid for more than
    MOST lines, and for a role that is none.
    """
    members.check_role(role)
    lines = [line for line in (" ".join(line.split()) for line in lines) if line]
    if len(lines) > MOST:
        message = _("That are %(n)s people; invite at most %(most)s at once.")
        raise Invalid("too_many_people", message % {"n": len(lines), "most": MOST}, attr="people")
    with transaction.atomic():
        room = invitations.room_for_more(project, by)
        known = _known(project)
        seen: set[str] = set()
        outcomes = []
        for line in lines:
            wanted = _checked(_read(line), known, seen)
            if not wanted.problem and room <= 0:
                wanted = _wrong(wanted, invitations.no_room())
            outcomes.append(Outcome(wanted) if wanted.problem else _invite(project, by, role, wanted))
            room -= not wanted.problem
            seen.add(_key(wanted))
    return outcomes


def _read(line: str) -> Wanted:
    """Reads 'Ada Lovelace', 'ada@example.org' and 'Ada Lovelace <ada@example.org>'."""
    if len(line) > LONGEST_LINE or "\x00" in line:
        return _too_long(line)
    if "@" not in line:
        return Wanted(line, name=line) if len(line) <= LONGEST_NAME else _too_long(line)
    name, email = parseaddr(line) if "<" in line else ("", line)
    try:
        validate_email(email)
    except ValidationError:
        message = _("%(line)s has no mail address that can be read; write it as Ada Lovelace <ada@example.org>.")
        return _wrong(Wanted(line), message % {"line": _short(line)})
    return Wanted(line, name=name, email=email) if len(name) <= LONGEST_NAME else _too_long(line)


def _too_long(line: str) -> Wanted:
    message = _("%(line)s can't be read; a name has at most %(most)s letters.")
    return _wrong(Wanted(line), message % {"line": _short(line).replace("\x00", ""), "most": LONGEST_NAME})


def _checked(wanted: Wanted, known: set[str], seen: set[str]) -> Wanted:
    if wanted.problem or _key(wanted) not in known | seen:
        return wanted
    if _key(wanted) in seen:
        return _wrong(wanted, _("%(line)s stands here twice.") % {"line": _short(wanted.line)})
    message = _("%(line)s has an open invitation, or is in the project.")
    return _wrong(wanted, message % {"line": _short(wanted.line)})


def _known(project: Project) -> set[str]:
    """Gives the keys of those who needn't be invited: members' addresses, and what open invitations are for."""
    open_now = invitations.open_in(project).filter(username="").values_list("name", "email")
    addresses = project.memberships.exclude(user__email="").values_list("user__email", flat=True)
    return {_key(Wanted("", name, email)) for name, email in open_now if name or email} | {
        address.casefold() for address in addresses
    }


def _key(wanted: Wanted) -> str:
    return (wanted.email or wanted.name).casefold()


def _wrong(wanted: Wanted, problem: str) -> Wanted:
    return Wanted(wanted.line, problem=problem)


def _short(line: str) -> str:
    return line if len(line) <= 60 else f"{line[:59]}…"


def _invite(project: Project, by: User, role: str, wanted: Wanted) -> Outcome:
    invitation, token = invitations.make_link(project, by=by, role=role, name=wanted.name, email=wanted.email)
    return Outcome(wanted, invitation, token)
