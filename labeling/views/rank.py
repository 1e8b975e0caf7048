"""The ranking page: the next task, the one after it, the answer, and the two ways of not answering."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from labeling.answers import rankings
from labeling.answers.rankings import Submitted
from labeling.board.form import RankingForm, ReasonForm
from labeling.data.reviewing import sent_back
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Project, Role
from labeling.people import access
from labeling.queue import claims, skips
from labeling.views.desk import by_script, done, lost, own_task, pace_of, refuse, show_task, undoable
from labeling.views.doors import SignedIn, project_page
from labeling.views.upkeep import undo_address

Stop = Callable[[Assignment, str], None]
Words = Callable[[Assignment], str]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.LABELER)
def rank(request: SignedIn, project: Project) -> HttpResponse:
    if request.method == "POST":
        return _submit(request, project)
    assignment = claims.claim(project, request.user)
    return show_task(request, assignment) if assignment else _nothing_to_do(request, project)


@never_cache
@require_POST
@project_page(Role.LABELER)
def ahead(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    """Gives the task after this one, with a lease of its own, for the page to have it before it is asked for.

    This one's lease begins anew: a page that said good-bye may have given back what another one shows by now.
    """
    current = own_task(request.user, project, assignment_id)
    try:
        claims.extend(current)
    except Conflict as error:
        return lost(request, project, error)
    assignment = claims.claim_ahead(project, request.user, current=current)
    if assignment is None:
        return _nothing_to_do(request, project)
    return show_task(request, assignment)


@require_POST
@project_page(Role.LABELER)
def skip(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    return _stop(request, project, assignment_id, claims.skip, _skipped_in_words)


def _skipped_in_words(assignment: Assignment) -> str:
    if skips.others_can_have(assignment.prompt):
        return _("Skipped. Others in the project can still get that prompt.")
    return _("Skipped. Nobody is left in the project who could get that prompt; a reviewer will see it.")


@require_POST
@project_page(Role.LABELER)
def cannot_rank(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    return _stop(request, project, assignment_id, claims.cannot_rank, _set_aside_in_words)


def _set_aside_in_words(assignment: Assignment) -> str:
    return _("Set aside. Nobody gets that prompt until it was looked at.")


def _nothing_to_do(request: SignedIn, project: Project) -> HttpResponse:
    nothing = claims.queue_reason(project, request.user)
    if by_script(request):
        return HttpResponse(status=204, headers={"X-Queue-Reason": nothing.reason})
    context = {
        "project": project,
        "reason": nothing.reason,
        "nothing": nothing,
        "most_counted": claims.MOST_COUNTED,
        "pace": pace_of(request.user, project),
        "undo": undoable(request.user, project),
        "n_sent_back": sent_back.n_sent_back(request.user, project),
        "is_manager": access.role_in(request.user, project) == Role.MANAGER,
    }
    return render(request, "labeling/board/rank_empty.html", context)


def _submit(request: SignedIn, project: Project) -> HttpResponse:
    assignment = own_task(request.user, project, request.POST.get("assignment", ""), texts=True)
    form = RankingForm.of(assignment, request.POST)
    if not form.is_valid():
        return refuse(request, assignment, form, form.problem())
    try:
        submitted = rankings.submit(assignment, form.payload())
    except Invalid as error:
        return refuse(request, assignment, form, error.detail)
    except Conflict as error:
        return lost(request, project, error)
    rankings.notify_ranked(project.pk)
    return done(request, project, saved_in_words(submitted), undo=undo_address(assignment))


def _stop(request: SignedIn, project: Project, assignment_id: int, stop: Stop, words: Words) -> HttpResponse:
    assignment = own_task(request.user, project, assignment_id)
    try:
        stop(assignment, ReasonForm(request.POST).reason())
    except Invalid as error:
        return refuse(request, assignment, RankingForm.of(assignment), error.detail)
    except Conflict as error:
        return lost(request, project, error)
    return done(request, project, words(assignment), undo=undo_address(assignment))


def saved_in_words(submitted: Submitted) -> str:
    if not submitted.created:
        return _("That ranking was saved already.")
    if not submitted.pairs and not submitted.ties:  # one text, of which only questions were answered
        return _("Saved.")
    pairs = ngettext("Saved. %(n)d pair", "Saved. %(n)d pairs", submitted.pairs) % {"n": submitted.pairs}
    if not submitted.ties:
        return f"{pairs}."
    return f"{pairs}, {ngettext('%(n)d tied', '%(n)d tied', submitted.ties) % {'n': submitted.ties}}."
