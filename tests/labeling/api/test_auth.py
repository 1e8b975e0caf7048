from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from knox.models import AuthToken

from tests.factories import make_project, make_user
from tests.labeling.api.client import as_user, errors_of

pytestmark = pytest.mark.django_db
PROJECTS = "/api/v1/projects/"


def new_token(username: str) -> str:
    out = io.StringIO()
    call_command("create_token", username, stdout=out)
    return out.getvalue().strip()


def get(authorization: str) -> int:
    return Client().get(PROJECTS, headers={"Authorization": authorization}).status_code


def test_the_command_prints_a_token_that_opens_the_api() -> None:
    make_user("ann")
    assert get(f"Bearer {new_token('ann')}") == 200


def test_only_a_tokens_hash_is_stored() -> None:
    make_user("ann")
    token = new_token("ann")
    assert token not in str(AuthToken.objects.values().get())


def test_a_revoked_token_opens_nothing() -> None:
    token = new_token(make_user("ann").username)
    AuthToken.objects.all().delete()
    assert get(f"Bearer {token}") == 401


def test_the_command_names_an_unknown_user_and_the_known() -> None:
    make_user("ann")
    with pytest.raises(CommandError, match=r"There is no user 'bob'. There are: ann\."):
        call_command("create_token", "bob")


def test_the_command_refuses_an_imported_labeler() -> None:
    ann = make_user("ann")
    ann.is_imported = True
    ann.save()
    with pytest.raises(CommandError, match="can't log in"):
        call_command("create_token", "ann")


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer wrong", "Bearer two words", "Bearer \xff\xfe", "Basic x"])
def test_a_wrong_token_is_a_401_in_our_shape(authorization: str) -> None:
    response = Client().get(PROJECTS, HTTP_AUTHORIZATION=authorization)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    errors_of(response)


def test_a_session_reads_and_needs_the_csrf_token_to_write() -> None:
    ann = make_user("ann")
    make_project(manager=ann)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ann)
    assert browser.get(PROJECTS).status_code == 200
    refused = browser.post(PROJECTS, {"slug": "a", "name": "A"}, content_type="application/json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["errors"][0]["detail"]


def test_an_unknown_address_is_a_404_in_our_shape() -> None:
    response = as_user(None).get("/api/v1/projets/")
    assert response.status_code == 404
    assert errors_of(response) == [("not_found", None)]
    assert "/api/docs/" in response.json()["errors"][0]["detail"]


def test_a_wrong_verb_is_a_405_in_our_shape() -> None:
    response = as_user(make_user()).delete(reverse("labeling_api:projects"))
    assert (response.status_code, errors_of(response)) == (405, [("method_not_allowed", None)])


def test_broken_json_is_a_400_in_our_shape() -> None:
    response = as_user(make_user(superuser=True)).generic("POST", PROJECTS, b"{", content_type="application/json")
    assert (response.status_code, errors_of(response)) == (400, [("parse_error", None)])
