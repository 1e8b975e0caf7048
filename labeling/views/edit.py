"""Changing one's mind about a ranking in the history: the same board, and a new revision."""

from __future__ import annotations

from dataclasses import replace

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from labeling import content
from labeling.answers import rankings
from labeling.answers.rankings import Submitted
from labeling.board.form import RankingForm
from labeling.board.task import Task, task_of
from labeling.data.reviewing import sent_back
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Project, Ranking, Role
from labeling.people import access
from labeling.views.desk import own_task
from labeling.views.doors import SignedIn, project_page
from labeling.views.history import own_rankings


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.LABELER)
def edit(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    assignment = own_task(request.user, project, assignment_id, texts=True)
    ranking = own_rankings(request.user, project).filter(assignment=assignment).first()
    if request.method == "POST":
        return _amend(request, project, assignment, ranking)
    if ranking is None:
        raise Http404("no ranking of yours to change")
    form = RankingForm.of(assignment, draft=rankings.draft_of(ranking, assignment))
    return _show(request, assignment, ranking, form)


@require_POST
@project_page(Role.LABELER)
def stays(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    """Says that an answer that was sent back stays as it is, and why."""
    assignment = own_task(request.user, project, assignment_id, texts=True)
    try:
        sent_back.stays(assignment, request.POST.get("words", ""))
    except Invalid as error:
        ranking = own_rankings(request.user, project).filter(assignment=assignment).first()
        if ranking is None:
            raise Http404("no ranking of yours") from error
        form = RankingForm.of(assignment, draft=rankings.draft_of(ranking, assignment))
        return _show(request, assignment, ranking, form, error=error.detail)
    except Conflict as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, _("Your answer stays. A reviewer sees what you wrote."))
    return redirect("history", project.slug)


def _amend(request: SignedIn, project: Project, assignment: Assignment, ranking: Ranking | None) -> HttpResponse:
    form = RankingForm.of(assignment, request.POST)
    if not form.is_valid():
        return _show(request, assignment, ranking, form, error=form.problem())
    try:
        amended = rankings.amend(assignment, form.payload())
    except Invalid as error:
        return _show(request, assignment, ranking, form, error=error.detail)
    except Conflict as error:
        messages.error(request, error.detail)
    else:
        rankings.notify_ranked(project.pk)
        messages.success(request, amended_in_words(amended))
    return redirect("history", project.slug)


def amended_in_words(amended: Submitted) -> str:
    if not amended.created:
        return _("Nothing was changed.")
    if not amended.pairs and not amended.ties:
        return _("Saved as revision %(revision)d.") % {"revision": amended.ranking.revision}
    pairs = ngettext("%(n)d pair", "%(n)d pairs", amended.pairs) % {"n": amended.pairs}
    if amended.ties:
        pairs += ngettext(", %(n)d tied", ", %(n)d tied", amended.ties) % {"n": amended.ties}
    return _("Saved as revision %(revision)d. %(pairs)s.") % {"revision": amended.ranking.revision, "pairs": pairs}


def _show(
    request: SignedIn, assignment: Assignment, ranking: Ranking | None, form: RankingForm, *, error: str = ""
) -> HttpResponse:
    project = assignment.prompt.project
    context = {
        "project": project,
        "case": sent_back.case_awaiting(assignment),
        "task": _task(assignment, form),
        "ranking": ranking,
        "error": error,
        "guidelines": content.render(project.guidelines),
        "is_labeler": access.role_in(request.user, project) == Role.LABELER,
    }
    return render(request, "labeling/answers/history_edit.html", context, status=422 if error else 200)


def _task(assignment: Assignment, form: RankingForm) -> Task:
    """Gives the task's board, but for what belongs to the queue: there is no draft, no skip and nothing ahead."""
    return replace(
        task_of(assignment, form),
        action=reverse("history_edit", args=[assignment.prompt.project.slug, assignment.pk]),
        draft_url="",
        keep_url="",
        ahead_url="",
        skip_url="",
        cannot_url="",
        submit=gettext_lazy("Save as a new revision"),
    )
