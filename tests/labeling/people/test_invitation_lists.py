"""Several people invited at once: what a line says, what comes back, and what is made of it at registration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from labeling.errors import Invalid
from labeling.models import Invitation, Project, User
from labeling.people import invitation_lists, invitations
from labeling.people.invitation_lists import Outcome, invite_all
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.make_project(manager=factories.make_user("mara"), slug="work")


def invite(project: Project, *lines: str, role: str = "labeler") -> list[Outcome]:
    assert project.created_by is not None
    return invite_all(project, by=project.created_by, role=role, lines=lines)


@pytest.mark.parametrize(
    ("line", "name", "email"),
    [
        ("Ada Lovelace", "Ada Lovelace", ""),
        ("  ada@example.org ", "", "ada@example.org"),
        ("Ada Lovelace <ada@example.org>", "Ada Lovelace", "ada@example.org"),
        ('"Lovelace, Ada" <ada@example.org>', "Lovelace, Ada", "ada@example.org"),
        ("李小龙", "李小龙", ""),
    ],
)
def test_a_line_is_a_name_a_mail_address_or_both(project: Project, line: str, name: str, email: str) -> None:
    [outcome] = invite(project, line)
    assert outcome.invitation is not None
    assert (outcome.invitation.name, outcome.invitation.email) == (name, email)
    assert invitations.open_link(outcome.token) == outcome.invitation


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ada@", "no mail address"),
        ("Ada <ada example.org@>", "no mail address"),
        ("a@b@c", "no mail address"),
        ("x" * 121, "can't be read"),
        ("x" * 5000, "can't be read"),
        ("a\0b", "can't be read"),
        ("<" * 390 + "@", "no mail address"),
    ],
)
def test_a_line_that_is_wrong_comes_back_with_what_is_wrong(project: Project, line: str, words: str) -> None:
    good, bad = invite(project, "Ada", line)
    assert good.invitation is not None
    assert bad.invitation is None
    assert words in bad.problem
    assert len(bad.problem) < 250
    assert Invitation.objects.count() == 1


def test_nobody_is_invited_twice_whoever_sends_it_again(project: Project) -> None:
    User.objects.filter(username="mara").update(email="Mara@example.org")
    lines = ("Ada", "bo@example.org", "Bo <BO@example.org>", "mara@example.org", "", " ada ")
    first, second = invite(project, *lines), invite(project, *lines)
    assert [bool(outcome.invitation) for outcome in first] == [True, True, False, False, False]
    assert "stands here twice" in first[2].problem
    assert "is in the project" in first[3].problem
    assert not any(outcome.invitation for outcome in second)
    assert Invitation.objects.count() == 2


def test_more_than_a_hundred_and_an_unknown_role_are_refused_whole(project: Project) -> None:
    with pytest.raises(Invalid, match="101 people"):
        invite(project, *(f"person {place}" for place in range(101)))
    with pytest.raises(Invalid, match="is no role"):
        invite(project, "Ada", role="king")
    assert not Invitation.objects.exists()


def test_what_there_is_room_for_is_invited(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MAX_OPEN", 2)
    outcomes = invite(project, "Ada", "Bo", "Cy")
    assert [bool(outcome.invitation) for outcome in outcomes] == [True, True, False]
    assert "withdraw some first" in outcomes[2].problem


def test_a_registration_keeps_the_name_and_the_invitation_forgets_it(project: Project) -> None:
    [outcome] = invite(project, "Ada Lovelace <ada@example.org>")
    user = invitations.register(
        outcome.token, username="ada", password="nine blue lanterns", name="Ada L.", email="ada@example.org"
    )
    assert (user.get_full_name(), user.email) == ("Ada L.", "ada@example.org")
    used = Invitation.objects.get()
    assert (used.accepted_by, used.name, used.email, used.note) == (user, "", "", "")


def test_it_costs_the_same_number_of_looks_for_one_line_and_for_many(project: Project) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    costs = []
    for lines in (["a"], [f"b{place}" for place in range(20)]):
        with CaptureQueriesContext(connection) as context:
            invite(project, *lines)
        costs.append(len([query for query in context if query["sql"].startswith("SELECT")]))
    assert costs[0] == costs[1]


@pytest.mark.django_db(transaction=True)
def test_two_who_send_the_same_at_once_invite_each_person_once() -> None:
    project = factories.make_project(manager=factories.make_user("mara"), slug="work")

    def send(_turn: int) -> int:
        try:
            return sum(bool(outcome.invitation) for outcome in invite(project, "Ada", "Bo"))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(send, range(4))) == 2
    assert Invitation.objects.count() == 2
    assert invitation_lists.MOST == 100
