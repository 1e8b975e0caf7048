"""How many requests a web process works on at once, while the others wait for their turn in threads that cost nothing.

Python computes in one thread at a time, so more at once make all of them slow. But one that waits for a sender's bytes,
for the scoring service, or to be let through (throttle.py) must not hold up the pages: the web server has many threads
(config/processes/web.py), what is sent is received before its turn, and what waits long has turns of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils import translation
from django.utils.translation import gettext as _

from labeling.requests import balance
from labeling.requests.body_limit import READ_THEMSELVES, limit_of
from labeling.requests.early_answer import refused
from labeling.requests.throttle import SAFE

QUICK = 4  # at once: each waits for PostgreSQL most of its time
LONG, LONG_WAITING = 6, 10  # they read what comes in piece by piece, or ask the scoring service
RETRY_SECONDS = 5


class InTurn:
    """Lets so many work at once, the others in the order in which they came.

    A semaphore of the standard library lets whoever comes pass those who wait: with 32 labelers without a pause one in
    twenty waited two and a half times as long as most.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()  # until somebody who is done hands over theirs

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class Turns:
    """Behind what throttles and before all that asks the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.quick = InTurn(QUICK)
        self.long = InTurn(LONG)
        self.long_or_waiting = threading.BoundedSemaphore(LONG + LONG_WAITING)
        self.balance = balance.of_this_process()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = "" if request.method in SAFE else _name(request)
        if name in READ_THEMSELVES:
            return self._long(request)
        if name and not _received(request, limit_of(name)):
            return HttpResponse(status=400)  # nobody is there to read it
        with self.quick:
            response = self.get_response(request)
        if self.balance and self.balance.should_move(self.quick.waiting):
            response["Connection"] = "close"
        return response

    def _long(self, request: HttpRequest) -> HttpResponseBase:
        if not self.long_or_waiting.acquire(blocking=False):
            return _busy(request)
        try:
            with self.long:
                return self.get_response(request)
        finally:
            self.long_or_waiting.release()


def _name(request: HttpRequest) -> str:
    try:
        return resolve(request.path_info).view_name
    except Resolver404:
        return ""


def _received(request: HttpRequest, limit: int | None) -> bool:
    """Tells whether the sender stayed to the end. What is too large is refused unread later (body_limit.py)."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if limit is None or not length.isdecimal() or len(length) > 15 or int(length) > limit:
        return True
    try:
        return request.body is not None
    except UnreadablePostError:
        return False


def _busy(request: HttpRequest) -> HttpResponse:
    with translation.override(translation.get_language_from_request(request)):
        detail = _("%(n)d requests that read files or ask a model are under way already. Try again in %(s)d seconds.")
        detail %= {"n": LONG + LONG_WAITING, "s": RETRY_SECONDS}
        return refused(request, 503, "busy", detail, kind="server_error", retry=RETRY_SECONDS)
