"""Several invited by the page and the API: links shown once, what is wrong beside them, renewed and withdrawn."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from labeling.models import Invitation, Project, User
from tests import factories
from tests.labeling.api.client import as_user as api_as

pytestmark = pytest.mark.django_db
PEOPLE, API = "/p/work/people/", "/api/v1/projects/work/invitations/"


@pytest.fixture
def project() -> Project:
    return factories.make_project(manager=factories.make_user("mara"), slug="work")


@pytest.fixture
def client(project: Project) -> Client:
    client = Client()
    client.force_login(project.created_by)  # type: ignore[arg-type]
    return client


def links(html: str) -> list[str]:
    return re.findall(r'readonly value="http://testserver([^"]*)"', html)


def test_valid_lines_get_links_and_the_others_come_back(client: Client) -> None:
    answer = client.post(PEOPLE, {"role": "reviewer", "people": "Ada <ada@example.org>\r\nbo@\r\n\r\nCy"})
    html = answer.content.decode()
    assert answer.status_code == 200
    assert len(links(html)) == 2
    assert "Copy all links" in html
    assert "1 line was not invited" in html
    assert re.search(r"<textarea[^>]*name=\"people\"[^>]*>\s*bo@</textarea>", html)
    assert set(Invitation.objects.values_list("name", "role")) == {("Ada", "reviewer"), ("Cy", "reviewer")}
    assert not links(client.get(PEOPLE).content.decode())


def test_where_no_line_can_be_invited_the_answer_says_so(client: Client) -> None:
    answer = client.post(PEOPLE, {"role": "labeler", "people": "bo@"})
    assert answer.status_code == 422
    assert not Invitation.objects.exists()


def test_too_many_are_refused_at_the_field(client: Client) -> None:
    answer = client.post(PEOPLE, {"role": "labeler", "people": "\n".join(f"p{place}" for place in range(101))})
    assert answer.status_code == 422
    assert b"invite at most 100 at once" in answer.content
    assert client.post(PEOPLE, {"role": "labeler", "people": "x" * 100_000}).status_code == 422


def test_names_are_shown_as_they_are_written(client: Client) -> None:
    html = client.post(PEOPLE, {"role": "labeler", "people": "<script>x</script>"}).content.decode()
    assert "<script>x" not in html
    assert "&lt;script&gt;x" in html


def test_a_registration_begins_with_the_name_and_address_of_the_invitation(client: Client) -> None:
    html = client.post(PEOPLE, {"role": "labeler", "people": "Ada L <ada@example.org>"}).content.decode()
    guest, [path] = Client(), links(html)
    form = guest.get(path).content.decode()
    assert 'value="Ada L"' in form
    assert 'value="ada@example.org"' in form
    sent = {"username": "ada", "password": "nine blue lanterns", "name": "Ada", "email": "no"}
    assert guest.post(path, sent).status_code == 200
    assert not User.objects.filter(username="ada").exists()
    guest.post(path, {**sent, "email": ""})
    ada = User.objects.get(username="ada")
    assert (ada.get_full_name(), ada.email) == ("Ada", "")


def test_a_person_writes_their_name_and_address_and_managers_see_them(project: Project, client: Client) -> None:
    lena = factories.join(project, username="lena")
    own = Client()
    own.force_login(lena)
    kept = {"break_minutes": "50", "single_keys": "on"}
    own.post("/preferences/", {**kept, "name": "Lena Ahlers", "email": "lena@example.org"})
    page = client.get(f"{PEOPLE}{lena.pk}/").content.decode()
    assert "Lena Ahlers" in page
    assert "mailto:lena@example.org" in page
    assert b"Lena Ahlers" in client.get(f"{PEOPLE}?name=lena@ex").content
    assert own.post("/preferences/", {**kept, "email": "lena"}).status_code == 422
    project.memberships.filter(user=lena).delete()
    factories.make_prompt(project)
    assert b"lena@example.org" not in client.get(f"{PEOPLE}?name=lena").content


def test_the_api_makes_renews_and_lists_links(project: Project) -> None:
    client = api_as(project.created_by)
    said = client.post(f"{API}links/", {"people": ["Ada <ada@example.org>", "bo@"], "role": "labeler"}, format="json")
    assert said.status_code == 200
    [invited], [refused] = said.json()["invited"], said.json()["refused"]
    assert (invited["name"], invited["email"], refused["line"]) == ("Ada", "ada@example.org", "bo@")
    first = invited["link"].removeprefix("http://testserver")
    assert "link" not in client.get(API).json()["results"][0]
    renewed = client.post(f"{API}{invited['id']}/renew/").json()["link"].removeprefix("http://testserver")
    assert [Client().get(path).status_code for path in (first, renewed)] == [404, 200]
    assert client.delete(f"{API}{invited['id']}/").status_code == 204
    assert Client().get(renewed).status_code == 404
    assert client.post(f"{API}{invited['id']}/renew/").status_code == 404


@pytest.mark.parametrize("people", [[], ["x"] * 101, "Ada", [1], ["a\0b"], ["x" * 401]])
def test_the_api_refuses_what_is_no_list_of_people(project: Project, people: object) -> None:
    answer = api_as(project.created_by).post(f"{API}links/", {"people": people, "role": "labeler"}, format="json")
    assert answer.status_code == 400
    assert not Invitation.objects.exists()


def test_only_a_projects_own_managers_renew_its_links(project: Project) -> None:
    said = api_as(project.created_by).post(f"{API}links/", {"people": ["Ada"], "role": "labeler"}, format="json").json()
    url = f"{API}{said['invited'][0]['id']}/renew/"
    stranger = factories.make_project(slug="other").created_by
    for who, status in ((factories.join(project), 403), (stranger, 404), (None, 401)):
        assert api_as(who).post(url).status_code == status
