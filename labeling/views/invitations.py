"""The other end of an invitation link: join, or make an account and join."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from labeling import invitations, signin
from labeling.errors import Invalid, PodiumError
from labeling.forms import RegisterForm, add_error
from labeling.models import Invitation, User
from labeling.views.doors import posted

BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    try:
        opened = invitations.open_link(token)
    except Invalid as error:
        return render(request, "labeling/invitation_closed.html", {"error": error}, status=404)
    if isinstance(request.user, User):
        return _join(request, opened, request.user)
    return _register(request, opened, token)


def _join(request: HttpRequest, opened: Invitation, user: User) -> HttpResponse:
    if request.method != "POST":
        return render(request, "labeling/invitation_join.html", {"invitation": opened})
    try:
        invitations.accept_link(opened, user)
    except PodiumError as error:
        return render(request, "labeling/invitation_closed.html", {"error": error}, status=409)
    messages.success(request, _("Welcome to %(project)s.") % {"project": opened.project.name})
    return redirect("project", opened.project.slug)


def _register(request: HttpRequest, opened: Invitation, token: str) -> HttpResponse:
    form = RegisterForm(posted(request))
    if form.is_valid():
        signin.begin_registration(request, opened.pk)
        try:
            user = invitations.register(token, **form.cleaned_data)
        except PodiumError as error:
            add_error(form, error)
        else:
            login(request, user, backend=BACKEND)
            messages.success(request, _("Welcome to %(project)s.") % {"project": opened.project.name})
            return redirect("project", opened.project.slug)
    return render(request, "labeling/invitation_register.html", {"invitation": opened, "form": form})
