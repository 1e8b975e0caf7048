"""The login under attack: guessing, spraying, floods, and the people who only want to work."""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.errors import TooMany
from labeling.models import Attempts, Project, User
from labeling.people import invitations, password_hashing, signin
from tests.config.http.test_account_pages import code_of
from tests.factories import PASSWORD, make_project, make_user

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
HASHES: list[str] = []


class CountingHasher(password_hashing.WaitingPBKDF2):
    """Podium's own, quick, and it tells how often it was asked."""

    iterations = 1_000

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        encoded = super().encode(password, salt, iterations)
        HASHES.append(password)
        return encoded


@pytest.fixture(autouse=True)
def real_hasher(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    HASHES.clear()


@pytest.fixture
def lena() -> User:
    return make_user("lena")


def log_in(name: str, password: str = "wrong", *, client: Client | None = None, address: str = "203.0.113.1") -> Any:
    return (client or Client()).post(LOGIN, {"login": name, "password": password}, REMOTE_ADDR=address)


def guess(name: str, times: int, **where: Any) -> list[int]:
    return [log_in(name, **where).status_code for _ in range(times)]


def words(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def later(**how_long: int) -> None:
    """The counters are this much older."""
    for counter in Attempts.objects.all():
        counter.ends_at -= timedelta(**how_long)
        counter.save()


def known_device(name: str) -> Client:
    client = Client()
    assert log_in(name, PASSWORD, client=client, address="198.51.100.99").status_code == 302
    return log_out(client)


def log_out(client: Client) -> Client:
    """The session ends; the browser keeps the device's cookie (client.logout() would forget that too)."""
    client.cookies.pop("podium_session", None)
    return client


class TestGuessing:
    def test_the_eleventh_guess_at_a_name_is_refused_and_says_for_whom_and_how_long(self, lena: User) -> None:
        assert guess("lena", 10) == [200] * 10
        refused = log_in("lena", PASSWORD)  # even the right one: a guesser must not learn it
        assert refused.status_code == 429
        assert 14 * 60 < int(refused["Retry-After"]) <= 15 * 60
        assert "For 15 minutes no device on which nobody logged in with it before" in words(refused)
        assert len(HASHES) == 11  # lena's own, and ten

    def test_neither_another_address_nor_a_login_of_ones_own_gives_new_guesses(self, lena: User) -> None:
        make_user("mallory")
        attacker = Client()
        for number in range(10):
            log_in("lena", client=attacker, address=f"203.0.113.{number}")
            log_in("mallory", PASSWORD, client=attacker, address=f"203.0.113.{number}")
            log_out(attacker)
        assert log_in("lena", client=attacker, address="203.0.113.200").status_code == 429
        assert log_in("LENA", address="203.0.113.201").status_code == 429  # nor another way to write the name

    def test_guesses_from_everywhere_never_slow_the_owners_own_desk(self, lena: User) -> None:
        desk = known_device("lena")
        assert [log_in("lena", address=f"2001:db8:{n}::1").status_code for n in range(12)] == [200] * 10 + [429] * 2
        assert log_in("lena", "typo", client=desk).status_code == 200
        assert log_in("lena", PASSWORD, client=desk).status_code == 302

    def test_the_desk_itself_is_delayed_by_minutes_and_never_locked(self, lena: User) -> None:
        desk = known_device("lena")
        assert guess("lena", 5, client=desk) == [200] * 5
        refused = log_in("lena", PASSWORD, client=desk)
        assert refused.status_code == 429
        assert int(refused["Retry-After"]) <= 120
        assert "on this device. Try again in 2 minutes" in words(refused)
        assert guess("lena", 3, client=desk) == [429] * 3
        later(minutes=2)
        assert log_in("lena", PASSWORD, client=desk).status_code == 302

    def test_a_refused_guess_does_not_lengthen_the_delay(self, lena: User) -> None:
        guess("lena", 10)
        before = Attempts.objects.get(kind="name").ends_at
        guess("lena", 3)
        assert Attempts.objects.get(kind="name").ends_at == before
        later(minutes=15)
        assert log_in("lena", PASSWORD).status_code == 302

    def test_a_device_cookie_opens_nothing_for_another_name_and_can_not_be_made_up(self, lena: User) -> None:
        make_user("mallory")
        device = known_device("mallory")
        guess("lena", 10)
        assert log_in("lena", PASSWORD, client=device).status_code == 429
        device.cookies[signin.cookie_name()] = device.cookies[signin.cookie_name()].value[:-3] + "abc"
        guess("mallory", 10)
        assert log_in("mallory", PASSWORD, client=device).status_code == 429

    def test_several_people_share_a_device(self, lena: User) -> None:
        make_user("otto")
        device = known_device("lena")
        log_in("otto", PASSWORD, client=device)
        log_out(device)
        guess("lena", 10)
        guess("otto", 10)
        assert log_in("lena", PASSWORD, client=device).status_code == 302
        cookie = device.cookies[signin.cookie_name()]
        assert cookie["httponly"]
        assert "lena" not in cookie.value

    def test_many_at_once_get_no_more_guesses_than_one_after_another(self, transactional_db: None) -> None:
        make_user("lena")

        def one(number: int) -> int:
            try:
                return int(log_in("lena", address=f"203.0.113.{number}").status_code)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(24) as pool:
            statuses = list(pool.map(one, range(48)))
        assert set(statuses) <= {200, 429}
        assert len(HASHES) - 1 == statuses.count(200) <= 10


class TestNames:
    def test_a_name_that_is_not_there_costs_and_answers_as_one_that_is(self) -> None:
        make_user("lena-77")
        User.objects.filter(pk=make_user("gone-77").pk).update(is_active=False)
        User.objects.create(username="ann-77@work", is_imported=True, is_active=False, password="!")
        seen = {name: self.seen(name) for name in ("lena-77", "nobody-77", "gone-77", "ann-77@work", "n7" * 70)}
        assert len(set(seen.values())) == 1, seen

    def seen(self, name: str) -> tuple[object, ...]:
        """Statements, hashes and words of a wrong password, and the words of the refusal after ten."""
        log_in("warm-up")
        HASHES.clear()
        with CaptureQueriesContext(connection) as queries:
            response = log_in(name)
        cost = (len(queries), len(HASHES))
        guess(name, 9)
        refused = log_in(name)
        Attempts.objects.all().delete()
        shown = [words(answer).replace(name, "NAME").split("csrfmiddlewaretoken")[0] for answer in (response, refused)]
        return (*cost, *shown, refused.status_code)

    def test_a_refusal_hashes_nothing_and_takes_few_statements(self, lena: User) -> None:
        guess("lena", 10)
        HASHES.clear()
        with CaptureQueriesContext(connection) as queries:
            assert log_in("lena").status_code == 429
        assert HASHES == []
        assert len(queries) <= 6


class TestSpraying:
    def test_one_address_that_tries_many_names_is_refused_and_others_are_not(self, lena: User) -> None:
        desk = known_device("lena")
        statuses = [log_in(f"name{number}").status_code for number in range(61)]
        assert statuses == [200] * 60 + [429]
        assert "came from your network (203.0.113.1)" in words(log_in("lena", PASSWORD))
        assert log_in("lena", PASSWORD, client=desk).status_code == 302  # at that address too
        assert log_in("lena", PASSWORD, address="203.0.113.2").status_code == 302

    def test_an_ipv6_household_is_one_address(self) -> None:
        statuses = [log_in(f"name{n}", address=f"2001:db8:0:7::{n:x}").status_code for n in range(61)]
        assert statuses[-1] == 429
        assert log_in("name", address="2001:db8:0:8::1").status_code == 200

    def test_many_addresses_and_names_are_refused_for_the_rest_of_a_minute(self, lena: User) -> None:
        desk = known_device("lena")
        statuses = [log_in(f"name{n}", address=f"203.0.{n}.1").status_code for n in range(121)]
        assert statuses == [200] * 120 + [429]
        assert int(log_in("lena", PASSWORD, address="198.51.100.1")["Retry-After"]) <= 60
        assert log_in("lena", PASSWORD, client=desk).status_code == 302
        later(minutes=1)
        assert log_in("lena", PASSWORD, address="198.51.100.1").status_code == 302

    def test_an_office_of_fifty_behind_one_address_logs_in_though_each_is_wrong_once(self) -> None:
        names = [make_user(f"colleague{number}").username for number in range(50)]
        wrong = [log_in(name).status_code for name in names]
        right = [log_in(name, PASSWORD).status_code for name in names]
        assert (wrong, right) == ([200] * 50, [302] * 50)

    def test_what_is_over_is_forgotten(self) -> None:
        for number in range(20):
            log_in(f"name{number}", address=f"203.0.113.{number}")
        later(minutes=20)
        log_in("one-more")
        assert Attempts.objects.count() == 3  # of the last one: its name, its address, the site


class TestATurn:
    """Someone else is hashing on every place that the machine has."""

    @pytest.fixture
    def crowd(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        quick = {"STRANGER": password_hashing.Patience(0.05, 1), "KNOWN": password_hashing.Patience(0.05, 2)}
        for name, patience in quick.items():
            monkeypatch.setattr(password_hashing, name, patience)
        return _crowd

    def test_every_door_that_hashes_says_to_come_back_and_counts_nothing(self, lena: User, crowd: Any) -> None:
        project = make_project(slug="work")
        token = invitations.invite(project, by=project.created_by, role="labeler")[1]  # type: ignore[arg-type]
        inside = Client()
        inside.force_login(lena, backend="django.contrib.auth.backends.ModelBackend")
        change = {"oldpassword": PASSWORD, "password1": "nine blue lanterns", "password2": "nine blue lanterns"}
        doors = [
            (Client(), LOGIN, {"login": "lena", "password": PASSWORD}),
            (Client(), f"/invite/{token}/", {"username": "ada", "password": "nine blue lanterns"}),
            (inside, "/accounts/reauthenticate/", {"password": PASSWORD}),
            (inside, "/accounts/password/change/", change),
        ]
        with crowd():
            answers = [client.post(path, data) for client, path, data in doors]
            assert [(answer.status_code, answer.get("Retry-After")) for answer in answers] == [(429, "3")] * 4
            assert all("Many people are logging in" in words(answer) for answer in answers)
            assert Client().get(LOGIN).status_code == 200
        assert not User.objects.filter(username="ada").exists()
        assert not any(Attempts.objects.values_list("count", flat=True))
        assert [client.post(path, data).status_code for client, path, data in doors] == [302] * 4

    def test_the_place_that_waits_for_known_devices_is_not_a_strangers(self, crowd: Any) -> None:
        with crowd(), password_hashing._waits(password_hashing.STRANGER):
            password_hashing.patience.set(password_hashing.STRANGER)
            with pytest.raises(TooMany):
                password_hashing.refuse_a_crowd()
            password_hashing.patience.set(password_hashing.KNOWN)
            password_hashing.refuse_a_crowd()

    def test_a_place_is_free_again_when_its_process_or_hash_ended_badly(self) -> None:
        with pytest.raises(ZeroDivisionError), password_hashing.turn():
            _ = 1 / 0
        assert make_password("x").startswith("pbkdf2_sha256$1000$")

    def test_the_thread_that_hashes_lets_pages_go_first(self) -> None:
        def niceness() -> int:
            return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

        own = niceness()  # of whoever runs the tests
        assert password_hashing._hashers.submit(niceness).result() == min(own + password_hashing.GIVES_WAY, 19)

    def test_no_more_hash_at_once_than_half_the_cores(self) -> None:
        most, running, lock = 0, 0, threading.Lock()

        def one(_: int) -> None:
            nonlocal most, running
            password_hashing.patience.set(password_hashing.Patience(60, 99))
            with password_hashing.turn():
                with lock:
                    running += 1
                    most = max(most, running)
                password_hashing.PBKDF2PasswordHasher().encode("x", "salt", 20_000)
                with lock:
                    running -= 1

        with ThreadPoolExecutor(24) as pool:
            list(pool.map(one, range(24)))
        assert most <= password_hashing.places()


class _crowd:
    """Takes every place of the machine, as other processes would."""

    def __enter__(self) -> None:
        self.places = [password_hashing._free_place() for _ in range(password_hashing.places())]

    def __exit__(self, *error: object) -> None:
        for place in self.places:
            password_hashing.os.close(place)  # type: ignore[arg-type]


class TestWhoIsInAlready:
    @pytest.fixture
    def asked_for_a_code(self, lena: User) -> Client:
        self.secret = str(generate_totp_secret())
        TOTP.activate(lena, self.secret)
        RecoveryCodes.activate(lena)
        client = Client()
        assert log_in("lena", PASSWORD, client=client)["Location"].startswith("/accounts/2fa/authenticate/")
        return client

    def test_a_code_can_be_guessed_five_times(self, asked_for_a_code: Client) -> None:
        def code(client: Client, value: str) -> int:
            return int(client.post("/accounts/2fa/authenticate/", {"code": value}).status_code)

        assert [code(asked_for_a_code, f"00000{n}") for n in range(6)] == [200] * 5 + [429]
        again = Client()
        log_in("lena", PASSWORD, client=again, address="198.51.100.7")
        assert code(again, code_of(self.secret)) == 429  # a new login gives no new guesses
        later(minutes=15)
        assert code(again, code_of(self.secret)) == 302

    @pytest.mark.parametrize(
        ("path", "data", "guesses"),
        [
            ("/accounts/reauthenticate/", {"password": "wrong"}, 10),
            ("/accounts/2fa/reauthenticate/", {"code": "000000"}, 5),
            (
                "/accounts/password/change/",
                {"oldpassword": "wrong", "password1": "nine blue lanterns", "password2": "nine blue lanterns"},
                5,
            ),
        ],
    )
    def test_a_session_that_was_taken_is_no_way_to_guess(
        self, asked_for_a_code: Client, lena: User, path: str, data: dict[str, str], guesses: int
    ) -> None:
        thief = Client()
        thief.force_login(lena, backend="django.contrib.auth.backends.ModelBackend")
        statuses = [thief.post(path, data).status_code for _ in range(guesses + 1)]
        assert statuses == [200] * guesses + [429]

    def test_an_invitation_is_no_way_to_ask_for_names(self, lena: User) -> None:
        project: Project = make_project(slug="work")
        token = invitations.invite(project, by=project.created_by, role="labeler")[1]  # type: ignore[arg-type]
        asked = [
            Client().post(f"/invite/{token}/", {"username": "lena", "password": "nine blue lanterns"})
            for _ in range(21)
        ]
        assert [answer.status_code for answer in asked] == [200] * 20 + [429]
        assert HASHES == [
            PASSWORD,
            PASSWORD,
        ]  # those of the two accounts: a name is looked up before the password is hashed

    def test_there_is_one_login_and_the_administration_uses_it(self) -> None:
        root = make_user("root", superuser=True)
        client = Client()
        assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"
        assert client.post("/admin/login/", {"username": "root", "password": PASSWORD}).status_code == 302
        assert client.get("/admin/").status_code == 302
        client.post(LOGIN, {"login": root.username, "password": PASSWORD, "next": "/admin/"})
        assert client.get("/admin/").status_code == 200


class TestTheCommand:
    def run(self, *words: str) -> str:
        out = io.StringIO()
        call_command("login_limits", *words, stdout=out)
        return out.getvalue()

    def test_it_lists_what_counts_and_lifts_it(self, lena: User) -> None:
        assert self.run() == "No attempts count against anybody now.\n"
        guess("lena", 10)
        listed = self.run()
        assert listed.splitlines()[0].split()[:3] == ["address", "203.0.113.1", "10"]
        assert self.run("--lift", "Lena") == "Lena can try again.\n"
        assert log_in("lena", PASSWORD).status_code == 302
        assert self.run("--lift", "203.0.113.1") == "203.0.113.1 can try again.\n"
        with pytest.raises(CommandError, match="Nothing counts against 'ghost' now"):
            self.run("--lift", "ghost")
        guess("x", 1, address="2001:db8::7")
        assert self.run("--lift", "2001:db8::8") == "2001:db8::8 can try again.\n"
        self.run("--lift-all")
        assert not Attempts.objects.exists()
