"""The ranking page: the next task, the answer to it, and the two ways of not answering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Avg
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from labeling import access, assignments, content, rankings
from labeling.board import SKIP_REASONS, UNRANKABLE_REASONS, RankingForm, ReasonForm, dialogue
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Project, Role, User
from labeling.rankings import Submitted
from labeling.views.doors import SignedIn, project_page
from labeling.views.history import own_rankings

Stop = Callable[[Assignment, str], None]


@dataclass(frozen=True)
class Pace:
    """The person's own day: never anyone else's."""

    today: int
    seconds: float | None


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.LABELER)
def rank(request: SignedIn, project: Project) -> HttpResponse:
    return _submit(request, project) if request.method == "POST" else _next_task(request, project)


@require_POST
@project_page(Role.LABELER)
def skip(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    return _stop(request, project, assignment_id, assignments.skip, "Skipped. Someone else will get that prompt.")


@require_POST
@project_page(Role.LABELER)
def cannot_rank(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    done = "Set aside. Nobody gets that prompt until it was looked at."
    return _stop(request, project, assignment_id, assignments.cannot_rank, done)


def _next_task(request: SignedIn, project: Project) -> HttpResponse:
    assignment = assignments.claim(project, request.user)
    if assignment is None:
        context = {
            "project": project,
            "reason": assignments.queue_reason(project, request.user),
            "pace": pace_of(request.user, project),
            "is_manager": access.role_in(request.user, project) == Role.MANAGER,
        }
        return render(request, "labeling/rank_empty.html", context)
    return _board(request, assignment, RankingForm.of(assignment))


def _submit(request: SignedIn, project: Project) -> HttpResponse:
    assignment = _own(request.user, project, request.POST.get("assignment", ""))
    form = RankingForm.of(assignment, request.POST)
    if not form.is_valid():
        return _board(request, assignment, form, error=form.problem(), status=422)
    try:
        submitted = rankings.submit(assignment, form.payload())
    except Invalid as error:
        return _board(request, assignment, form, error=error.detail, status=422)
    except Conflict as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, saved_in_words(submitted))
    return redirect("rank", project.slug)


def _stop(request: SignedIn, project: Project, assignment_id: int, stop: Stop, done: str) -> HttpResponse:
    assignment = _own(request.user, project, str(assignment_id))
    form = ReasonForm(request.POST)
    try:
        stop(assignment, form.reason())
    except Invalid as error:
        return _board(request, assignment, RankingForm.of(assignment), error=error.detail, status=422)
    except Conflict as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, done)
    return redirect("rank", project.slug)


def _own(user: User, project: Project, pk: str) -> Assignment:
    try:
        assignment = access.get_assignment(user, int(pk))
    except (ValueError, OverflowError, Assignment.DoesNotExist) as error:
        raise Http404("no such task of yours") from error
    if assignment.prompt.project_id != project.pk:
        raise Http404("no such task in this project")
    return assignment


def _board(
    request: SignedIn, assignment: Assignment, form: RankingForm, *, error: str = "", status: int = 200
) -> HttpResponse:
    project = assignment.prompt.project
    context = {
        "project": project,
        "assignment": assignment,
        "turns": dialogue(assignment.prompt.messages),
        "form": form,
        "cards": form.cards(),
        "error": error,
        "pace": pace_of(request.user, project),
        "guidelines": content.render(project.guidelines),
        "is_labeler": access.role_in(request.user, project) == Role.LABELER,
        "skip_reasons": SKIP_REASONS,
        "unrankable_reasons": UNRANKABLE_REASONS,
    }
    return render(request, "labeling/rank.html", context, status=status)


def pace_of(user: User, project: Project) -> Pace:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    today = own_rankings(user, project).filter(created_at__gte=midnight, source="labeled").order_by()
    return Pace(today.count(), today.aggregate(mean=Avg("active_seconds"))["mean"])


def saved_in_words(submitted: Submitted) -> str:
    if not submitted.created:
        return "That ranking was saved already."
    pairs = "1 pair" if submitted.pairs == 1 else f"{submitted.pairs} pairs"
    ties = "" if not submitted.ties else f", {submitted.ties} tied"
    return f"Saved. {pairs}{ties}."
