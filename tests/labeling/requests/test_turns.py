"""Few requests of a process are worked on at once, and whoever dawdles holds up nobody else."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from labeling.requests.turns import LONG, LONG_WAITING, QUICK, InTurn, Turns

SECONDS = 30  # longer than any machine takes


class Site:
    """Stands where the rest of Podium would, and holds what it is asked until it is told to answer."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.answers = threading.Event()
        self.turns = Turns(self._answer)
        self.statuses: list[int] = []

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if request.path_info != "/healthz":
            self.asked.release()
            assert self.answers.wait(SECONDS)
        return HttpResponse(request.body)

    def came(self, number: int) -> None:
        """Waits until so many more requests have got their turn."""
        for _ in range(number):
            assert self.asked.acquire(timeout=SECONDS)

    def nobody_else_came(self) -> bool:
        return not self.asked.acquire(timeout=0.2)

    @contextmanager
    def asked_by(self, number: int, make: Callable[[], HttpRequest]) -> Iterator[None]:
        """So many at once, each in its thread; at the end all are let through."""
        threads = [threading.Thread(target=lambda: self.ask(make())) for _ in range(number)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.answers.set()
            for thread in threads:
                thread.join(SECONDS)
            assert not any(thread.is_alive() for thread in threads)

    def ask(self, request: HttpRequest) -> int:
        status = self.turns(request).status_code
        self.statuses.append(status)
        return status


class Dawdler(io.RawIOBase):
    """A body whose end never comes until `ends` is set, and perhaps not then."""

    def __init__(self, ends: threading.Event, *, breaks: bool = False) -> None:
        self.ends, self.breaks, self.left = ends, breaks, b"x=1"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        assert self.ends.wait(SECONDS)
        if self.breaks:
            raise OSError("the connection was closed")
        read, self.left = self.left, b""
        buffer[: len(read)] = read
        return len(read)


@pytest.fixture
def site() -> Site:
    return Site()


def page() -> HttpRequest:
    return RequestFactory().get("/p/work/rank/")


def upload() -> HttpRequest:
    return RequestFactory().post("/p/work/imports/")


def post(body: io.RawIOBase) -> HttpRequest:
    environ = {"wsgi.input": io.BufferedReader(body), "CONTENT_LENGTH": "3"}
    request: HttpRequest = RequestFactory().post("/p/work/rank/", **environ)  # type: ignore[arg-type]
    return request


def test_some_are_worked_on_at_once_and_the_others_get_their_turn_after(site: Site) -> None:
    with site.asked_by(QUICK + 3, page):
        site.came(QUICK)
        assert site.nobody_else_came()
    assert site.statuses == [200] * (QUICK + 3)


def test_whoever_sends_slowly_holds_up_no_page(site: Site) -> None:
    ends = threading.Event()
    with site.asked_by(3 * QUICK, lambda: post(Dawdler(ends))):
        assert site.ask(RequestFactory().get("/healthz")) == 200
        assert site.nobody_else_came()
        ends.set()
        site.came(QUICK)
    assert site.statuses == [200] * (3 * QUICK + 1)


def test_who_breaks_off_gives_the_turn_to_the_next(site: Site) -> None:
    ended = threading.Event()
    ended.set()
    for _ in range(2 * QUICK):
        assert site.ask(post(Dawdler(ended, breaks=True))) == 400
    assert site.ask(RequestFactory().get("/healthz")) == 200


def test_files_and_scores_hold_up_no_page_and_too_many_of_them_are_told_to_come_back(site: Site) -> None:
    with site.asked_by(LONG + LONG_WAITING, upload):
        site.came(LONG)
        assert site.nobody_else_came()
        assert site.ask(RequestFactory().get("/healthz")) == 200
        while site.turns.long_or_waiting.acquire(blocking=False):  # until the last of them waits
            site.turns.long_or_waiting.release()
        answer = site.turns(RequestFactory().post("/api/v1/projects/work/score/"))
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert b'"code": "busy"' in answer.content  # type: ignore[attr-defined]
    assert site.statuses.count(200) == LONG + LONG_WAITING + 1
    site.answers.set()
    assert site.ask(upload()) == 200


def test_a_failure_gives_its_turn_back() -> None:
    def fail(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    turns = Turns(fail)
    for make in (page, upload):
        for _ in range(LONG + LONG_WAITING + 1):
            with pytest.raises(ZeroDivisionError):
                turns(make())


def test_an_address_that_is_not_there_has_its_turn_too() -> None:
    turns = Turns(lambda request: HttpResponse(status=404))
    assert turns(RequestFactory().post("/nowhere/", b"x", content_type="text/plain")).status_code == 404


def test_who_waits_is_served_in_the_order_of_coming_and_nobody_passes() -> None:
    turns = InTurn(1)
    served: list[int] = []

    def come(name: int) -> None:
        with turns:
            served.append(name)

    with turns:
        waiting = []
        for name in range(5):
            thread = threading.Thread(target=come, args=(name,))
            thread.start()
            waiting.append(thread)
            while turns.waiting <= name:
                time.sleep(0.001)
    come(5)
    for thread in waiting:
        thread.join()
    assert served == [0, 1, 2, 3, 4, 5]
