"""What is done for each request of a page: the person's language, and limits on attempts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import ngettext

from labeling import hashing, limits, signin
from labeling.errors import TooMany
from labeling.models import Attempts

GetResponse = Callable[[HttpRequest], HttpResponseBase]
FLOOD, FLOOD_SECONDS = 20, 2.0  # so many refusals in so long are a flood
MOST_FLOODS = 1000  # that are remembered


class SharedRefusal(HttpResponse):
    """A refusal that holds for whoever asks from there: of the site, of a network, of a crowd that waits already.

    One of a name, a device, a code or an invitation holds for nobody else, and says whom it is about.
    """

    CODES = ("busy", Attempts.Kind.ADDRESS, Attempts.Kind.SITE)


@dataclass
class Refusal:
    """What a network was answered at an address since a moment, and how many times."""

    since: float
    body: bytes
    headers: Mapping[str, str]
    times: int = 0


class Floods:
    """Stands before all that costs: a network refused many times a moment ago gets that answer again, from memory.

    To count an attempt and draw the page that refuses it takes 10 ms, and a hundred of them a second would hold up the
    pages of everyone else. Devices on which somebody logged in before are not held up, as nowhere.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.refusals: dict[tuple[str, str, str], Refusal] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST" or signin.cookie_name() in request.COOKIES:
            return self.get_response(request)
        language = translation.get_language_from_request(request)
        key = (limits.network(signin.address_of(request)), request.path_info, language)
        known = self.refusals.get(key)
        if known and time.monotonic() - known.since > FLOOD_SECONDS:
            known = None
        if known and known.times >= FLOOD:
            return HttpResponse(known.body, status=429, headers=known.headers)
        response = self.get_response(request)
        if isinstance(response, SharedRefusal):
            self._note(key, known or Refusal(time.monotonic(), response.content, dict(response.items())))
        return response

    def _note(self, key: tuple[str, str, str], refusal: Refusal) -> None:
        if len(self.refusals) >= MOST_FLOODS:
            self.refusals.clear()
        refusal.times += 1
        self.refusals[key] = refusal


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
        hashing.patience.set(hashing.STRANGER)  # the thread may have served somebody else before
        response = self.get_response(request)
        signin.remember_device(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, TooMany):
            return None
        signin.succeeded(request)  # nothing was tried: it doesn't count
        context = {"error": error, "wait": _wait(error.seconds)}
        kind = SharedRefusal if error.code in SharedRefusal.CODES else HttpResponse
        response = kind(render_to_string("account/too_many.html", context, request), status=429)
        response["Retry-After"] = str(error.seconds)
        return response


def _wait(seconds: int) -> str:
    if seconds < 60:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    minutes = -(-seconds // 60)
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
