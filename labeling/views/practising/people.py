"""Lets a person pass a project's qualification, or asks them to qualify again."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from labeling.models import Membership, Project, Role
from labeling.people import access
from labeling.quality.practising import standing
from labeling.views.doors import SignedIn, project_page


@require_POST
@project_page(Role.REVIEWER)
def decide(request: SignedIn, project: Project, person_id: int) -> HttpResponse:
    """Does what `act` says, let or ask; anything else does nothing. To let pass twice is harmless."""
    member = Membership.objects.filter(project=project, user=person_id).select_related("user").first()
    if member is None:
        raise Http404("no member of this project")
    values = {"name": member.user.username}
    if request.POST.get("act") == "let":
        standing.let_pass(project, member.user)
        messages.success(request, _("%(name)s may rank now, without another attempt.") % values)
    elif request.POST.get("act") == "ask":
        standing.ask_again(project, member.user)
        messages.success(request, _("%(name)s qualifies anew before the next task, with all attempts.") % values)
    if access.role_in(request.user, project) != Role.MANAGER:
        return redirect("golds", project.slug)
    return redirect("person", project.slug, member.user_id)
