"""Invitation links: who may still open one, and who takes it back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from labeling.models import Invitation, Membership, Project, Role, User
from labeling.people import invitations, members
from tests import factories

pytestmark = pytest.mark.django_db
NEW = {"username": "ada", "password": "nine blue lanterns"}


@pytest.fixture
def project() -> Project:
    return factories.make_project(manager=factories.make_user("mara"), slug="work")


def link_of(project: Project, by: User | None = None) -> str:
    return f"/invite/{invitations.invite(project, by=by or project.created_by, role='labeler')[1]}/"  # type: ignore[arg-type]


def as_user(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


@pytest.mark.parametrize("loss", ["demoted", "removed", "deactivated"])
def test_a_link_opens_nothing_once_its_maker_may_not_invite(project: Project, loss: str) -> None:
    maker = factories.join(project, Role.MANAGER)
    link = link_of(project, maker)
    assert Client().get(link).status_code == 200
    if loss == "deactivated":
        User.objects.filter(pk=maker.pk).update(is_active=False)
    elif loss == "removed":
        members.remove_member(project, username=maker.username)
    else:
        Membership.objects.filter(user=maker).update(role=Role.LABELER)
    asked = [Client().get(link), Client().post(link, NEW), as_user(factories.make_user()).post(link)]
    assert [answer.status_code for answer in asked] == [404] * 3
    assert b"may not invite people any more" in asked[0].content
    assert not User.objects.filter(username="ada").exists()


def test_a_link_that_is_over_opens_nothing_and_is_not_listed(project: Project) -> None:
    link = link_of(project)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().post(link, NEW).status_code == 404
    assert b"Withdraw" not in as_user(project.created_by).get("/p/work/people/").content


def test_a_manager_withdraws_a_link_and_renews_another(project: Project) -> None:
    first, second = link_of(project), link_of(project)
    old, new = Invitation.objects.order_by("pk")
    manager = as_user(project.created_by)
    assert manager.get("/p/work/people/").content.count(b"Withdraw invitation") == 2
    manager.post(f"/p/work/people/invitations/{old.pk}/withdraw/")
    page = manager.post(f"/p/work/people/invitations/{new.pk}/renew/").content.decode()
    renewed = page.split('readonly value="')[1].split('"')[0].removeprefix("http://testserver")
    assert [Client().get(link).status_code for link in (first, second, renewed)] == [404, 404, 200]


@pytest.mark.parametrize("verb", ["withdraw", "renew"])
def test_an_invitation_is_its_projects_managers_alone(project: Project, verb: str) -> None:
    link = link_of(project)
    path = f"/p/{{}}/people/invitations/{Invitation.objects.get().pk}/{verb}/"
    stranger = factories.make_project(slug="elsewhere").created_by
    statuses = {
        "labeler": as_user(factories.join(project)).post(path.format("work")).status_code,
        "stranger": as_user(stranger).post(path.format("work")).status_code,
        "by another project": as_user(stranger).post(path.format("elsewhere")).status_code,
        "nobody": as_user(None).post(path.format("work")).status_code,
    }
    assert statuses == {"labeler": 403, "stranger": 404, "by another project": 404, "nobody": 302}
    assert Client().get(link).status_code == 200


def test_two_people_who_use_one_link_at_once_are_one_member(transactional_db: None) -> None:
    project = factories.make_project(slug="work")
    link = link_of(project)
    guests = [as_user(factories.make_user(f"guest{number}")) for number in range(4)]

    def join(guest: Client) -> int:
        try:
            return int(guest.post(link).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(join, guests))
    assert statuses.count(302) == 1
    assert set(statuses) <= {302, 404, 409}
    assert project.memberships.count() == 2
