"""The queue: claiming a prompt with a lease, and giving it back."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Completion, Project, Prompt, User

State = Assignment.State

# One prompt that this labeler never had, with a slot that is free or whose lease ran out. The lock on the prompt's row
# is what keeps two claims apart; SKIP LOCKED lets the second one take the next prompt rather than wait. In the order
# of import, so that the overlap of a prompt fills up before many prompts are begun.
_NEXT_PROMPT = """
SELECT prompt.id FROM labeling_prompt prompt
WHERE prompt.project_id = %(project)s AND prompt.held_at IS NULL AND prompt.ranked < prompt.overlap
  AND NOT EXISTS (
    SELECT 1 FROM labeling_assignment mine
    WHERE mine.prompt_id = prompt.id AND mine.labeler_id = %(labeler)s
      AND mine.state IN ('claimed', 'ranked', 'skipped'))
  AND prompt.overlap > (
    SELECT count(*) FROM labeling_assignment taken
    WHERE taken.prompt_id = prompt.id
      AND (taken.state = 'ranked' OR taken.state = 'claimed' AND taken.expires_at > %(now)s))
ORDER BY prompt.id
LIMIT 1
FOR UPDATE OF prompt
"""


class _SlotGone(Exception):
    pass


def claim(project: Project, labeler: User) -> Assignment | None:
    """The labeler's open assignment, its lease extended, or a new one; None when there is nothing to do.

    A lease that ran out is reclaimed here, by whoever comes next, and by no timer.
    """
    while True:
        try:
            with transaction.atomic():
                _one_claim_at_a_time(project, labeler)
                return _resume(project, labeler) or _claim_next(project, labeler)
        except _SlotGone:
            # Another labeler took the last slot after our query's snapshot and before our lock: look again.
            continue


def queue_reason(project: Project, labeler: User) -> str:
    """Why there is nothing to claim: no_prompts, all_ranked_by_you, all_taken or all_done."""
    prompts = Prompt.objects.filter(project=project, held_at__isnull=True)
    if not prompts.exists():
        return "no_prompts"
    mine = Assignment.objects.filter(prompt=OuterRef("pk"), labeler=labeler, state__in=(State.RANKED, State.SKIPPED))
    if not prompts.exclude(Exists(mine)).exists():
        return "all_ranked_by_you"
    others_work = Assignment.objects.filter(prompt__in=prompts, state=State.CLAIMED, expires_at__gt=timezone.now())
    return "all_taken" if others_work.exclude(labeler=labeler).exists() else "all_done"


def shown_completions(assignment: Assignment) -> list[Completion]:
    """The completions in the order that this labeler sees."""
    by_id = {completion.pk: completion for completion in assignment.prompt.completions.all()}
    return [by_id[pk] for pk in assignment.shown_order]


def extend(assignment: Assignment) -> Assignment:
    """Starts the lease anew. Raises Conflict('lease_expired') when someone else has the prompt by now."""
    with transaction.atomic():
        assignment = lock(assignment)
        take_back(assignment)
        assignment.expires_at = _lease_end(assignment.prompt.project)
        assignment.save(update_fields=["state", "slot", "overlap", "expires_at"])
    return assignment


def save_draft(assignment: Assignment, draft: Mapping[str, object]) -> Assignment:
    """Keeps what was placed so far; being at work, the labeler keeps the lease too."""
    with transaction.atomic():
        assignment = extend(assignment)
        assignment.draft = dict(draft)
        assignment.save(update_fields=["draft"])
    return assignment


def skip(assignment: Assignment, reason: str) -> None:
    """Not for this labeler; others still get it."""
    with transaction.atomic():
        _finish(lock(assignment), State.SKIPPED, _reason(reason))


def cannot_rank(assignment: Assignment, reason: str) -> None:
    """Not for anyone: the prompt leaves the queue until someone decides."""
    with transaction.atomic():
        assignment = lock(assignment)
        _finish(assignment, State.SKIPPED, _reason(reason))
        Prompt.objects.filter(pk=assignment.prompt_id, held_at__isnull=True).update(
            held_at=timezone.now(), held_reason=_reason(reason)
        )


def release(assignment: Assignment) -> None:
    """Gives the prompt back untouched. Giving back twice is harmless."""
    with transaction.atomic():
        assignment = lock(assignment)
        if assignment.state != State.RELEASED:
            _finish(assignment, State.RELEASED, "")


def lock(assignment: Assignment) -> Assignment:
    """The assignment as it is now. Its prompt is locked first, as claims do, so that nobody waits in a circle."""
    prompt = Prompt.objects.select_for_update().select_related(None).get(pk=assignment.prompt_id)
    fresh = Assignment.objects.select_for_update().get(pk=assignment.pk)
    prompt.project = assignment.prompt.project
    fresh.prompt = prompt
    return fresh


def take_back(assignment: Assignment) -> None:
    """Makes sure that a locked assignment holds a slot; one that ran out gets a free one if there is any."""
    if assignment.state == State.CLAIMED:
        return
    if assignment.state == State.RANKED:
        raise Conflict("already_ranked", "You ranked this prompt already.")
    if assignment.state != State.EXPIRED:
        raise Conflict("not_claimed", f"This task was {assignment.get_state_display().lower()}; claim the next one.")
    slot = _free_slot(assignment.prompt, timezone.now())
    live_elsewhere = _live(assignment.prompt).filter(labeler_id=assignment.labeler_id).exists()
    if slot is None or live_elsewhere:
        raise Conflict(
            "lease_expired",
            f"Your time on this prompt ran out at {assignment.expires_at:%H:%M} UTC and someone else has it now. "
            "Nothing was stored; claim the next one.",
        )
    assignment.state = State.CLAIMED
    assignment.slot = slot
    assignment.overlap = assignment.prompt.overlap


def _one_claim_at_a_time(project: Project, labeler: User) -> None:
    """Two tabs of one labeler get the same task, not one each. Held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", [project.pk, labeler.pk])


def _resume(project: Project, labeler: User) -> Assignment | None:
    mine = Assignment.objects.filter(prompt__project=project, labeler=labeler, state=State.CLAIMED)
    assignment = mine.select_related("prompt__project").order_by("-id").first()
    return None if assignment is None else extend(assignment)


def _claim_next(project: Project, labeler: User) -> Assignment | None:
    now = timezone.now()
    # Where every prompt left is just being claimed by others, one of them may have a second slot: wait and look.
    found = _next_prompt(project, labeler, now, "SKIP LOCKED") or _next_prompt(project, labeler, now, "")
    if found is None:
        return None
    prompt = Prompt.objects.get(pk=found)
    prompt.project = project
    slot = _free_slot(prompt, now)
    if slot is None:
        raise _SlotGone
    seed = secrets.randbelow(2**63)
    return Assignment.objects.create(
        prompt=prompt,
        labeler=labeler,
        slot=slot,
        overlap=prompt.overlap,
        seed=seed,
        shown_order=shuffled(prompt.completions.values_list("pk", flat=True), seed),
        expires_at=_lease_end(project),
    )


def _next_prompt(project: Project, labeler: User, now: datetime, locked: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_PROMPT + locked, {"project": project.pk, "labeler": labeler.pk, "now": now})
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def shuffled(completions: Iterable[int], seed: int) -> list[int]:
    """The order a labeler sees, from the assignment's seed: the same on every reload and every machine."""
    order = sorted(completions)
    random.Random(seed).shuffle(order)
    return order


def _free_slot(prompt: Prompt, now: datetime) -> int | None:
    """The lowest free slot of a locked prompt, after leases that ran out were closed."""
    live = _live(prompt)
    live.filter(state=State.CLAIMED, expires_at__lte=now).update(state=State.EXPIRED, finished_at=now)
    taken = set(live.values_list("slot", flat=True))
    return next((slot for slot in range(1, prompt.overlap + 1) if slot not in taken), None)


def _live(prompt: Prompt) -> QuerySet[Assignment]:
    return Assignment.objects.filter(prompt=prompt, state__in=Assignment.LIVE)


def _finish(assignment: Assignment, state: Assignment.State, reason: str) -> None:
    if assignment.state == state:
        return
    if assignment.state not in (State.CLAIMED, State.EXPIRED):
        raise Conflict("not_claimed", f"This task is not open any more: it was {assignment.state}.")
    assignment.state = state
    assignment.skip_reason = reason
    assignment.finished_at = timezone.now()
    assignment.save(update_fields=["state", "skip_reason", "finished_at"])


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid(
            "reason_required", "Say why in a few words; it helps whoever looks at this prompt.", attr="reason"
        )
    if len(reason) > 300:
        raise Invalid("reason_too_long", f"A reason has at most 300 characters; this has {len(reason)}.", attr="reason")
    return reason


def _lease_end(project: Project) -> datetime:
    return timezone.now() + timedelta(minutes=project.lease_minutes)
