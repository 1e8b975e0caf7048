"""A labeler's qualification: where they stand, an item on the board, and how it is marked. What is answered stays."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labeling import content
from labeling.errors import Conflict, Missing
from labeling.models import Membership, Project, QualificationAnswer, Role
from labeling.projects.projects import read_whole
from labeling.quality.practising import attempts
from labeling.quality.practising.items import Item
from labeling.quality.practising.standing import standing_of
from labeling.views.doors import SignedIn, posted, project_page
from labeling.views.practising.boards import form_of, marked_context, task_of
from labeling.views.upkeep import show_comparison


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.LABELER)
def index(request: SignedIn, project: Project) -> HttpResponse:
    """Says where they stand, and what to do next. A POST begins an attempt, or goes on with the open one."""
    read_whole(project)
    if request.method == "POST":
        return _go_on(request, project)
    standing = standing_of(project, Membership.objects.filter(project=project, user=request.user.pk).first())
    context = {"project": project, "standing": standing, "guidelines": content.render(project.guidelines)}
    return render(request, "labeling/quality/qualification.html", context)


def _go_on(request: SignedIn, project: Project) -> HttpResponse:
    try:
        attempt = attempts.begin(project, request.user)
    except Conflict as error:
        messages.error(request, error.detail)
        return redirect("qualification", project.slug)
    place = attempts.next_place(attempt)
    if place is None:  # answered in another tab meanwhile
        return redirect("qualification", project.slug)
    return redirect("qualification_item", project.slug, attempt.number, place)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.LABELER)
def item(request: SignedIn, project: Project, number: int, place: int) -> HttpResponse:
    """Shows an item of an attempt of theirs; once it was answered what is right and why, whatever is sent again."""
    row, shown = _find(request, read_whole(project), number, place)
    if shown is None:
        messages.error(request, _("The project's manager took this item back. Go on with the next one."))
        return redirect("qualification", project.slug)
    if row.answered_at is not None:
        return _marked(request, project, row, shown)
    form = form_of(project, shown, posted(request))
    here = [project.slug, number, place]
    if form.is_valid():
        try:
            attempts.answer(project, request.user, number, place, form.payload())
        except Missing as error:
            messages.error(request, error.detail)
            return redirect("qualification", project.slug)
        return redirect("qualification_item", *here)
    name = f"qualification-{row.pk}"
    compare_url = reverse("qualification_compare", args=here)
    context = {
        "project": project,
        "task": task_of(form, shown, name=name, action=reverse("qualification_item", args=here), compare=compare_url),
        "error": form.problem() if form.is_bound else "",
        "guidelines": content.render(project.guidelines),
        "is_labeler": True,
        "place": place,
        "n": row.attempt.answers.count(),
    }
    return render(
        request, "labeling/quality/qualification_item.html", context, status=422 if form.is_bound else 200
    )  # fmt: skip


def _marked(request: SignedIn, project: Project, row: QualificationAnswer, shown: Item) -> HttpResponse:
    ranks, flags = attempts.said_in(row)
    context = marked_context(project, shown, shown.marked(project, ranks, flags), ranks)
    context |= {
        "attempt": row.attempt,
        "place": row.place,
        "n": row.attempt.answers.count(),
        "next": attempts.next_place(row.attempt),
    }
    return render(request, "labeling/quality/qualification_marked.html", context)


@never_cache
@require_safe
@project_page(Role.LABELER)
def compare(request: SignedIn, project: Project, number: int, place: int) -> HttpResponse:
    _row, shown = _find(request, project, number, place)
    if shown is None or len(shown.completions) < 2:
        raise Http404("nothing here to be compared")
    return show_comparison(request, project, [each.text for each in shown.completions.values()])


def _find(request: SignedIn, project: Project, number: int, place: int) -> tuple[QualificationAnswer, Item | None]:
    try:
        return attempts.find(project, request.user, number, place)
    except Missing as error:
        raise Http404(error.detail) from error
