"""The first page: the projects a person is in. And the choice of light or dark."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from labeling import access, progress
from labeling.models import Role
from labeling.templatetags.podium import THEME_COOKIE, THEMES
from labeling.views.doors import SignedIn, signed_in

YEAR_SECONDS = 60 * 60 * 24 * 365


@require_safe
@signed_in
def home(request: SignedIn) -> HttpResponse:
    roles = {membership.project_id: Role(membership.role) for membership in request.user.memberships.all()}
    everywhere = Role.MANAGER if access.is_administrator(request.user) else None
    projects = access.visible_projects(request.user)
    counts = progress.done_counts(projects)
    rows = [
        (project, everywhere or roles.get(project.pk, Role.LABELER), *counts.get(project.pk, (0, 0)))
        for project in projects
    ]
    return render(request, "labeling/home.html", {"rows": rows, "may_create": access.may_create_projects(request.user)})


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keeps the choice in a cookie, so that the server draws the right page at once and without JavaScript."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    response = redirect(target)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(THEME_COOKIE, chosen, max_age=YEAR_SECONDS, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(THEME_COOKIE)
    return response
