"""The queue: claiming a prompt with a lease, the one after it ahead of time, and giving them back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from django.db import DataError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.errors import Conflict, Invalid, Outdated
from labeling.models import Assignment, Completion, Membership, Project, Prompt, User
from labeling.models.project_lock import lock_queue
from labeling.queue import leases, slots
from labeling.queue.draft_checks import checked_draft, checked_reason

State = Assignment.State

_CLOSED = {
    State.RANKED: gettext_lazy("This task is not open any more: you ranked it."),
    State.SKIPPED: gettext_lazy("This task is not open any more: you skipped it."),
    State.RELEASED: gettext_lazy("This task is not open any more: you gave it back."),
}


class _LookAgain(Exception):
    """What a query saw was gone by the time that its row was locked."""


def claim(project: Project, labeler: User) -> Assignment | None:
    """Gives the labeler's oldest open assignment, its lease extended, or a new one; None when there is nothing to do.

    A lease that ran out is reclaimed here, by whoever comes next, and by no timer.
    """
    return _one_at_a_time(project, labeler, lambda: _resume(project, labeler) or _claim_next(project, labeler))


def claim_ahead(project: Project, labeler: User, *, current: Assignment) -> Assignment | None:
    """Gives the task after `current`, with a lease of its own; None when there is none. Asking twice gives the same.

    An assignment that the labeler holds besides `current` comes first, so by this nobody ever holds more than two.
    """

    def after_current() -> Assignment | None:
        # Whatever became of `current` meanwhile, a screen still shows its prompt: the next task is another one.
        held = _resume(project, labeler, besides=current.prompt_id)
        return held or _claim_next(project, labeler, besides=current.prompt_id)

    return _one_at_a_time(project, labeler, after_current)


def give_back(assignment: Assignment) -> bool:
    """Releases a task of which nothing was begun, and says whether it did. Twice is harmless."""
    with transaction.atomic():
        assignment = leases.lock(assignment)
        untouched = assignment.state == State.CLAIMED and not assignment.draft
        if untouched:
            _finish(assignment, State.RELEASED, "")
        return untouched


def queue_reason(project: Project, labeler: User) -> str:
    """Tells why there is nothing to claim: no_prompts, all_ranked_by_you, all_taken or all_done."""
    prompts = Prompt.objects.filter(project=project, held_at__isnull=True)
    if not prompts.exists():
        return "no_prompts"
    mine = Assignment.objects.filter(prompt=OuterRef("pk"), labeler=labeler, state__in=(State.RANKED, State.SKIPPED))
    if not prompts.exclude(Exists(mine)).exists():
        return "all_ranked_by_you"
    others_work = Assignment.objects.filter(prompt__in=prompts, state=State.CLAIMED, expires_at__gt=timezone.now())
    return "all_taken" if others_work.exclude(labeler=labeler).exists() else "all_done"


def shown_completions(assignment: Assignment) -> list[Completion]:
    """Gives the completions in the order that this labeler sees."""
    by_key = {completion.pk: completion for completion in assignment.prompt.completions.all()}
    return [by_key[key] for key in assignment.shown_order]


def extend(assignment: Assignment) -> Assignment:
    """Starts the lease anew. Raises Conflict('lease_expired') when someone else has the prompt by now."""
    with transaction.atomic():
        assignment = leases.lock(assignment)
        leases.take_back(assignment)
        return leases.renew(assignment)


def save_draft(assignment: Assignment, draft: Mapping[str, object], *, base: int | None = None) -> Assignment:
    """Keeps what was placed so far; being at work, the labeler keeps the lease too.

    `base` is the draft_revision that this draft goes on from. Where another tab has saved since, nothing is stored:
    Outdated('draft_changed'), a Conflict; the assignment's row has the draft that stands.
    """
    try:
        checked = checked_draft(draft)  # before any lock: reading it needs none
        with transaction.atomic():
            assignment = extend(assignment)
            _check_base(assignment, base)
            assignment.draft = checked
            assignment.draft_revision += 1
            assignment.save(update_fields=["draft", "draft_revision"])
    except (DataError, UnicodeEncodeError) as error:
        message = _("This draft can't be stored: it holds a NUL, half a surrogate pair or a number without end.")
        raise Invalid("draft_unstorable", message) from error
    return assignment


def skip(assignment: Assignment, reason: str) -> None:
    """Ends the task for this labeler; others still get the prompt."""
    reason = checked_reason(reason)
    with transaction.atomic():
        _finish(leases.lock(assignment), State.SKIPPED, reason)


def others_can_have(prompt: Prompt) -> bool:
    """Tells whether the project has a member whom the queue may still give the prompt, or who has it."""
    had = Assignment.objects.filter(prompt=prompt, state__in=(State.RANKED, State.SKIPPED)).values("labeler")
    members = Membership.objects.filter(project=prompt.project_id, user__is_active=True)
    return members.exclude(user__in=had).exists()


def cannot_rank(assignment: Assignment, reason: str) -> None:
    """Ends the task for everyone: the prompt leaves the queue until someone decides."""
    reason = checked_reason(reason)
    with transaction.atomic():
        assignment = leases.lock(assignment)
        _finish(assignment, State.SKIPPED, reason)
        Prompt.objects.filter(pk=assignment.prompt_id, held_at__isnull=True).update(
            held_at=timezone.now(), held_reason=reason
        )


def return_to_queue(prompt: Prompt) -> None:
    """Lets it be ranked after all: whoever has not had it gets it, and who set it aside does not. Twice is harmless."""
    Prompt.objects.filter(pk=prompt.pk).update(held_at=None, held_reason="")


def release(assignment: Assignment) -> None:
    """Gives the prompt back untouched. Giving back twice is harmless."""
    with transaction.atomic():
        _finish(leases.lock(assignment), State.RELEASED, "")


def _one_at_a_time(project: Project, labeler: User, look: Callable[[], Assignment | None]) -> Assignment | None:
    """Two tabs of one labeler get the same task, not one each."""
    while True:
        try:
            with transaction.atomic():
                lock_queue(project, labeler)
                return look()
        except _LookAgain:
            continue


def _held(project: Project, labeler: User) -> QuerySet[Assignment]:
    held = Assignment.objects.filter(prompt__project=project, labeler=labeler, state=State.CLAIMED)
    return held.select_related("prompt__project").order_by("id")


def _resume(project: Project, labeler: User, *, besides: int | None = None) -> Assignment | None:
    held = _held(project, labeler)
    found = (held if besides is None else held.exclude(prompt_id=besides)).first()
    if found is None:
        return None
    assignment = leases.lock(found)
    if assignment.state != State.CLAIMED:  # ranked in another tab, or it ran out and someone else was quicker
        raise _LookAgain
    return leases.renew(assignment)


def _claim_next(project: Project, labeler: User, *, besides: int | None = None) -> Assignment | None:
    now = timezone.now()
    prompt = slots.next_prompt(project, labeler, now, besides=besides)
    if prompt is None:
        return None
    slot = slots.free_slot(prompt, now)
    if slot is None:  # another labeler took the last one after the query's snapshot and before its lock
        raise _LookAgain
    seed = secrets.randbelow(2**63)
    return Assignment.objects.create(
        prompt=prompt,
        labeler=labeler,
        slot=slot,
        overlap=prompt.overlap,
        seed=seed,
        shown_order=slots.shuffled(prompt.completions.values_list("pk", flat=True), seed),
        expires_at=leases.end_of_lease(project),
    )


def _finish(assignment: Assignment, state: Assignment.State, reason: str) -> None:
    if assignment.state == state:
        return
    if assignment.state not in (State.CLAIMED, State.EXPIRED, State.RELEASED):
        raise Conflict("not_claimed", str(_CLOSED[State(assignment.state)]))
    assignment.state = state
    assignment.skip_reason = reason
    assignment.finished_at = timezone.now()
    assignment.save(update_fields=["state", "skip_reason", "finished_at"])


def _check_base(assignment: Assignment, base: int | None) -> None:
    if base is not None and base != assignment.draft_revision:
        raise Outdated(
            "draft_changed",
            _("This task was worked on elsewhere: its draft is at revision %(now)d, and yours goes on from %(base)d.")
            % {"now": assignment.draft_revision, "base": base},
        )
