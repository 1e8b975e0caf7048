"""The lease on a prompt: locked, renewed, and taken back where it ran out."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Conflict
from labeling.models import Assignment, Project, Prompt
from labeling.queue import slots

State = Assignment.State


def lock(assignment: Assignment) -> Assignment:
    """Locks the assignment and gives it as it is now. Its prompt is locked first, as claims do, so that nobody waits in
    a circle."""
    prompt = Prompt.objects.select_for_update().select_related(None).get(pk=assignment.prompt_id)
    fresh = Assignment.objects.select_for_update().get(pk=assignment.pk)
    prompt.project = assignment.prompt.project
    fresh.prompt = prompt
    return fresh


def take_back(assignment: Assignment) -> None:
    """Makes sure that a locked assignment holds a slot.

    One that ran out gets a free one if there is any, and so does one that was given back: a tab that closes gives back
    what another tab may still show.
    """
    if assignment.state == State.CLAIMED:
        return
    if assignment.state == State.RANKED:
        raise Conflict("already_ranked", _("You ranked this prompt already."))
    if assignment.state == State.SKIPPED:
        raise Conflict("not_claimed", _("You skipped this task; claim the next one."))
    slot = slots.free_slot(assignment.prompt, timezone.now())
    live_elsewhere = slots.live(assignment.prompt).filter(labeler_id=assignment.labeler_id).exists()
    if slot is None or live_elsewhere:
        raise Conflict("lease_expired", _lost(assignment, is_yours=live_elsewhere))
    assignment.state = State.CLAIMED
    assignment.slot = slot
    assignment.overlap = assignment.prompt.overlap
    assignment.finished_at = None


def renew(assignment: Assignment) -> Assignment:
    """A locked assignment's lease starts anew."""
    assignment.expires_at = end_of_lease(assignment.prompt.project)
    assignment.save(update_fields=["state", "slot", "overlap", "expires_at", "finished_at"])
    return assignment


def end_of_lease(project: Project) -> datetime:
    return timezone.now() + timedelta(minutes=project.lease_minutes)


def _lost(assignment: Assignment, *, is_yours: bool) -> str:
    if is_yours:
        return _("You took this prompt anew since. Nothing was stored; claim the next one.")
    if assignment.state == State.RELEASED:
        return _("This task was given back and someone else has it now. Nothing was stored; claim the next one.")
    return _(
        "Your time on this prompt ran out at %(time)s UTC and someone else has it now. "
        "Nothing was stored; claim the next one."
    ) % {"time": f"{assignment.expires_at:%H:%M}"}
