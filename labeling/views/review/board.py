"""The board of a decision: the reviewer ranks as anybody does, in an order of their own."""

from __future__ import annotations

from dataclasses import replace

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling import content
from labeling.answers import rankings
from labeling.board.form import RankingForm
from labeling.board.task import Task, task_of
from labeling.data.reviewing import decisions
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Project, ReviewCase, Role
from labeling.views.doors import SignedIn, project_page
from labeling.views.review.cases import find_case


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.REVIEWER)
def decide(request: SignedIn, project: Project, case_id: int) -> HttpResponse:
    case = find_case(project, case_id)
    try:
        assignment = decisions.task_for(case, request.user)
        assignment.prompt.project = project
        if request.method != "POST":
            return _show(request, case, assignment, RankingForm.of(assignment))
        return _decide(request, case, assignment)
    except Conflict as error:
        messages.error(request, error.detail)
        return redirect("review_case", project.slug, case.pk)


def _decide(request: SignedIn, case: ReviewCase, assignment: Assignment) -> HttpResponse:
    form = RankingForm.of(assignment, request.POST)
    if not form.is_valid():
        return _show(request, case, assignment, form, error=form.problem())
    try:
        decisions.decide(case, assignment, form.payload(), by=request.user, words=request.POST.get("reason", ""))
    except Invalid as error:
        return _show(request, case, assignment, form, error=error.detail)
    rankings.notify_ranked(case.project_id)
    messages.success(request, _("Decided. Your ranking stands for this prompt; the others stay as a record."))
    return redirect("review", case.project.slug)


def _show(
    request: SignedIn, case: ReviewCase, assignment: Assignment, form: RankingForm, *, error: str = ""
) -> HttpResponse:
    context = {
        "project": case.project,
        "case": case,
        "task": _task(case, assignment, form),
        "reason": request.POST.get("reason", ""),
        "error": error,
        "guidelines": content.render(case.project.guidelines),
        "is_labeler": False,
    }
    return render(request, "labeling/review/decide.html", context, status=422 if error else 200)


def _task(case: ReviewCase, assignment: Assignment, form: RankingForm) -> Task:
    """Gives the board without what belongs to the queue, as where an answer is changed."""
    return replace(
        task_of(assignment, form),
        action=reverse("review_decide", args=[case.project.slug, case.pk]),
        draft_url="",
        keep_url="",
        ahead_url="",
        skip_url="",
        cannot_url="",
        submit=gettext_lazy("Decide"),
    )
