"""The people of a project: their roles, and invitation links."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from labeling.errors import PodiumError
from labeling.forms.errors import add_error
from labeling.forms.people import InviteForm, MemberForm
from labeling.models import Invitation, Project, Role
from labeling.people import invitations, members
from labeling.views.doors import SignedIn, posted, project_page

ADD = "add-%s"  # ids of the second form on the page, apart from those of the first


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def people(request: SignedIn, project: Project) -> HttpResponse:
    """Shows the list; a POST makes an invitation, whose link is on the answer's page and never again."""
    form = InviteForm(posted(request))
    token = None
    if form.is_valid():
        try:
            token = invitations.invite(project, by=request.user, **form.cleaned_data)[1]
        except PodiumError as error:
            add_error(form, error)
        else:
            form = InviteForm()
    return _page(request, project, invite_form=form, token=token, status=422 if form.errors else 200)


@require_POST
@project_page(Role.MANAGER)
def ask(request: SignedIn, project: Project) -> HttpResponse:
    """Invites an account by its name, and never tells whether there is one."""
    form = MemberForm(request.POST, auto_id=ADD)
    if form.is_valid() and _asked(request, project, form=form, **form.cleaned_data):
        return redirect("people", project.slug)
    return _page(request, project, member_form=form, status=422)


@require_POST
@project_page(Role.MANAGER)
def set_member(request: SignedIn, project: Project) -> HttpResponse:
    """Changes a member's role."""
    form = MemberForm(request.POST, auto_id=ADD)
    if not form.is_valid():
        return _page(request, project, member_form=form, status=422)
    try:
        membership = members.set_member(project, by=request.user, **form.cleaned_data)
    except PodiumError as error:
        messages.error(request, error.detail)
    else:
        values = {"name": form.cleaned_data["username"], "role": membership.get_role_display()}
        messages.success(request, _("%(name)s has the role %(role)s now.") % values)
    return redirect("people", project.slug)


@require_POST
@project_page(Role.MANAGER)
def remove_member(request: SignedIn, project: Project) -> HttpResponse:
    username = request.POST.get("username", "")
    try:
        members.remove_member(project, username=username)
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
    messages.success(request, _("The invitation is withdrawn; nobody can use it any more."))
    return redirect("people", project.slug)


@require_POST
@project_page(Role.MANAGER)
def renew(request: SignedIn, project: Project, invitation_id: int) -> HttpResponse:
    """Shows a new link on the answer's page, and never again; the old one opens nothing any more. A name is asked
    again."""
    with _known():
        invitation = invitations.open_in(project).get(pk=invitation_id)
        if not invitation.username:
            return _page(request, project, token=invitations.renew(project, invitation, by=request.user))
    _asked(request, project, username=invitation.username, role=invitation.role)
    return redirect("people", project.slug)


def _asked(request: SignedIn, project: Project, *, username: str, role: str, form: MemberForm | None = None) -> bool:
    """Says what became of it above the page, or at the form where there is one."""
    try:
        invitation = invitations.ask(project, by=request.user, username=username, role=role)
    except PodiumError as error:
        if form is None:
            messages.error(request, error.detail)
        else:
            add_error(form, error)
        return False
    messages.success(request, invitations.asked_of(invitation.username))
    return True


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
    token: str | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "project": project,
        "memberships": project.memberships.select_related("user").order_by("user__username"),
        "open_invitations": invitations.open_in(project),
        "roles": Role.choices,
        "invite_form": invite_form or InviteForm(),
        "member_form": member_form or MemberForm(auto_id=ADD),
        "link": token and request.build_absolute_uri(reverse("invitation", args=[token])),
    }
    return render(request, "labeling/people/people.html", context, status=status)
