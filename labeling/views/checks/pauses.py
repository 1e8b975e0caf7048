"""Lets a person go on whom their checks paused, or warned."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from labeling.models import Membership, Project, Role
from labeling.people import access
from labeling.quality.checks import acting
from labeling.views.doors import SignedIn, project_page


@require_POST
@project_page(Role.REVIEWER)
def resume(request: SignedIn, project: Project, person_id: int) -> HttpResponse:
    """Lets them go on: the count of their checks begins anew. Twice is harmless."""
    member = Membership.objects.filter(project=project, user=person_id).select_related("user").first()
    if member is None:
        raise Http404("no member of this project")
    acting.resume(project, member.user, by=request.user)
    values = {"name": member.user.username}
    messages.success(request, _("%(name)s goes on. Their checks count from now on.") % values)
    if access.role_in(request.user, project) != Role.MANAGER:
        return redirect("golds", project.slug)
    return redirect("person", project.slug, member.user_id)
