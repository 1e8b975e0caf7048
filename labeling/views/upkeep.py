"""What the ranking page does on its own while someone works: drafts, the lease, giving back, undo, comparing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from string import ascii_uppercase

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labeling.answers import rankings
from labeling.board.drafts import fields_of_draft, under_ids_of_today
from labeling.board.form import RankingForm
from labeling.content.word_difference import compared
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Project, Role
from labeling.queue import claims, shown_ids
from labeling.views.desk import by_script, lost, own_task, pace_of, show_task
from labeling.views.doors import SignedIn, project_page


def undo_address(assignment: Assignment) -> str:
    return reverse("rank_undo", args=[assignment.prompt.project.slug, assignment.pk])


@require_POST
@project_page(Role.LABELER)
def draft(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    """Keeps what is chosen so far. Where another window was faster, 409 and what that one said."""
    assignment = own_task(request.user, project, assignment_id, texts=True)
    form = RankingForm.of(assignment, request.POST)
    base = request.POST.get("draft_revision", "")
    try:
        saved = claims.save_draft(assignment, form.draft(), base=_revision(base))
    except Invalid as error:
        return JsonResponse({"detail": error.detail}, status=422)
    except Conflict as error:
        now = own_task(request.user, project, assignment_id)
        fields = fields_of_draft(shown_ids.draft_of(now), first=next(iter(shown_ids.all_of(now))))
        # A page from before an upgrade has none of these fields: by another code it fetches the board anew.
        is_former = under_ids_of_today(request.POST, shown_ids.former(now)) is not request.POST
        code = "board_changed" if is_former else error.code
        answer = {"code": code, "revision": now.draft_revision, "fields": fields}
        return JsonResponse(answer | {"detail": error.detail}, status=409)
    return JsonResponse({"revision": saved.draft_revision})


def _revision(sent: str) -> int | None:
    """Gives a page that was never told one None, of one that made it up a revision that no draft has."""
    return int(sent[:10]) if sent.isdecimal() else None


@require_POST
@project_page(Role.LABELER)
def keep(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    """Answers the heartbeat of a page that someone looks at: the leases go on, and the page learns what changed
    elsewhere."""
    assignment = own_task(request.user, project, assignment_id)
    try:
        kept = claims.extend(assignment)
    except Conflict as error:
        return lost(request, project, error)
    ahead = request.POST.get("ahead", "")
    return JsonResponse({"revision": kept.draft_revision, "ahead": ahead if _kept(request, project, ahead) else ""})


def _kept(request: SignedIn, project: Project, ahead: str) -> bool:
    if not ahead:
        return False
    with contextlib.suppress(Conflict):
        claims.extend(own_task(request.user, project, ahead))
        return True
    return False


@require_POST
@project_page(Role.LABELER)
def leave(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    """The page is being closed: what it took ahead goes back to the queue. What is on the board stays."""
    claims.give_back(own_task(request.user, project, assignment_id))
    return HttpResponse(status=204)


@require_POST
@project_page(Role.LABELER)
def undo(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    assignment = own_task(request.user, project, assignment_id, texts=True)
    try:
        assignment = rankings.undo(assignment)
    except Conflict as error:
        return lost(request, project, error)
    if by_script(request):
        response = show_task(request, assignment)
        pace = pace_of(request.user, project)
        response["X-Pace"] = json.dumps({"today": pace.today, "seconds": pace.seconds and round(pace.seconds)})
        return response
    messages.success(request, _("Taken back. Change what you like and submit again."))
    return redirect("rank", project.slug)


@never_cache
@require_safe
@project_page(Role.LABELER)
def compare(request: SignedIn, project: Project, assignment_id: int) -> HttpResponse:
    """Shows two completions side by side with the words in which they differ."""
    assignment = own_task(request.user, project, assignment_id, texts=True)
    texts = [shown.text for shown in claims.shown_completions(assignment)]
    if len(texts) < 2:
        raise Http404("one text alone has nothing to be compared with")
    return show_comparison(request, project, texts)


def show_comparison(request: SignedIn, project: Project, texts: Sequence[str]) -> HttpResponse:
    shown = dict(zip(ascii_uppercase, texts, strict=False))
    letters = (request.GET.get("one", "A"), request.GET.get("two", "B"))
    one, two = (letter if letter in shown else other for letter, other in zip(letters, "AB", strict=True))
    context = {
        "project": project,
        "letters": list(shown),
        "one": one,
        "two": two,
        "comparison": compared(shown[one], shown[two]),
    }
    template = "labeling/content/_compare_view.html" if by_script(request) else "labeling/content/compare.html"
    return render(request, template, context)
