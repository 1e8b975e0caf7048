"""How much may be sent to an address: looked at before any of it is read, so that nobody waits for what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from labeling.requests.early_answer import refused

KIB, MIB = 2**10, 2**20
# The longest answer that is accepted, ten notes, a comment and a rewrite in characters of four bytes, has 420 KB as a
# form has it.
ANSWER = 512 * KIB
ANYTHING = 2 * MIB  # the longest guidelines fit twice
ANSWERS = ("rank", "history", "practice", "labeling_api:assignment_")  # how the names of a labeler's addresses begin
# They read files or many texts, piece by piece, and have limits of their own.
READ_THEMSELVES = {
    *("prompts", "imports", "labeling_api:prompts", "labeling_api:imports"),
    *("labeling_api:prompts_withdraw", "labeling_api:prompts_restore"),
}


def reads_itself(*names: str) -> None:
    """Counts an app's own addresses among READ_THEMSELVES. Call it once, when the app is ready."""
    READ_THEMSELVES.update(names)


def limit_of(name: str) -> int | None:
    """Gives the most bytes that the address of this name takes; None where it sees to that itself."""
    if name in READ_THEMSELVES:
        return None
    return ANSWER if name.startswith(ANSWERS) else ANYTHING


class BodyLimit:
    """Stands before whatever reads the body, the check of the form's token first of all.

    A body without a Content-Length is empty to Django, so the header is what is read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_address: object) -> HttpResponse | None:
        limit = limit_of(request.resolver_match.view_name if request.resolver_match else "")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if limit is None or not length.isdecimal() or (len(length) < 20 and int(length) <= limit):
            return None
        message = _("What was sent has %(size)s bytes, and this address takes at most %(limit)s. Nothing was stored.")
        return refused(request, 413, "too_large", message % {"size": length[:20], "limit": limit}, template="413.html")
