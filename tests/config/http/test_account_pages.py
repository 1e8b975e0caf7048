"""The account pages: those that there are, in our clothes, and no link to one that there isn't."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client

from labeling.models import User
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
NOT_THERE = ["signup/", "email/", "confirm-email/", "password/reset/", "login/code/confirm/"]


@pytest.fixture
def lena() -> User:
    return make_user("lena")


@pytest.fixture
def client(lena: User) -> Client:
    """Has just confirmed the password, so that no page asks for it."""
    client = Client()
    client.post("/accounts/login/", {"login": "lena", "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time()))))


def lena_can_log_in_with(password: str) -> bool:
    return Client().post("/accounts/login/", {"login": "lena", "password": password}).status_code == 302


def activate(lena: User) -> str:
    secret = str(generate_totp_secret())
    TOTP.activate(lena, secret)
    RecoveryCodes.activate(lena)
    return secret


@pytest.mark.parametrize("path", NOT_THERE)
def test_what_needs_mail_or_sign_up_is_not_there(client: Client, path: str) -> None:
    assert client.get(f"/accounts/{path}").status_code == 404


@pytest.mark.parametrize(
    "path", ["login/", "logout/", "reauthenticate/", "password/change/", "2fa/", "2fa/totp/activate/"]
)
def test_no_account_page_links_to_nothing(client: Client, path: str) -> None:
    visitor = Client() if path == "login/" else client
    html = visitor.get(f"/accounts/{path}").content.decode()
    links = set(re.findall(r'(?:href|action)="(/(?!static/)[^"?]*)', html)) - {"/theme/"}
    assert links
    assert [link for link in links if visitor.get(link, follow=True).status_code == 404] == []


def test_a_password_is_changed_and_the_projects_are_next(client: Client) -> None:
    data = {"oldpassword": PASSWORD, "password1": "nine blue lanterns", "password2": "nine blue lanterns"}
    response = client.post("/accounts/password/change/", data)
    assert response["Location"] == "/"
    assert lena_can_log_in_with("nine blue lanterns")
    assert not lena_can_log_in_with(PASSWORD)
    wrong = client.post("/accounts/password/change/", data).content.decode()
    assert 'aria-describedby="id_oldpassword_error"' in wrong


def test_who_has_no_password_is_asked_to_set_one(lena: User) -> None:
    lena.set_unusable_password()
    lena.save()
    client = Client()
    client.force_login(lena, backend="django.contrib.auth.backends.ModelBackend")
    html = client.get("/accounts/password/change/", follow=True).content.decode()
    assert 'name="password1"' in html
    assert 'name="oldpassword"' not in html


def test_two_factor_login_is_set_up_with_the_code_of_an_app(client: Client, lena: User) -> None:
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = page.split('id="secret"')[1].split('value="')[1].split('"')[0]
    assert b"Incorrect code" in client.post("/accounts/2fa/totp/activate/", {"code": "000000"}).content
    shown = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)}, follow=True).content.decode()
    assert shown.count("<li><code>") == 10
    assert "10 codes are left" in client.get("/accounts/2fa/").content.decode()


def test_a_login_with_the_second_factor_asks_for_the_code(lena: User) -> None:
    secret = activate(lena)
    client = Client()
    asked = client.post("/accounts/login/", {"login": "lena", "password": PASSWORD}, follow=True)
    assert b"From the app on your phone" in asked.content
    assert client.get("/").status_code == 302
    assert b"Incorrect code" in client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert client.get("/").status_code == 200


def test_it_is_switched_off_again(client: Client, lena: User) -> None:
    activate(lena)
    assert b"your password alone opens your account" in client.get("/accounts/2fa/totp/deactivate/").content
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.exists()
