"""What a reviewer does about a case: send it back, put its prompt back, discard it, leave it. Each with a trail.

Each act is one transaction that locks the prompt and then the case: of two at once one wins, and the other is told what
happened. Deciding is in decisions.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.data.reviewing.cases import lock_prompt
from labeling.data.withdrawing import withdrawals
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Ranking, ReviewAct, ReviewCase, Role, User
from labeling.models.functions import call
from labeling.people import access
from labeling.queue import claims

Act, Outcome, State = ReviewAct.Act, ReviewCase.Outcome, ReviewCase.State
MAX_WORDS = 1_000


def leave(case: ReviewCase, *, by: User, words: str = "") -> None:
    """Closes the case and changes nothing. Raises Conflict('case_closed'), Conflict('case_reserved')."""
    words = checked_words(words)
    with held(case, by=by):
        close(case, Outcome.LEFT)
        note(case, Act.LEFT, by, words)


def put_back(case: ReviewCase, *, by: User, words: str = "") -> None:
    """Returns a prompt that was set aside to the queue.

    Raises Conflict('case_closed'), Conflict('case_reserved'), Conflict('not_set_aside').
    """
    words = checked_words(words)
    with held(case, by=by):
        case.prompt.refresh_from_db(fields=["held_at"])
        if case.prompt.held_at is None:
            raise Conflict("not_set_aside", _("This prompt is in the queue already: nobody set it aside."))
        close(case, Outcome.PUT_BACK)
        note(case, Act.PUT_BACK, by, words)
        claims.return_to_queue(case.prompt)


def discard(case: ReviewCase, *, by: User, words: str) -> None:
    """Withdraws the prompt with all rankings; a manager can put it back.

    Raises Invalid, Conflict('case_closed'), Conflict('case_reserved').
    """
    words = checked_words(words, required=True)
    with held(case, by=by):
        close(case, Outcome.DISCARDED)
        note(case, Act.DISCARDED, by, words)
        withdrawals.withdraw(case.project, [case.prompt.external_id])


def send_back(case: ReviewCase, ranking: Ranking, *, by: User, words: str) -> None:
    """Asks the labeler of one ranking to look at it again, with a word. They change it or say that it stays.

    Raises Invalid, Conflict('case_closed'), Conflict('case_reserved'), Conflict('sent_back'),
    Conflict('ranking_ended'), Conflict('imported'), Conflict('own_ranking'), Conflict('labeler_gone').
    """
    words = checked_words(words, required=True)
    with held(case, by=by):
        standing = Ranking.objects.select_related("labeler").filter(pk=ranking.pk, prompt=case.prompt_id, live=True)
        found = standing.first()
        _check_sendable(case, found, by)
        assert found is not None
        case.state, case.sent_back_id, case.awaits_id = State.SENT_BACK, found.assignment_id, found.labeler_id
        case.save(update_fields=["state", "sent_back", "awaits"])
        note(case, Act.SENT_BACK, by, words, assignment=found.assignment_id)


def _check_sendable(case: ReviewCase, ranking: Ranking | None, by: User) -> None:
    if case.state == State.SENT_BACK:
        message = _("An answer was sent back to %(labeler)s already. The case returns with it.")
        raise Conflict("sent_back", message % {"labeler": case.awaits})
    if ranking is None:
        raise Conflict("ranking_ended", _("This answer was changed or withdrawn meanwhile; look at the case again."))
    if ranking.source == Ranking.Source.IMPORTED:
        raise Conflict("imported", _("This ranking was imported: nobody here can change it."))
    if ranking.labeler_id == by.pk:
        raise Conflict("own_ranking", _("This answer is your own: change it in your history."))
    if not call("podium_works_in", project=case.project_id, labeler=ranking.labeler_id)["works"]:
        message = _("%(labeler)s is not in the project any more, so nobody would answer.")
        raise Conflict("labeler_gone", message % {"labeler": ranking.labeler})


@contextmanager
def held(case: ReviewCase, *, by: User) -> Iterator[None]:
    """Locks a case and reads how it stands. Raises Conflict('case_closed') with what happened, and
    Conflict('case_reserved') where it is somebody else's and `by` is no manager."""
    with transaction.atomic():
        lock_prompt(case.prompt_id)
        now = ReviewCase.objects.select_for_update().get(pk=case.pk)
        for name in ("state", "outcome", "reason", "also", "sent_back_id", "awaits_id", "reviewer_id", "closed_at"):
            setattr(case, name, getattr(now, name))
        if case.state == State.CLOSED:
            raise Conflict("case_closed", _closed_in_words(case))
        if not may_act(case, by):
            message = _("This case is reserved for %(name)s. They or a manager can hand it on. Nothing was changed.")
            raise Conflict("case_reserved", message % {"name": case.reviewer})
        yield


def may_act(case: ReviewCase, by: User) -> bool:
    """Tells whether the case is this reviewer's to decide: theirs, or nobody's, or any for a manager."""
    return case.reviewer_id in (None, by.pk) or access.role_in(by, case.project) == Role.MANAGER


def _closed_in_words(case: ReviewCase) -> str:
    last = ReviewAct.objects.filter(case=case).select_related("by").order_by("-pk").first()
    who = last.by if last else None
    values = {"outcome": ReviewCase.Outcome(case.outcome).label, "who": who}
    if who is None:
        return _("This case is closed already: %(outcome)s. Nothing was changed.") % values
    return _("This case is closed already: %(outcome)s, by %(who)s. Nothing was changed.") % values


def close(case: ReviewCase, outcome: ReviewCase.Outcome) -> None:
    """Closes a case that is held."""
    case.state, case.outcome, case.closed_at = State.CLOSED, outcome, timezone.now()
    case.sent_back_id = case.awaits_id = None
    case.save(update_fields=["state", "outcome", "closed_at", "sent_back", "awaits"])


def note(
    case: ReviewCase,
    act: ReviewAct.Act,
    by: User,
    words: str,
    *,
    assignment: int | None = None,
    ranking: int | None = None,
    whom: int | None = None,
) -> None:
    """Adds to the trail of a case that is held."""
    ReviewAct.objects.create(
        case=case, act=act, by=by, words=words, assignment_id=assignment, ranking_id=ranking, whom_id=whom
    )


def checked_words(words: str, *, required: bool = False) -> str:
    """Raises Invalid('reason_required'), Invalid('reason_too_long')."""
    words = words.strip()
    if required and not words:
        raise Invalid("reason_required", _("Say why in a few words: it stays in the trail."), attr="reason")
    if len(words) > MAX_WORDS:
        message = _("A reason has at most %(limit)d characters; this has %(length)d.")
        raise Invalid("reason_too_long", message % {"limit": MAX_WORDS, "length": len(words)}, attr="reason")
    return words


def task_of_reviewer(assignment: Assignment, case: ReviewCase, by: User) -> None:
    """Raises Invalid('unknown_task') for a task that is not this reviewer's of this prompt."""
    if assignment.labeler_id != by.pk or assignment.prompt_id != case.prompt_id:
        raise Invalid("unknown_task", _("This is no task of yours of this prompt."), attr="assignment")
