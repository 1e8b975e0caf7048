"""What a person reads when something goes wrong, and the account pages in our own clothes."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client

from labeling.models import User
from tests import factories


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused_in_words() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.make_user())
    response = client.post("/theme/", {"theme": "dark"})
    assert response.status_code == 403
    assert b"Please send it again" in response.content


@pytest.mark.django_db
def test_an_address_that_there_is_not_is_told_in_words() -> None:
    response = Client().get("/nowhere/at/all/")
    assert response.status_code == 404
    assert b"There is nothing at this address" in response.content


def test_the_page_of_an_error_of_ours_needs_nothing_but_itself() -> None:
    assert "What you submitted before is stored." in render_to_string("500.html")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/password/change/", "/accounts/2fa/", "/accounts/2fa/totp/activate/"])
def test_account_pages_wear_the_same_clothes(path: str) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": factories.make_user("mara").username, "password": factories.PASSWORD})
    response = client.get(path, follow=True)
    assert response.status_code == 200
    assert b'class="site-header"' in response.content
    assert b"<script>" not in response.content


@pytest.mark.django_db
def test_a_wrong_password_is_told_and_opens_nothing() -> None:
    factories.make_user("mara")
    client = Client()
    response = client.post("/accounts/login/", {"login": "mara", "password": "wrong"})
    assert b"not correct" in response.content
    assert client.get("/").status_code == 302


@pytest.mark.django_db
def test_nobody_signs_up_without_an_invitation() -> None:
    response = Client().post(
        "/accounts/signup/", {"username": "eve", "password1": "nine blue lanterns", "password2": "nine blue lanterns"}
    )
    assert b"eve" not in response.content
    assert not User.objects.exists()


@pytest.mark.django_db
def test_guessing_passwords_is_stopped_in_words() -> None:
    factories.make_user("mara")
    client = Client()
    for _ in range(11):
        response = client.post("/accounts/login/", {"login": "mara", "password": "wrong"})
    assert response.status_code == 429
    assert b"Too many wrong passwords" in response.content
    said = {"login": "mara", "password": factories.PASSWORD}
    assert client.post("/accounts/login/", said).status_code == 429
