"""The style page: for staff, and all there."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db


def test_nobody_is_sent_to_the_login_page() -> None:
    assert Client().get("/styleguide/")["Location"].startswith("/accounts/login/")


def test_for_anyone_but_staff_it_is_not_there() -> None:
    client = Client()
    client.force_login(factories.join(factories.make_project(), "manager"))
    assert client.get("/styleguide/").status_code == 404
    assert b"/styleguide/" not in client.get("/").content


def test_it_shows_every_colour_in_both_themes_and_how_well_it_can_be_read() -> None:
    client = Client()
    client.force_login(factories.make_user(superuser=True))
    html = client.get("/styleguide/").content.decode()
    assert "Rankings a day" in html
    assert html.count('fill="var(--paper)"') == html.count('fill="var(--series-1)"') / 2 == 2
    assert "#faf7f1" in html
    assert "#191714" in html
    assert '<span class="badge" data-state="bad">no</span>' not in html
    assert b"/styleguide/" in client.get("/").content
