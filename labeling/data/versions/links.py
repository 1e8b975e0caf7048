"""Addresses that give a version's file to whoever has them, for machines without a login, until they end.

docs/decisions/0146-links-that-end.md. The file holds all splits, the test prompts too.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Conflict, Invalid, Missing
from labeling.models import DatasetVersion, Project, Role, User, VersionLink
from labeling.models.project_lock import lock_project
from labeling.people import access

SHORTEST, LONGEST = 60, 30 * 24 * 60 * 60  # seconds
MOST_OPEN = 100  # of a project
SALT = "labeling.data.versions.links"  # what else this site signs opens no version
LONGEST_TOKEN = 200

logger = logging.getLogger(__name__)


class Ended(Exception):
    """The link was one of ours, and gives nothing any more."""


def make(version: DatasetVersion, *, by: User, seconds: int) -> VersionLink:
    """Raises Invalid('seconds_invalid'), Conflict('too_many_links')."""
    if not SHORTEST <= seconds <= LONGEST:
        message = _("A link works for %(least)d to %(most)d seconds; got %(n)d.")
        raise Invalid("seconds_invalid", message % {"least": SHORTEST, "most": LONGEST, "n": seconds}, attr="seconds")
    with transaction.atomic():
        lock_project(version.project)
        if open_links(version.project).count() >= MOST_OPEN:
            message = _("This project has %(n)d links that still work. Revoke one, or wait until one ends.")
            raise Conflict("too_many_links", message % {"n": MOST_OPEN})
        expires_at = timezone.now() + timedelta(seconds=seconds)
        link = VersionLink.objects.create(version=version, created_by=by, expires_at=expires_at)
    _log("made", link, version, f"account {by.pk}")
    return link


def open_links(project: Project) -> QuerySet[VersionLink]:
    return VersionLink.objects.filter(version__project=project, revoked_at=None, expires_at__gt=timezone.now())


def revoke(version: DatasetVersion, pk: int, *, by: User) -> None:
    """Twice is harmless: the first one stays noted. Raises Missing."""
    links = VersionLink.objects.filter(version=version, pk=pk)
    if links.filter(revoked_at=None).update(revoked_at=timezone.now(), revoked_by=by):
        _log("revoked", links.get(), version, f"account {by.pk}")
    elif not links.exists():
        message = _("Version %(number)d has no link %(link)d.")
        raise Missing("not_found", message % {"number": version.number, "link": pk})


def token_of(link: VersionLink) -> str:
    """Gives what stands in its address: which link, to which version of which project, signed."""
    version = link.version
    return Signer(salt=SALT).sign(f"{version.project_id}-{version.number}-{link.pk}")


def version_of(token: str, *, address: str) -> DatasetVersion:
    """Gives the version that a link opens. Raises VersionLink.DoesNotExist for what we never signed, Ended after its
    time, once revoked, and where whoever made it manages the project no more.
    """
    project_id, number, pk = _signed(token)
    links = VersionLink.objects.select_related("version__project", "created_by")
    link = links.filter(pk=pk, version__project=project_id, version__number=number).first()
    if link is None or link.revoked_at or link.expires_at <= timezone.now():
        raise Ended
    version = link.version
    if access.role_in(link.created_by, version.project) != Role.MANAGER:
        raise Ended
    _log("used", link, version, address)
    return version


def _signed(token: str) -> list[int]:
    """Reads the keys without asking the database: a guess costs no statement. Raises VersionLink.DoesNotExist."""
    try:
        return [int(key) for key in Signer(salt=SALT).unsign(token[:LONGEST_TOKEN]).split("-")]
    except BadSignature as error:
        raise VersionLink.DoesNotExist("no such link") from error


def _log(what: str, link: VersionLink, version: DatasetVersion, who: str) -> None:
    """Says it in the log, which is where to look up who downloaded: a line for each request, resumed ones too."""
    logger.info(
        "link %d to version %d of project %s %s: %s, until %s",
        link.pk, version.number, version.project.slug, what, who, link.expires_at.isoformat(timespec="seconds"),
    )  # fmt: skip
