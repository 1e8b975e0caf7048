"""Pausing a project, and resuming it: nobody gets a new task meanwhile; what people hold they may finish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.models import Project, User
from labeling.models.projects import LONGEST_REASON


@dataclass(frozen=True)
class Pause:
    """Since when a project is paused, why, and who said so last."""

    since: datetime
    reason: str
    by: str | None


def of(project: Project) -> Pause | None:
    """Reads whether it is paused."""
    row = _row(project).values_list("paused_at", "pause_reason", "paused_by__username").first()
    since, reason, by = row or (None, "", None)
    return Pause(since, reason, by) if since else None


def pause(project: Project, *, by: User | None, reason: str) -> Project:
    """Pauses it, for a reason that labelers read. Of one that is paused already this is the reason from now on, and it
    is paused since the moment that it was. Raises Invalid without a reason."""
    reason = " ".join(reason.split())
    if not reason:
        raise Invalid("blank", _("Say why in a few words; labelers read it."), attr="reason")
    if len(reason) > LONGEST_REASON:
        message = _("A reason has at most %(limit)d characters; this one has %(length)d.")
        raise Invalid("max_length", message % {"limit": LONGEST_REASON, "length": len(reason)}, attr="reason")
    _row(project).update(paused_at=Coalesce(F("paused_at"), Now()), paused_by=by, pause_reason=reason)
    return _read(project)


def resume(project: Project) -> Project:
    """Gives tasks out again. Twice is harmless."""
    _row(project).update(paused_at=None, paused_by=None, pause_reason="")
    return _read(project)


def _row(project: Project) -> QuerySet[Project]:
    return Project.objects.filter(pk=project.pk)


def _read(project: Project) -> Project:
    project.refresh_from_db(fields=["paused_at", "paused_by", "pause_reason"])
    return project
