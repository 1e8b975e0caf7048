"""Accounts whose names look alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from labeling.errors import Invalid
from labeling.models import User, account_names
from labeling.people import invitations
from tests.factories import PASSWORD, make_project, make_user
from tests.session.older import older, upgrade

LIKE_ADMIN = ["ADMIN", "Admin", "admіn", "аdmіn", "ａｄｍｉｎ", "admın", "ɑdmin"]
BEFORE = [("labeling", "0011_login_limits")]


@pytest.mark.parametrize("name", LIKE_ADMIN)
def test_what_looks_like_admin_has_its_key(name: str) -> None:
    assert account_names.key(name) == "admin"


@pytest.mark.parametrize("name", ["adm1n", "admin2", "ádmin", "Даша", "田中taro", "Jürgen", "παῦλος", "한국"])
def test_other_names_are_other_names_and_of_one_script(name: str) -> None:
    assert account_names.key(name) != "admin"
    assert account_names.scripts(name) == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", LIKE_ADMIN)
def test_every_door_that_makes_an_account_refuses_a_look_alike(name: str) -> None:
    make_user("admin")
    project = make_project(slug="work")
    token = invitations.invite(project, by=project.created_by, role="labeler")[1]  # type: ignore[arg-type]
    with pytest.raises(Invalid) as caught:
        invitations.register(token, username=name, password="nine blue lanterns")
    assert caught.value.attr == "username"
    page = Client().post(f"/invite/{token}/", {"username": name, "password": "nine blue lanterns"})
    assert page.status_code == 200
    assert b"field__error" in page.content
    with pytest.raises(CommandError, match=r"looks like|mixes"):
        call_command("createsuperuser", "--noinput", "--username", name, "--email", "")
    assert User.objects.filter(name_key="admin").count() == 1


@pytest.mark.django_db
def test_the_database_itself_keeps_a_name_once() -> None:
    make_user("coco")
    with pytest.raises(IntegrityError, match="user_name_looks_like_no_other"):
        User.objects.create_user("сосо")  # all Cyrillic


@pytest.mark.django_db
def test_imported_labelers_may_look_alike() -> None:
    User.objects.bulk_create(User(username=name, is_imported=True, password="!") for name in ("Ann@work", "ann@work"))
    assert User.objects.filter(name_key=None).count() == 2


@pytest.fixture
def before(transactional_db: None) -> Iterator[MigrationExecutor]:
    with older(BEFORE) as executor:
        yield executor


def test_look_alikes_that_are_there_are_named_and_go_on(
    before: MigrationExecutor, capsys: pytest.CaptureFixture[str]
) -> None:
    old = before.loader.project_state(BEFORE).apps.get_model("labeling", "User")
    password = make_password(PASSWORD)
    for name in ("admin", "ADMIN"):
        old.objects.create(username=name, password=password)
    upgrade(before, [("labeling", "0012_names_that_look_alike")])
    assert "'ADMIN' (account " in capsys.readouterr().out
    upgrade(before)
    double = User.objects.get(username="ADMIN")
    double.first_name = "Ada"
    double.save()
    double.full_clean()
    answer = Client().post("/accounts/login/", {"login": "ADMIN", "password": PASSWORD})
    assert answer.status_code == 302
    with pytest.raises(IntegrityError):
        User.objects.create_user("aDMIN")
