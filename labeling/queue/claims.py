"""The queue: claiming a prompt with a lease, the one after it ahead of time, and giving them back.

Each act is a function of the database (sql/), which locks, looks and writes; here are its words.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.errors import Conflict, Outdated
from labeling.models import Assignment, Completion, Project, Prompt, User
from labeling.models.functions import Row, call, query
from labeling.models.tasks import task_of
from labeling.queue.draft_checks import checked_draft, checked_reason

State = Assignment.State
REASONS = (
    *("paused", "paused_you", "not_qualified", "no_prompts", "all_ranked_by_you", "limit", "all_taken", "not_for_you"),
    "all_done",
)
MOST_COUNTED = 1_000  # of prompts that are for others, as sql/reason.sql counts them

_CLOSED = {
    State.RANKED: gettext_lazy("This task is not open any more: you ranked it."),
    State.SKIPPED: gettext_lazy("This task is not open any more: you skipped it."),
    State.RELEASED: gettext_lazy("This task is not open any more: you gave it back."),
}
# The claim, and the task as it is then.
_CLAIM = """
SELECT claim.assignment, claim.again, task.*
FROM podium_claim(%(project)s, %(labeler)s, %(lease)s, %(seed)s, %(day_begins)s, %(besides)s) claim
LEFT JOIN LATERAL podium_task(claim.assignment, %(labeler)s, true) task ON true
"""


@dataclass(frozen=True)
class ShownText:
    """A completion as its labeler may know it."""

    pk: int
    text: str


@dataclass(frozen=True)
class Nothing:
    """Why a labeler gets no task. The reason is one of REASONS; each of the others is said by those that have it.

    n: prompts that others hold, or that are for others (MOST_COUNTED at most), or what the labeler answered today, of
    `most`. until: when the first of these leases ends, or a new day begins. since, words: of a pause.
    """

    reason: str
    n: int | None = None
    most: int | None = None
    until: datetime | None = None
    since: datetime | None = None
    words: str | None = None


def claim(project: Project, labeler: User, *, besides: int | None = None) -> Assignment | None:
    """Gives the labeler's oldest open assignment, its lease extended, or a new one; None when there is nothing to do.

    A lease that ran out is reclaimed here, by whoever comes next, and by no timer. Never the prompt `besides`.
    """
    values = {
        "project": project.pk,
        "labeler": labeler.pk,
        "lease": lease_of(project),
        "day_begins": _midnight(),
        "besides": besides,
    }
    while True:
        [row] = query(_CLAIM, {**values, "seed": secrets.randbelow(2**63)})
        if row["assignment"] is not None:
            assignment = task_of(row)
            assignment.prompt.project = project
            return assignment
        if not row["again"]:
            return None


def claim_ahead(project: Project, labeler: User, *, current: Assignment) -> Assignment | None:
    """Gives the task after `current`, with a lease of its own; None when there is none. Asking twice gives the same.

    An assignment that the labeler holds besides `current` comes first, so by this nobody ever holds more than two.
    Whatever became of `current` meanwhile, a screen still shows its prompt: the next task is another one.
    """
    return claim(project, labeler, besides=current.prompt_id)


def give_back(assignment: Assignment) -> bool:
    """Releases a task of which nothing was begun, and says whether it did. Twice is harmless."""
    return bool(call("podium_leave", assignment=assignment.pk, ending=State.RELEASED, untouched=True)["ended"])


def queue_reason(project: Project, labeler: User) -> Nothing:
    """Tells why there is nothing to claim."""
    row = call("podium_queue_reason", project=project.pk, labeler=labeler.pk, day_begins=_midnight())
    if row["reason"] == "limit":
        row["until"] = _midnight(days=1)
    return Nothing(**row)


def _midnight(*, days: int = 0) -> datetime:
    """Gives when today began where the site is, or a day some days later."""
    return timezone.make_aware(datetime.combine(timezone.localdate() + timedelta(days=days), time.min))


def shown_completions(assignment: Assignment) -> list[ShownText]:
    """Gives the completions in the order that this labeler sees."""
    texts = assignment.texts
    if texts is None:
        texts = dict(Completion.objects.filter(prompt=assignment.prompt_id).values_list("pk", "text"))
    return [ShownText(key, texts[key]) for key in assignment.shown_order]


def extend(assignment: Assignment) -> Assignment:
    """Starts the lease anew. Raises Conflict('lease_expired') when someone else has the prompt by now."""
    return _keep(assignment)


def save_draft(assignment: Assignment, draft: Mapping[str, object], *, base: int | None = None) -> Assignment:
    """Keeps what was placed so far; being at work, the labeler keeps the lease too.

    `base` is the draft_revision that this draft goes on from. Where another tab has saved since, nothing is stored:
    Outdated('draft_changed'), a Conflict; the assignment's row has the draft that stands.
    """
    checked = checked_draft(draft)
    assignment = _keep(assignment, draft=json.dumps(checked), base=base)
    assignment.draft = checked
    return assignment


def skip(assignment: Assignment, reason: str) -> None:
    """Ends the task for this labeler; others still get the prompt."""
    _leave(assignment, State.SKIPPED, checked_reason(reason))


def cannot_rank(assignment: Assignment, reason: str) -> None:
    """Ends the task for everyone: the prompt leaves the queue until someone decides."""
    _leave(assignment, State.SKIPPED, checked_reason(reason), for_everyone=True)


def return_to_queue(prompt: Prompt) -> None:
    """Lets it be ranked after all: whoever has not had it gets it, and who set it aside does not. Twice is harmless.
    One that is withdrawn, or has gold, stays so."""
    Prompt.objects.filter(pk=prompt.pk, withdrawn_at=None, gold_at=None).update(held_at=None, held_reason="")


def release(assignment: Assignment) -> None:
    """Gives the prompt back untouched. Giving back twice is harmless."""
    _leave(assignment, State.RELEASED, "")


def lease_of(project: Project) -> timedelta:
    return timedelta(minutes=project.lease_minutes)


def refuse(assignment: Assignment, row: Row) -> None:
    """Raises the Conflict that `refused` names, of a task as it was found: what podium_take_back says, in words."""
    match row["refused"]:
        case None:
            return
        case "already_ranked":
            raise Conflict("already_ranked", _("You ranked this prompt already."))
        case "not_claimed":
            raise Conflict("not_claimed", _("You skipped this task; claim the next one."))
        case "prompt_withdrawn":
            message = _(
                "This prompt was withdrawn from the project, so it needs no answer any more. Nothing was stored; "
                "what you had saved of it is kept. Claim the next one."
            )
            raise Conflict("prompt_withdrawn", message)
        case "prompt_revised":
            message = _(
                "The texts of this prompt were corrected while you had it, so nothing was stored. Claim the next one: "
                "it may be this one again, as it is now."
            )
            raise Conflict("prompt_revised", message)
        case "taken_anew":
            message = _("You took this prompt anew since. Nothing was stored; claim the next one.")
            raise Conflict("lease_expired", message)
        case "lease_expired" if row["state"] == State.RELEASED:
            message = _("This task was given back and someone else has it now. Nothing was stored; claim the next one.")
            raise Conflict("lease_expired", message)
        case "lease_expired":
            message = _(
                "Your time on this prompt ran out at %(time)s UTC and someone else has it now. "
                "Nothing was stored; claim the next one."
            )
            raise Conflict("lease_expired", message % {"time": f"{row['expires_at']:%H:%M}"})
        case unknown:
            raise AssertionError(f"podium_take_back says {unknown} of {assignment}")


def stands(assignment: Assignment, row: Row) -> Assignment:
    """Gives the task as an act of the database left it open."""
    for name in ("state", "slot", "overlap", "expires_at", "draft_revision"):
        setattr(assignment, name, row[name])
    assignment.finished_at = None
    return assignment


def _keep(assignment: Assignment, *, draft: str | None = None, base: int | None = None) -> Assignment:
    lease = lease_of(assignment.prompt.project)
    row = call("podium_keep", assignment=assignment.pk, lease=lease, draft=draft, base=base)
    if row["refused"] == "draft_changed":
        raise Outdated(
            "draft_changed",
            _("This task was worked on elsewhere: its draft is at revision %(now)d, and yours goes on from %(base)d.")
            % {"now": row["draft_revision"], "base": base},
        )
    refuse(assignment, row)
    return stands(assignment, row)


def _leave(assignment: Assignment, ending: Assignment.State, reason: str, *, for_everyone: bool = False) -> None:
    row = call("podium_leave", assignment=assignment.pk, ending=ending, reason=reason, for_everyone=for_everyone)
    if row["ended"] is None:
        raise Conflict("not_claimed", str(_CLOSED[State(row["state"])]))
