"""The people of a project: their roles, and invitation links."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from labeling import invitations, projects
from labeling.errors import PodiumError
from labeling.forms import InviteForm, MemberForm, add_error
from labeling.models import Invitation, Project, Role
from labeling.views.doors import SignedIn, posted, project_page


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def people(request: SignedIn, project: Project) -> HttpResponse:
    """The list; a POST makes an invitation, whose link is on the answer's page and never again."""
    form = InviteForm(posted(request))
    link = None
    if form.is_valid():
        token = invitations.invite(project, by=request.user, **form.cleaned_data)[1]
        link = request.build_absolute_uri(reverse("invitation", args=[token]))
        form = InviteForm()
    return _page(request, project, invite_form=form, link=link)


@require_POST
@project_page(Role.MANAGER)
def set_member(request: SignedIn, project: Project) -> HttpResponse:
    """Adds an account to the project or changes its role."""
    form = MemberForm(request.POST)
    if form.is_valid():
        try:
            membership = projects.set_member(project, by=request.user, **form.cleaned_data)
        except PodiumError as error:
            add_error(form, error)
        else:
            said = {"name": form.cleaned_data["username"], "role": membership.get_role_display()}
            messages.success(request, _("%(name)s has the role %(role)s now.") % said)
            return redirect("people", project.slug)
    return _page(request, project, member_form=form, status=422)


@require_POST
@project_page(Role.MANAGER)
def remove_member(request: SignedIn, project: Project) -> HttpResponse:
    username = request.POST.get("username", "")
    try:
        projects.remove_member(project, username=username)
    except PodiumError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, _("%(name)s is out of the project. What they ranked stays.") % {"name": username})
    return redirect("people", project.slug)


@require_POST
@project_page(Role.MANAGER)
def withdraw(request: SignedIn, project: Project, invitation_id: int) -> HttpResponse:
    with _known():
        invitations.withdraw(project, invitation_id)
    messages.success(request, _("The invitation is withdrawn; its link opens nothing any more."))
    return redirect("people", project.slug)


@require_POST
@project_page(Role.MANAGER)
def renew(request: SignedIn, project: Project, invitation_id: int) -> HttpResponse:
    """A new link on the answer's page, and never again; the old one opens nothing any more."""
    with _known():
        token = invitations.renew(project, invitation_id, by=request.user)
    return _page(request, project, link=request.build_absolute_uri(reverse("invitation", args=[token])))


@contextmanager
def _known() -> Iterator[None]:
    try:
        yield
    except Invitation.DoesNotExist as error:
        raise Http404(str(error)) from error


def _page(
    request: SignedIn,
    project: Project,
    *,
    invite_form: InviteForm | None = None,
    member_form: MemberForm | None = None,
    link: str | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "project": project,
        "memberships": project.memberships.select_related("user").order_by("user__username"),
        "open_invitations": project.invitations.filter(accepted_by=None, expires_at__gt=timezone.now()).select_related(
            "created_by"
        ),
        "roles": Role.choices,
        "invite_form": invite_form or InviteForm(),
        "member_form": member_form or MemberForm(),
        "link": link,
    }
    return render(request, "labeling/people.html", context, status=status)
