"""Slows down whoever sends, again and again, what is refused: they wait before more of it is looked at.

To receive, check and refuse takes 2 to 30 ms of a core, so some callers without a pause would fill all of them, and the
pages of everyone else would wait. What each sender's refusals cost is added up and forgiven with time; beyond some free
ones the next waits in proportion, so that a sender gets about a hundredth of a core for what comes to nothing. It is a
delay and no lock: the answer is the one that it would have been.

Each web process counts for itself, in memory. Who only reads never waits.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext as _

from labeling.people import attempt_limits, signin
from labeling.requests.early_answer import refused

logger = logging.getLogger(__name__)

LONGEST = 5.0  # seconds of waiting
SLOPE = 50.0  # seconds of waiting for each second of cost beyond the free ones
FREE = 0.05  # seconds: a form filled in wrongly, a handful of wrong passwords of one office
MOST = FREE + 2 * LONGEST / SLOPE  # so that whatever was sent once is forgiven in half a minute
HALF_LIFE = 10.0  # seconds
PERSONS_SHARE = 0.01  # seconds of each request of a person: a program that meets 404 and 409 in its work never waits
PER_BYTE = 50e-9  # seconds: what is refused has no honest reason to be large
SENDERS = 10_000  # that are remembered
LOOKED_AT = 24  # of one sender's requests that wait at once; the others of them are refused after their wait
PLACES, PLACES_OF_ONE = 180, 120  # who may wait at once, in all and of one sender
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Sender = tuple[str, str]


@dataclass
class Refusals:
    """What the refusals of each sender cost, in seconds of processor time, half of it forgiven every HALF_LIFE.

    `now` is a reading of any clock in seconds that doesn't go back.
    """

    known: dict[Sender, tuple[float, float]] = field(default_factory=dict)  # the cost, and when it was that

    def cost(self, sender: Sender, now: float) -> float:
        cost, then = self.known.get(sender, (0.0, now))
        return float(cost * 0.5 ** ((now - then) / HALF_LIFE))

    def wait(self, sender: Sender, now: float) -> float:
        """Tells how many seconds to wait."""
        return min(LONGEST, SLOPE * max(0.0, self.cost(sender, now) - FREE))

    def add(self, sender: Sender, seconds: float, now: float) -> None:
        if len(self.known) >= SENDERS and sender not in self.known:
            self._forget(now)
        self.known[sender] = (min(MOST, self.cost(sender, now) + seconds), now)

    def _forget(self, now: float) -> None:
        """Forgets those who need not wait; where all of them must, all: so many networks are the proxy's."""
        self.known = {sender: cost for sender, cost in self.known.items() if self.wait(sender, now)}
        if len(self.known) >= SENDERS:
            self.known = {}


class Crowd:
    """Who waits at the moment: no more than leave threads for everyone else."""

    def __init__(self) -> None:
        self._waiting: Counter[Sender] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place(self, sender: Sender) -> Iterator[int | None]:
        """Takes a place and gives how many of the sender wait already; None where there is no place."""
        with self._lock:
            ahead = self._waiting[sender]
            free = ahead < PLACES_OF_ONE and self._waiting.total() < PLACES
            self._waiting[sender] += free
        try:
            yield ahead if free else None
        finally:
            with self._lock:
                self._waiting[sender] -= free
                self._waiting += Counter()  # drops those of whom nobody waits


class Throttle:
    """Stands before all that costs. A sender is a person by what they log in with, once that was found good; else a
    device on which somebody logged in before; else a network."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.refusals = Refusals()
        self.crowd = Crowd()
        self.people: dict[str, Sender] = {}  # by what they log in with

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in SAFE:
            response = self.get_response(request)
            self._recognise(request)
            return response
        sender = self._sender(request)
        if seconds := self.refusals.wait(sender, time.monotonic()):
            with self.crowd.place(sender) as ahead:
                if ahead is not None:
                    time.sleep(seconds * random.uniform(0.75, 1.25))  # so that a crowd doesn't come back as one
            if ahead is None or ahead >= LOOKED_AT:
                return _crowded(request)
        began = time.thread_time()
        response = self.get_response(request)
        self._note(request, response, time.thread_time() - began)
        return response

    def _note(self, request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
        """A person's request costs nothing where it was answered; a stranger's is one that failed, whatever it says."""
        person = self._recognise(request)
        if person and not 400 <= response.status_code < 500:
            return
        cost = seconds + PER_BYTE * _length(request) - (PERSONS_SHARE if person else 0)
        if cost <= 0:
            return
        sender, now = self._sender(request), time.monotonic()
        waited = self.refusals.wait(sender, now)
        self.refusals.add(sender, cost, now)
        if not waited and self.refusals.wait(sender, now):
            logger.warning("slows down %s %s: much of what it sends is refused, %.200s", *sender, request.path_info)

    def _recognise(self, request: HttpRequest) -> bool:
        """Tells whether it is a person's or a program's, now that somebody has looked at what it comes with."""
        credential, user = _credential(request), getattr(request, "user", None)
        if program := getattr(request, "program", ""):  # whoever lets one in says so: rewardtrain/api/jobs.py
            self._remember(credential, ("program", program))
            return True
        if user is None or not user.is_authenticated:
            return credential in self.people
        self._remember(credential, ("account", str(user.pk)))
        return True

    def _remember(self, credential: str, sender: Sender) -> None:
        if credential and credential not in self.people:
            if len(self.people) >= SENDERS:
                self.people.clear()
            self.people[credential] = sender

    def _sender(self, request: HttpRequest) -> Sender:
        return self.people.get(_credential(request)) or _stranger(request)


def _stranger(request: HttpRequest) -> Sender:
    if signin.cookie_name() in request.COOKIES and (device := signin.device_of(request)).marks:
        return ("device", device.id)
    return ("network", attempt_limits.network(signin.address_of(request)))


def _credential(request: HttpRequest) -> str:
    credential = request.headers.get("Authorization") or request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return credential if len(credential) < 300 else ""  # none of ours is longer


def _length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length[:15]) if length.isdecimal() else 0


def _crowded(request: HttpRequest) -> HttpResponse:
    with translation.override(translation.get_language_from_request(request)):
        detail = _("Much of what was sent from here was refused, and more of it waits. Try again in %(n)d seconds.")
        detail %= {"n": LONGEST}
        return refused(request, 429, "throttled", detail, retry=round(LONGEST))
