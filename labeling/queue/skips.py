"""What a labeler skipped: taken up again, listed, and whether anybody is left who could get the prompt."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Conflict
from labeling.models import Assignment, CheckResult, CohortMember, Membership, Project, Prompt, Purpose, User
from labeling.models.functions import Row, call
from labeling.queue import claims

State = Assignment.State
UNDO_SECONDS = 30
UNDO_GRACE_SECONDS = 10  # what a slow network may take of them
_HAD = (State.RANKED, State.SKIPPED)  # of a prompt that this person does not get again


def take_up(assignment: Assignment) -> Assignment:
    """Takes a skip back: the task is open again with the draft that it had, where its prompt still has a slot.

    A prompt that the skip set aside for everyone returns to the queue with it, for UNDO_SECONDS and until someone
    decided. Doing it twice is harmless. Raises Conflict('not_skipped'), Conflict('prompt_set_aside'),
    Conflict('no_slot'), Conflict('prompt_withdrawn'), Conflict('prompt_revised'), Conflict('taken_anew').
    """
    row = call(
        "podium_take_up",
        assignment=assignment.pk,
        lease=claims.lease_of(assignment.prompt.project),
        patience=timedelta(seconds=UNDO_SECONDS + UNDO_GRACE_SECONDS),
    )
    _refuse(assignment, row)
    assignment.skip_reason = ""
    return claims.stands(assignment, row)


def skipped_by(labeler: User, project: Project) -> QuerySet[Assignment]:
    """Gives what a labeler skipped there, each with `can_take_up`. Of withdrawn prompts nothing is listed, as of
    rankings."""
    live = Q(state=State.RANKED) | Q(state=State.CLAIMED, expires_at__gt=timezone.now())
    taken = (
        Assignment.objects.filter(live, prompt=OuterRef("prompt"), purpose=Purpose.LABEL).order_by().values("prompt")
    )
    mine = Assignment.objects.filter(prompt=OuterRef("prompt"), labeler=labeler, state__in=Assignment.LIVE)
    # A check takes no slot; one that was said to be nobody's looks as any other that was.
    is_open = (
        Q(prompt__held_at__isnull=True, n_taken__lt=F("prompt__overlap"), purpose=Purpose.LABEL) & ~Exists(mine)
        | Q(purpose=Purpose.GOLD) & ~Exists(CheckResult.objects.filter(assignment=OuterRef("pk"), doubted=True))
        | Q(purpose=Purpose.REPEAT, prompt__held_at__isnull=True) & ~Exists(mine.filter(purpose=Purpose.REPEAT))
    )
    is_as_it_was = Q(prompt__revised_at__isnull=True) | Q(prompt__revised_at__lte=F("claimed_at"))
    rows = Assignment.objects.filter(labeler=labeler, state=State.SKIPPED, prompt__project=project)
    return (
        rows.filter(prompt__withdrawn_at__isnull=True)
        .alias(n_taken=Coalesce(Subquery(taken.annotate(n=Count("pk")).values("n")), 0))
        .annotate(can_take_up=is_open & is_as_it_was)
        .select_related("prompt")
    )


def just_skipped(labeler: User, project: Project) -> Assignment | None:
    """Finds the last skip, while it can still be taken back by one key."""
    since = timezone.now() - timedelta(seconds=UNDO_SECONDS)
    skipped = Assignment.objects.filter(labeler=labeler, state=State.SKIPPED, finished_at__gte=since)
    return skipped.filter(prompt__project=project).order_by("-finished_at").first()


def others_can_have(prompt: Prompt) -> bool:
    """Tells whether the project has a member whom the queue may still give the prompt, or who has it."""
    return not left_to_nobody([prompt.pk])


def left_to_nobody(prompts: Iterable[int]) -> set[int]:
    """Finds by their keys those that nobody is left for: of a page that is shown. Asked as a column of a whole list
    PostgreSQL looks it up for all of the list first."""
    return set(nobody_left(Prompt.objects.filter(pk__in=list(prompts))).values_list("pk", flat=True))


def nobody_left(prompts: QuerySet[Prompt]) -> QuerySet[Prompt]:
    """Gives those that no member who can log in may still get: all have ranked or skipped it, have left, or are not in
    its cohort.

    Whoever has a task of it open may still answer it. Each member that is looked at has an assignment of the prompt,
    but for the last one: it costs no more in a large project. Asked for one row of each and not whether there is any:
    of that PostgreSQL may make a table of all assignments first.
    """
    members = Membership.objects.filter(project=OuterRef("project"))
    of_cohort = CohortMember.objects.filter(cohort=OuterRef("cohort_id"))
    next_member = Case(
        When(Q(cohort=None) | Q(cohort__deleted_at__isnull=False), then=_first_left(members, "user")),
        default=_first_left(of_cohort, "membership__user"),
    )
    return prompts.alias(next_member=next_member).filter(next_member=None)


def _first_left(people: QuerySet[Any], user: str) -> Subquery:
    """Gives the first of a prompt's people, by their user, who can log in and never had it."""
    had = Assignment.objects.filter(state__in=_HAD, prompt=OuterRef(OuterRef("pk")), labeler=OuterRef(user))
    active = people.filter(**{f"{user}__is_active": True}).order_by()
    return Subquery(active.alias(had=Subquery(had.order_by().values("pk")[:1])).filter(had=None).values("pk")[:1])


def _refuse(assignment: Assignment, row: Row) -> None:
    match row["refused"]:
        case "not_skipped":
            raise Conflict("not_skipped", _("You did not skip this prompt, so there is nothing to take back."))
        case "prompt_set_aside":
            message = _("This prompt was set aside because it can't be ranked. A reviewer decides what becomes of it.")
            raise Conflict("prompt_set_aside", message)
        case "lease_expired":
            message = _("Others have this prompt now, as many as it needs. It stays skipped.")
            raise Conflict("no_slot", message)
        case _other:
            claims.refuse(assignment, row)
