"""The other end of an invitation: join, make an account and join, or decline."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from labeling.errors import Invalid, PodiumError
from labeling.forms.errors import add_error
from labeling.forms.people import RegisterForm
from labeling.models import Invitation, Project, User
from labeling.people import invitations, signin
from labeling.views.doors import SignedIn, posted, signed_in

BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    try:
        opened = invitations.open_link(token)
    except Invalid as error:
        return render(request, "labeling/people/invitation_closed.html", {"error": error}, status=404)
    if isinstance(request.user, User):
        return _join(request, opened, request.user)
    return _register(request, opened, token)


@require_POST
@signed_in
def accept(request: SignedIn, invitation_id: int) -> HttpResponse:
    try:
        membership = invitations.accept(request.user, invitation_id)
    except PodiumError as error:
        messages.error(request, error.detail)
        return redirect("home")
    return _welcome(request, membership.project)


@require_POST
@signed_in
def decline(request: SignedIn, invitation_id: int) -> HttpResponse:
    try:
        invitations.decline(request.user, invitation_id)
    except PodiumError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, _("The invitation is declined. The project is not told."))
    return redirect("home")


def _join(request: HttpRequest, opened: Invitation, user: User) -> HttpResponse:
    if request.method != "POST":
        return render(request, "labeling/people/invitation_join.html", {"invitation": opened})
    try:
        invitations.accept_link(opened, user)
    except PodiumError as error:
        return render(request, "labeling/people/invitation_closed.html", {"error": error}, status=409)
    return _welcome(request, opened.project)


def _register(request: HttpRequest, opened: Invitation, token: str) -> HttpResponse:
    form = RegisterForm(posted(request), initial={"name": opened.name, "email": opened.email})
    if form.is_valid():
        signin.begin_registration(request, opened.pk)
        try:
            user = invitations.register(token, **form.cleaned_data)
        except PodiumError as error:
            add_error(form, error)
        else:
            login(request, user, backend=BACKEND)
            return _welcome(request, opened.project)
    return render(request, "labeling/people/invitation_register.html", {"invitation": opened, "form": form})


def _welcome(request: HttpRequest, project: Project) -> HttpResponse:
    messages.success(request, _("Welcome to %(project)s.") % {"project": project.name})
    return redirect("project", project.slug)
