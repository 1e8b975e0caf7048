"""What is done for each request of a page: the person's language, and limits on attempts."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import ngettext

from labeling.errors import TooMany
from labeling.people import password_hashing, signin

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class PersonsLanguage:
    """After LocaleMiddleware, which follows a visitor's cookie or browser, and after the user is known."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        chosen = getattr(request.user, "language", "")
        if chosen in dict(settings.LANGUAGES):
            translation.activate(chosen)
            request.LANGUAGE_CODE = translation.get_language()
        return self.get_response(request)


class AttemptLimits:
    """Answers 429 where something was tried too often, and lets a device keep that somebody logged in there."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        password_hashing.patience.set(password_hashing.STRANGER)  # the thread may have served somebody else before
        response = self.get_response(request)
        signin.remember_device(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, TooMany):
            return None
        signin.succeeded(request)  # nothing was tried: it doesn't count
        context = {"error": error, "wait": _wait(error.seconds)}
        response = render(request, "account/too_many.html", context, status=429)
        response["Retry-After"] = str(error.seconds)
        return response


def _wait(seconds: int) -> str:
    if seconds < 60:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    minutes = -(-seconds // 60)
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
