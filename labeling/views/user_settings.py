"""A person's preferences, and the two choices that are in every page's menu: language and colours."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from labeling.errors import PodiumError
from labeling.forms.errors import add_error
from labeling.forms.people import PreferencesForm
from labeling.models import User
from labeling.people.user_settings import keep_tour_seen, show_tour_again, update_settings
from labeling.templatetags.podium import THEME_COOKIE, THEMES
from labeling.views.doors import SignedIn, posted, signed_in

YEAR_SECONDS = 60 * 60 * 24 * 365


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def preferences(request: SignedIn) -> HttpResponse:
    theme_now = request.COOKIES.get(THEME_COOKIE, "")
    form = PreferencesForm(posted(request), initial=PreferencesForm.initial_of(request.user) | {"theme": theme_now})
    if form.is_valid():
        try:
            update_settings(request.user, **form.changes())
        except PodiumError as error:
            add_error(form, error)
        else:
            return _saved(request, theme=form.cleaned_data["theme"])
    return render(request, "labeling/people/user_settings.html", {"form": form}, status=422 if form.errors else 200)


def _saved(request: SignedIn, *, theme: str) -> HttpResponse:
    response = redirect("preferences")
    _keep(response, THEME_COOKIE, theme)
    if not request.user.language:
        # Following the browser means the browser, not what was chosen in it before somebody logged in.
        _keep(response, settings.LANGUAGE_COOKIE_NAME, "")
        request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
    with translation.override(request.user.language or translation.get_language_from_request(request)):
        messages.success(request, _("Preferences saved."))
    return response


@require_POST
@signed_in
def tour(request: SignedIn) -> HttpResponse:
    show_tour_again(request.user)
    messages.success(request, _("The tour starts the next time you practise."))
    return redirect("preferences")


@require_POST
@signed_in
def tour_seen(request: SignedIn) -> HttpResponse:
    """The tour was finished or closed: it does not come by itself again."""
    keep_tour_seen(request.user)
    return redirect(_back(request))


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """A signed-in person's choice is kept with them, a visitor's in a cookie."""
    response = redirect(_back(request))
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES):
        if isinstance(request.user, User):
            update_settings(request.user, language=chosen)
        else:
            _keep(response, settings.LANGUAGE_COOKIE_NAME, chosen)
    return response


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keeps the choice in a cookie, so that the server draws the right page at once and without JavaScript."""
    response = redirect(_back(request))
    chosen = request.POST.get("theme", "")
    _keep(response, THEME_COOKIE, chosen if chosen in THEMES else "")
    return response


def _back(request: HttpRequest) -> str:
    """Tells where the form was sent from, if that is a page of ours."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    # redirect() takes anything that begins otherwise for a page's name.
    return target if ours and target.startswith("/") else reverse("home")


def _keep(response: HttpResponse, cookie: str, value: str) -> None:
    if value:
        path = settings.LANGUAGE_COOKIE_PATH
        response.set_cookie(cookie, value, path=path, max_age=YEAR_SECONDS, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(cookie, path=settings.LANGUAGE_COOKIE_PATH)
