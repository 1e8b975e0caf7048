"""Whoever sends what is refused, again and again, waits; nobody else does. The waits are noted and not slept."""

from __future__ import annotations

import json
import re
import time
from contextlib import ExitStack

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from config.processes import web
from labeling.models import Assignment, User
from labeling.requests import throttle, turns
from labeling.requests.throttle import FREE, HALF_LIFE, MOST, SLOPE, Crowd, Refusals, Throttle
from tests.factories import PASSWORD, claimed, ids_of, join, make_project, make_prompt, make_user

LOGIN = "/accounts/login/"
ADA, BOB, EVE = (("network", f"203.0.113.{number}") for number in (7, 8, 9))
LONGEST = 5.0


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that requests waited, of a throttle as it is in use but for forgiving nothing."""
    slept: list[float] = []
    monkeypatch.setattr(throttle, "LONGEST", LONGEST)
    monkeypatch.setattr(throttle, "HALF_LIFE", 1e9)
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def flood(client: Client, waits: list[float], **options: str) -> None:
    """Wrong passwords until they wait for the longest time, which is bound to come."""
    for _ in range(1000):
        client.post(LOGIN, {"login": "made-up", "password": "x"}, **options)  # type: ignore[arg-type]
        if waits and waits[-1] > LONGEST / 2:
            waits.clear()
            return
    raise AssertionError("a thousand wrong passwords made nobody wait")


class TestRefusals:
    def test_the_first_ones_are_free_and_the_wait_grows_to_its_bound(self) -> None:
        refusals = Refusals()
        waited = []
        for _ in range(30):
            waited.append(refusals.wait(ADA, 0.0))
            refusals.add(ADA, 0.01, 0.0)
        assert waited[:6] == [0.0] * 6
        assert waited[6] == pytest.approx(0.01 * SLOPE)
        assert waited == sorted(waited)
        assert waited[-1] == LONGEST

    def test_half_is_forgiven_in_each_half_life(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(throttle, "HALF_LIFE", HALF_LIFE)
        refusals = Refusals()
        refusals.add(ADA, 0.2, 100.0)
        assert refusals.cost(ADA, 100.0 + HALF_LIFE) == pytest.approx(0.1)
        refusals.add(ADA, 0.1, 100.0 + HALF_LIFE)
        assert refusals.cost(ADA, 100.0 + 2 * HALF_LIFE) == pytest.approx(0.1)

    def test_what_was_sent_once_is_forgiven_in_half_a_minute(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(throttle, "HALF_LIFE", HALF_LIFE)
        refusals = Refusals()
        refusals.add(ADA, 3600.0, 0.0)
        assert refusals.cost(ADA, 0.0) == MOST
        assert refusals.wait(ADA, 30.0) == 0

    def test_it_remembers_a_bounded_number_of_senders_and_forgets_those_that_need_not_wait(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(throttle, "SENDERS", 5)
        refusals = Refusals()
        refusals.add(ADA, 1.0, 0.0)
        for number in range(50):
            refusals.add(("network", str(number)), FREE / 2, 0.0)
            assert len(refusals.known) <= 5
        assert refusals.wait(ADA, 0.0) > 0


class TestACrowd:
    def test_a_sender_has_some_of_the_places_and_each_is_free_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(throttle, "PLACES", 3)
        monkeypatch.setattr(throttle, "PLACES_OF_ONE", 2)
        crowd = Crowd()
        with ExitStack() as stack:
            places = [stack.enter_context(crowd.place(sender)) for sender in (ADA, ADA, ADA, BOB, EVE)]
        assert places == [0, 1, None, 0, None]
        with pytest.raises(ZeroDivisionError), crowd.place(ADA):
            _ = 1 / 0
        with crowd.place(ADA) as first, crowd.place(ADA) as second:
            assert (first, second) == (0, 1)

    def test_those_who_wait_leave_threads_for_everyone_else(self) -> None:
        waiting = throttle.PLACES + turns.LONG + turns.LONG_WAITING
        assert web.THREADS - waiting > 2 * turns.QUICK


@pytest.mark.django_db
class TestStrangers:
    @pytest.fixture
    def ada(self) -> User:
        return make_user("ada")

    def test_wrong_passwords_of_a_network_wait_and_its_people_and_known_devices_do_not(
        self, ada: User, waits: list[float]
    ) -> None:
        stranger, labeler, device = Client(), Client(), Client()
        labeler.handler = device.handler = stranger.handler  # one server
        assert device.post(LOGIN, {"login": "ada", "password": PASSWORD}).status_code == 302
        device.post("/accounts/logout/")
        labeler.force_login(make_user("lena"), backend="django.contrib.auth.backends.ModelBackend")
        assert labeler.get("/").status_code == 200
        flood(stranger, waits)
        assert stranger.get(LOGIN).status_code == 200
        assert labeler.post("/theme/", {"theme": "dark"}).status_code < 400
        assert device.post(LOGIN, {"login": "ada", "password": PASSWORD}).status_code == 302
        elsewhere = Client(REMOTE_ADDR="203.0.113.9")
        elsewhere.handler = stranger.handler
        elsewhere.post(LOGIN, {"login": "made-up", "password": "x"})
        assert waits == []
        stranger.post(LOGIN, {"login": "made-up", "password": "x"})
        assert len(waits) == 1

    def test_made_up_cookies_and_tokens_wait_as_their_network_does(self, waits: list[float]) -> None:
        stranger = Client()
        flood(stranger, waits)
        liar = Client()
        liar.handler = stranger.handler
        liar.cookies.load({"podium_session_device": "made:up", "podium_session": "made-up"})
        liar.post(LOGIN, {"login": "made-up", "password": "x"})
        Client.post(stranger, "/api/v1/projects/", headers={"Authorization": "Bearer made-up"})
        assert len(waits) == 2

    def test_the_log_names_who_is_slowed_down_once_and_has_no_line_for_each_refusal(
        self, waits: list[float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stranger = Client()
        flood(stranger, waits)
        monkeypatch.setattr(throttle, "PLACES", 0)
        for _ in range(20):
            assert stranger.post(LOGIN, {"login": "made-up", "password": "x"}).status_code == 429
        names = [message for message in caplog.messages if "slows down" in message]
        assert names == ["slows down network 127.0.0.1: much of what it sends is refused, /accounts/login/"]
        assert not any("Too Many Requests" in message for message in caplog.messages)

    def test_a_stranger_pays_for_what_a_page_answers_with_the_login(self, waits: list[float]) -> None:
        """A form of a megabyte is read for its token before anybody asks who sends it."""
        client = Client(enforce_csrf_checks=False)
        make_project(slug="work")
        for _ in range(5):
            answer = client.post("/p/work/settings/", {"name": "x" * 1_000_000})
        assert answer.status_code == 302
        assert waits


@pytest.mark.django_db
class TestPeople:
    @pytest.fixture
    def task(self) -> Assignment:
        project = make_project(slug="work")
        make_prompt(project, texts=["one", "two"])
        return claimed(project, join(project, username="lena"))

    @pytest.fixture
    def lena(self, task: Assignment) -> Client:
        client = Client()
        client.force_login(task.labeler)
        return client

    def test_large_answers_that_are_refused_wait_and_a_good_one_is_still_taken(
        self, task: Assignment, lena: Client, waits: list[float]
    ) -> None:
        ids = ids_of(task)
        bomb = {"tiers": [ids] * 10_000}
        for _ in range(10):
            assert send(lena, task, bomb).status_code == 400
        assert LONGEST * 0.7 < waits[-1] < LONGEST * 1.3
        waits.clear()
        assert send(lena, task, {"tiers": [ids[:1], ids[1:]]}).status_code == 201
        assert len(waits) == 1

    def test_what_one_sends_makes_nobody_else_wait(self, task: Assignment, lena: Client, waits: list[float]) -> None:
        other = Client()
        other.handler = lena.handler
        other.force_login(make_user("theo"))
        other.get("/")
        for _ in range(10):
            send(lena, task, {"tiers": [ids_of(task)] * 10_000})
        waits.clear()
        other.post("/theme/", {"theme": "dark"})
        assert waits == []

    def test_a_body_that_is_too_large_to_be_read_counts_by_its_length(
        self, task: Assignment, lena: Client, waits: list[float]
    ) -> None:
        for _ in range(2):
            assert send(lena, task, {"tiers": [ids_of(task)] * 300_000}).status_code == 413
        assert waits[-1] > LONGEST * 0.7

    def test_a_program_that_meets_refusals_in_its_work_never_waits(
        self, lena: Client, waits: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(throttle, "PERSONS_SHARE", 1.0)  # this machine may be slow
        for _ in range(100):
            answer = lena.post("/api/v1/assignments/99999/release/", content_type="application/json")
        assert answer.status_code == 404
        assert waits == []

    def test_a_token_is_its_persons(self, task: Assignment, waits: list[float]) -> None:
        from knox.models import AuthToken

        token = AuthToken.objects.create(task.labeler)[1]
        client = Client(headers={"Authorization": f"Bearer {token}"})
        for _ in range(10):
            send(client, task, {"tiers": [ids_of(task)] * 10_000})
        assert waits
        waits.clear()
        client.defaults.pop("HTTP_AUTHORIZATION")
        client.post(LOGIN, {"login": "made-up", "password": "x"})
        assert waits == []  # the network is not made to wait for it


class TestTooManyWait:
    @pytest.fixture
    def full(self, monkeypatch: pytest.MonkeyPatch) -> Throttle:
        """A throttle where everybody has to wait and nobody has a place."""
        monkeypatch.setattr(throttle, "PLACES", 0)
        full = Throttle(lambda request: HttpResponse())
        full.refusals.add(("network", "127.0.0.1"), MOST, time.monotonic())
        return full

    def ask(self, full: Throttle, path: str, **headers: str) -> HttpResponse:
        request: WSGIRequest = RequestFactory().post(path, headers=headers)
        answer = full(request)
        assert (answer.status_code, answer["Retry-After"]) == (429, "5")
        assert isinstance(answer, HttpResponse)
        return answer

    def test_it_says_so_in_the_shape_of_each_door_and_the_persons_language(self, full: Throttle) -> None:
        error = json.loads(self.ask(full, "/api/v1/projects/").content)["errors"][0]
        assert (error["code"], error["attr"]) == ("throttled", None)
        assert "Try again in 5 seconds" in error["detail"]
        script = self.ask(full, "/p/work/rank/", **{"X-Requested-With": "rank-desk"})
        assert json.loads(script.content)["detail"] == error["detail"]
        page = self.ask(full, LOGIN, **{"Accept-Language": "de"}).content.decode()
        assert re.search(r'<html lang="de".*5 Sekunden', page, re.DOTALL)

    def test_the_last_of_many_wait_as_long_and_are_not_looked_at(
        self, full: Throttle, monkeypatch: pytest.MonkeyPatch, waits: list[float]
    ) -> None:
        monkeypatch.setattr(throttle, "PLACES", 10)
        monkeypatch.setattr(throttle, "LOOKED_AT", 2)
        with ExitStack() as stack:
            stack.enter_context(full.crowd.place(("network", "127.0.0.1")))
            assert full(RequestFactory().post(LOGIN)).status_code == 200
            stack.enter_context(full.crowd.place(("network", "127.0.0.1")))
            self.ask(full, LOGIN)
        assert [LONGEST * 0.7 < seconds < LONGEST * 1.3 for seconds in waits] == [True, True]

    @pytest.mark.django_db
    def test_it_asks_no_database(self, full: Throttle) -> None:
        with CaptureQueriesContext(connection) as queries:
            self.ask(full, LOGIN)
        assert len(queries) == 0


def send(client: Client, task: Assignment, answer: object) -> HttpResponse:
    response: HttpResponse = client.post(
        f"/api/v1/assignments/{task.pk}/ranking/", json.dumps(answer), content_type="application/json"
    )
    return response
