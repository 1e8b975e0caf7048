"""Keeping what a list is narrowed by, and what becomes of it."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.contrib import messages as notices
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from labeling.answers import saved_views
from labeling.errors import Missing, PodiumError
from labeling.forms.finding import narrowing_fields
from labeling.models import Project, Role, SavedView
from labeling.views.doors import SignedIn, project_page

LONGEST_ADDRESS = 16_000  # letters of what is led back to: servers read no more of an address


def views_of_list(request: SignedIn, project: Project, of: str, query: str) -> dict[str, object]:
    """Gives what a list's page shows of views: those that there are, and the one that it shows, if any."""
    found = saved_views.views_of(project, request.user, of)
    asked = dict(parse_qsl(query))
    return {
        "views": found,
        "views_of": of,
        "own_views": [view for view in found if view.owner_id == request.user.pk],
        "shown_view": next((view for view in found if view.filters == asked), None),
        "asked_query": query,
    }


@require_POST
@project_page(Role.REVIEWER)
def save(request: SignedIn, project: Project) -> HttpResponse:
    """Keeps what the list's address says, and leads back to the list."""
    of, sent = request.POST.get("of", ""), QueryDict(request.POST.get("query", ""))
    if of not in SavedView.Of.values:
        raise Http404("no such list")
    # A NUL narrows nothing, and the database keeps none.
    filters = {name: sent[name] for name in narrowing_fields(of) if sent.get(name) and "\0" not in sent[name]}
    try:
        view = saved_views.save(
            project,
            request.user,
            of,
            name=request.POST.get("name", ""),
            filters=filters,
            is_shared="shared" in request.POST,
        )
    except PodiumError as error:
        notices.error(request, error.detail)
        asked = sent.urlencode()
        return redirect(_address(project, of, asked if len(asked) <= LONGEST_ADDRESS else ""))
    notices.success(request, _("Kept as “%(name)s”.") % {"name": view.name})
    return redirect(_address(project, of, view.query))


@require_POST
@project_page(Role.REVIEWER)
def act(request: SignedIn, project: Project, view_id: int) -> HttpResponse:
    """Renames, shares or deletes one of one's own views."""
    try:
        view = saved_views.find_own(project, request.user, view_id)
    except Missing as error:
        raise Http404(error.detail) from error
    chosen = request.POST.get("act", "")
    try:
        match chosen:
            case "rename":
                saved_views.rename(view, request.POST.get("name", ""))
            case "share" | "keep":
                saved_views.share(view, is_shared=chosen == "share")
            case "delete":
                view.delete()
                notices.success(request, _("“%(name)s” is deleted.") % {"name": view.name})
                return redirect(_address(project, view.of))
            case _other:
                raise Http404("no such act")
    except PodiumError as error:
        notices.error(request, error.detail)
    return redirect(_address(project, view.of, view.query))


def _address(project: Project, of: str, query: str = "") -> str:
    address = reverse(of, args=[project.slug])
    return f"{address}?{query}" if query else address
