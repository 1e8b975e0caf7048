"""Invitations to an account: what its person sees and does, and what a manager can't learn or do."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.models import Attempts, Invitation, Membership, Project, Role, User
from labeling.people import access, invitations, members
from tests import factories

pytestmark = pytest.mark.django_db
PEOPLE = "/p/work/people/"


@pytest.fixture
def project() -> Project:
    return factories.make_project(manager=factories.make_user("mara"), slug="work")


@pytest.fixture
def manager(project: Project) -> Client:
    return as_user(project.created_by)


@pytest.fixture
def otto() -> User:
    return factories.make_user("otto")


def as_user(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def ask(manager: Client, name: str, role: str = "labeler") -> str:
    answer = manager.post(f"{PEOPLE}ask/", {"username": name, "role": role}, follow=True)
    return answer.content.decode()


def asked(project: Project, user: User, role: str = "labeler", by: User | None = None) -> str:
    maker = by or project.created_by
    assert maker is not None
    return f"/invitations/{invitations.ask(project, by=maker, username=user.username, role=role).pk}/"


def without_names(page: str, *names: str) -> str:
    page = re.sub(r'value="\w{64}"|invitations?[/ ]\d+|datetime="[^"]*"|title="[^"]*"', "", page)
    for name in names:
        page = page.replace(name, "NAME")
    return page


def test_the_person_sees_who_asks_and_joins(project: Project, manager: Client, otto: User) -> None:
    assert "If there is an account named otto, its home page shows the invitation now" in ask(
        manager, "otto", "reviewer"
    )
    person = as_user(otto)
    home = person.get("/").content.decode()
    assert "mara asked you" in home
    assert "your role would be: Reviewer" in home
    assert "You are not in a project yet" not in home
    assert access.role_in(otto, project) is None
    [invitation] = Invitation.objects.all()
    answer = person.post(f"/invitations/{invitation.pk}/accept/", follow=True)
    assert b"Welcome to Work." in answer.content
    assert access.role_in(otto, project) is Role.REVIEWER
    assert b"mara asked you" not in person.get("/").content
    assert "Ask again: otto" not in manager.get(PEOPLE).content.decode()


@pytest.mark.parametrize("kind", ["nobody", "inactive", "imported", "the other case", "declined"])
def test_the_manager_is_told_the_same_whether_there_is_an_account_or_not(
    project: Project, manager: Client, otto: User, kind: str
) -> None:
    """In the answer, in the list, when asking again and withdrawing, and in what it costs."""
    other = {"the other case": "Otto"}.get(kind, "anna")
    if kind in ("inactive", "imported", "declined"):
        other_user = factories.make_user(other)
        User.objects.filter(pk=other_user.pk).update(
            is_active=kind != "inactive", is_imported=kind == "imported", name_key="anna"
        )

    def pages(name: str) -> list[tuple[str, int]]:
        seen = []
        with CaptureQueriesContext(connection) as queries:
            seen.append((ask(manager, name), len(queries)))
        pk = Invitation.objects.get(username=name).pk
        if name == other and kind == "declined":
            as_user(User.objects.get(username=name)).post(f"/invitations/{pk}/decline/")
        for verb in ("", f"invitations/{pk}/renew/", f"invitations/{pk}/withdraw/"):
            with CaptureQueriesContext(connection) as queries:
                answer = manager.post(PEOPLE + verb, follow=True) if verb else manager.get(PEOPLE)
            seen.append((answer.content.decode(), len(queries)))
        return [(without_names(page, name), n) for page, n in seen]

    assert pages("otto") == pages(other)


def test_the_api_answers_the_same_too(project: Project, otto: User) -> None:
    client = as_user(project.created_by)

    def answer(name: str) -> tuple[int, dict[str, object]]:
        body = {"username": name, "role": "labeler"}
        found = client.post("/api/v1/projects/work/invitations/", body, content_type="application/json")
        said = found.json()
        assert said["username"] == name
        return found.status_code, {key: said[key] for key in ("role", "note", "created_by")}

    assert answer("otto") == answer("ghost")
    assert as_user(otto).get("/").content.count(b"asked you") == 1
    listed = client.get("/api/v1/projects/work/invitations/").json()["results"]
    assert [row["username"] for row in listed] == ["otto", "ghost"]
    assert client.delete(f"/api/v1/projects/work/invitations/{listed[0]['id']}/").status_code == 204
    assert client.delete(f"/api/v1/projects/work/invitations/{listed[0]['id']}/").status_code == 404
    assert b"asked you" not in as_user(otto).get("/").content


def test_a_manager_adds_nobody_who_was_not_asked(project: Project, manager: Client, otto: User) -> None:
    for name in ("otto", "ghost"):
        page = manager.post(f"{PEOPLE}set/", {"username": name, "role": "labeler"}, follow=True).content.decode()
        assert f"&#x27;{name}&#x27; is not in this project; send an invitation." in page
        body = {"username": name, "role": "labeler"}
        answer = manager.post("/api/v1/projects/work/members/", body, content_type="application/json")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "not_a_member")
    assert project.memberships.count() == 1
    root = as_user(factories.make_user("root", superuser=True))
    answer = root.post("/api/v1/projects/work/members/", body | {"username": "otto"}, content_type="application/json")
    assert answer.status_code == 201


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_an_invitation_is_answered_by_its_account_alone(project: Project, otto: User, verb: str) -> None:
    path = asked(project, otto) + f"{verb}/"
    others = [project.created_by, factories.join(project), factories.make_user("Otto2"), None]
    for other in others:
        as_user(other).post(path)
        assert as_user(otto).get(path).status_code == 405
    assert Client().post(path)["Location"].startswith("/accounts/login/")
    assert project.memberships.count() == 2
    assert as_user(otto).get("/").content.count(b"asked you") == 1


def test_an_account_that_takes_the_name_later_was_not_meant(project: Project, manager: Client) -> None:
    ask(manager, "otto")
    later = factories.make_user("otto")
    assert b"asked you" not in as_user(later).get("/").content
    as_user(later).post(f"/invitations/{Invitation.objects.get().pk}/accept/")
    assert access.role_in(later, project) is None


@pytest.mark.parametrize("loss", ["demoted", "removed", "deactivated", "withdrawn", "over", "declined"])
def test_an_invitation_that_is_over_lets_nobody_in(project: Project, otto: User, loss: str) -> None:
    maker = factories.join(project, Role.MANAGER)
    path = asked(project, otto, by=maker)
    person = as_user(otto)
    if loss == "deactivated":
        User.objects.filter(pk=maker.pk).update(is_active=False)
    elif loss == "removed":
        members.remove_member(project, username=maker.username)
    elif loss == "demoted":
        Membership.objects.filter(user=maker).update(role=Role.LABELER)
    elif loss == "withdrawn":
        as_user(maker).post(f"{PEOPLE}invitations/{Invitation.objects.get().pk}/withdraw/")
    elif loss == "over":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    else:
        person.post(path + "decline/")
    assert b"asked you" not in person.get("/").content
    page = person.post(path + "accept/", follow=True).content.decode()
    assert 'data-level="error"' in page
    assert access.role_in(otto, project) is None


def test_a_declined_invitation_can_be_sent_again(project: Project, manager: Client, otto: User) -> None:
    person = as_user(otto)
    page = person.post(asked(project, otto) + "decline/", follow=True).content
    assert b"The invitation is declined. The project is not told." in page
    assert b"asked you" not in person.get("/").content
    ask(manager, "otto", "manager")
    assert b"your role would be: Manager" in person.get("/").content
    assert Invitation.objects.count() == 1


def test_who_is_in_the_project_is_not_asked_and_keeps_the_role(project: Project, manager: Client, otto: User) -> None:
    path = asked(project, otto, "manager")
    Membership.objects.create(project=project, user=otto, role=Role.REVIEWER)
    assert "otto is in the project already" in ask(manager, "otto")
    assert b"asked you" not in as_user(otto).get("/").content
    as_user(otto).post(path + "accept/")
    assert access.role_in(otto, project) is Role.REVIEWER


def test_an_account_that_is_gone_leaves_the_list_as_it_was(project: Project, manager: Client, otto: User) -> None:
    asked(project, otto)
    otto.delete()
    assert "Ask again: otto" in manager.get(PEOPLE).content.decode()


def test_accepting_many_times_at_once_makes_one_member(transactional_db: None) -> None:
    project, otto = factories.make_project(slug="work"), factories.make_user("otto")
    path = asked(project, otto) + "accept/"
    browsers = [as_user(otto) for _ in range(4)]

    def accept(browser: Client) -> str:
        try:
            return str(browser.post(path)["Location"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        places = sorted(pool.map(accept, browsers))
    assert places == ["/", "/", "/", "/p/work/"]
    assert project.memberships.filter(user=otto).count() == 1


def test_asking_many_times_at_once_asks_once(transactional_db: None) -> None:
    project, otto = factories.make_project(slug="work"), factories.make_user("otto")
    managers = [as_user(factories.join(project, Role.MANAGER)) for _ in range(4)]

    def once(manager: Client) -> int:
        try:
            return int(manager.post(f"{PEOPLE}ask/", {"username": "otto", "role": "labeler"}).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(once, managers)) == [302] * 4
    assert Invitation.objects.count() == 1
    assert as_user(otto).get("/").content.count(b"asked you") == 1


@pytest.mark.parametrize("name", ["otto", "ghost"])
def test_a_manager_can_not_ask_one_person_without_end(project: Project, manager: Client, otto: User, name: str) -> None:
    for _ in range(invitations.ASKED_LIMIT):
        assert "shows the invitation now" in ask(manager, name)
    assert f"You invited {name} 20 times within 14 days" in ask(manager, name)
    assert "shows the invitation now" in ask(manager, "another")
    Attempts.objects.update(ends_at=timezone.now())
    assert "shows the invitation now" in ask(manager, name)


def test_a_project_and_a_person_have_so_many_open_invitations_at_most(
    project: Project, manager: Client, otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MAX_OPEN", 3)
    for name in ("one", "two", "three"):
        ask(manager, name)
    assert "There are 3 open invitations" in ask(manager, "otto")
    assert "There are 3 open invitations" in manager.post(PEOPLE, {"role": "labeler"}).content.decode()
    assert "shows the invitation now" in ask(manager, "three")  # that one is there
    other = factories.make_project(manager=project.created_by, slug="elsewhere")
    page = manager.post("/p/elsewhere/people/ask/", {"username": "otto", "role": "labeler"}).content.decode()
    assert "There are 3 open invitations" in page
    assert not other.invitations.exists()
    manager.post(f"{PEOPLE}invitations/{Invitation.objects.earliest('pk').pk}/withdraw/")
    assert "shows the invitation now" in ask(manager, "otto")


@pytest.mark.parametrize("name", ["", " ", "x" * 151, "a\0b", "\ud800"])
def test_a_name_that_can_be_none_is_refused_at_the_form(project: Project, manager: Client, name: str) -> None:
    if name == "\ud800":
        body = '{"username": "\\ud800", "role": "labeler"}'
        answer = manager.post("/api/v1/projects/work/invitations/", body, content_type="application/json")
        assert answer.status_code == 400
    else:
        assert "field__error" in ask(manager, name)
    assert not Invitation.objects.exists()


def test_an_invitation_costs_the_same_however_many_there_are(project: Project, manager: Client, otto: User) -> None:
    def cost(name: str) -> tuple[int, int, int]:
        counts = []
        for do in (
            lambda: manager.post(f"{PEOPLE}ask/", {"username": name, "role": "labeler"}),
            lambda: manager.get(PEOPLE),
            lambda: as_user(otto).get("/"),
        ):
            with CaptureQueriesContext(connection) as queries:
                do()
            counts.append(len(queries))
        return counts[0], counts[1], counts[2]

    first = cost("otto")
    for number in range(30):
        asked(factories.make_project(slug=f"other{number}"), otto)
        ask(manager, f"ghost{number}")
    assert cost("anna") == first
    assert first[0] <= 20
    assert as_user(otto).get("/").content.count(b"asked you") == invitations.MOST_SHOWN
