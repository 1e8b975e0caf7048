"""An account is deactivated: what ends with it, at once and in every process, what stays, and who may do it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from knox.models import AuthToken

from labeling.data.versions import links
from labeling.data.versions.datasets import freeze
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Membership, Project, Ranking, Role, User
from labeling.people import deactivation, invitations, members
from tests.factories import PASSWORD, claimed, join, make_project, make_prompt, make_user, rank
from tests.labeling.api.client import as_user
from tests.labeling.views.test_doors import as_user as at_desk
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(slug="helpful", overlap=2)
    for _ in range(4):
        make_prompt(project, split="train")
    return project


@pytest.fixture
def root() -> User:
    return make_user("root", superuser=True)


def page_of(user: User) -> str:
    return reverse("account", args=[user.pk])


def test_her_sessions_and_tokens_end_at_once_and_her_work_stays(project: Project, root: User) -> None:
    lena = join(project, username="lena")
    rank(project, lena)
    held = claimed(project, lena)
    desk, elsewhere, program = at_desk(lena), at_desk(lena), as_user(lena)
    assert desk.get("/p/helpful/rank/").status_code == elsewhere.get("/").status_code == 200
    assert program.get("/api/v1/projects/").status_code == 200
    assert deactivation.deactivate(lena, by=root) == deactivation.Ended(tokens=1, tasks=1)
    assert desk.get("/p/helpful/rank/").status_code == elsewhere.get("/").status_code == 302
    assert program.get("/api/v1/projects/").status_code == 401
    assert Ranking.objects.filter(labeler=lena, live=True).count() == 1
    held.refresh_from_db()
    assert held.state == Assignment.State.RELEASED
    login = {"login": "lena", "password": PASSWORD}
    assert "_auth_user_id" not in Client().post("/accounts/login/", login).wsgi_request.session


def test_a_session_from_before_is_over_for_good(project: Project, root: User) -> None:
    lena = join(project, username="lena")
    desk = at_desk(lena)
    deactivation.deactivate(lena, by=root)
    deactivation.reactivate(lena, by=root)
    assert desk.get("/").status_code == 302
    assert at_desk(User.objects.get(pk=lena.pk)).get("/p/helpful/rank/").status_code == 200
    assert not AuthToken.objects.filter(user=lena).exists()


def test_who_was_never_deactivated_stays_logged_in_over_an_upgrade() -> None:
    """The hash that sessions carry is Django's own for them."""
    lena = make_user("lena")
    assert lena.get_session_auth_hash() == super(User, lena).get_session_auth_hash()


@pytest.mark.django_db(transaction=True)
def test_a_session_in_another_server_ends_by_a_command(live_server: Any) -> None:
    lena = make_user("lena")
    cookie = at_desk(lena).cookies[settings.SESSION_COOKIE_NAME].value

    def open_page() -> str:
        asked = urllib.request.Request(
            f"{live_server.url}/preferences/", headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
        )
        with urllib.request.urlopen(asked) as answer:
            return str(answer.url)

    assert open_page().endswith("/preferences/")
    call_command("deactivate_account", "lena")
    assert "/accounts/login/" in open_page()


def test_twice_is_harmless_and_the_first_time_stands(root: User) -> None:
    lena = make_user("lena")
    deactivation.deactivate(lena, by=root)
    when = lena.deactivated_at
    assert deactivation.deactivate(lena, by=root) == deactivation.Ended()
    lena.refresh_from_db()
    assert lena.deactivated_at == when


def test_links_that_she_made_open_nothing_until_another_makes_them_anew(project: Project, root: User) -> None:
    mara = project.memberships.get().user
    other = join(project, Role.MANAGER, "other")
    rank(project, mara)
    invitation, token = invitations.invite(project, by=mara, role=Role.LABELER)
    shared = links.token_of(links.make(freeze(project), by=mara, seconds=3600))
    assert deactivation.deactivate(mara, by=root).invitations == 1
    with pytest.raises(Invalid, match="may not invite people any more"):
        invitations.open_link(token)
    with pytest.raises(links.Ended):
        links.version_of(shared, address="::1")
    assert list(invitations.open_in(project)) == [invitation]
    assert invitations.open_link(invitations.renew(project, invitation, by=other)) == invitation


def test_the_last_administrator_stays(root: User) -> None:
    with pytest.raises(Conflict, match="root is the only administrator"):
        deactivation.deactivate(root, by=root)
    make_user("other", superuser=True)
    deactivation.deactivate(root, by=root)
    assert not User.objects.get(pk=root.pk).is_active


def test_the_last_manager_of_a_project_stays(project: Project, root: User) -> None:
    mara = project.memberships.get().user
    gone = join(project, Role.MANAGER, "gone")
    deactivation.deactivate(gone, by=root)
    with pytest.raises(Conflict, match="only manager of Helpful; name another"):
        deactivation.deactivate(mara, by=root)
    join(project, Role.MANAGER, "next")
    deactivation.deactivate(mara, by=root)


def test_a_manager_who_is_deactivated_is_none_that_a_project_keeps(project: Project, root: User) -> None:
    mara = project.memberships.get().user
    deactivation.deactivate(join(project, Role.MANAGER, "gone"), by=root)
    for lose in (
        lambda: members.remove_member(project, username=mara.username),
        lambda: members.set_member(project, username=mara.username, role=Role.LABELER),
    ):
        with pytest.raises(Invalid, match="at least one manager"):
            lose()


def test_many_projects_are_named_shortly(root: User) -> None:
    mara = make_user("mara")
    for number in range(30):
        make_project(manager=mara, slug=f"p{number:02}")
    with pytest.raises(Conflict) as refused:
        deactivation.deactivate(mara, by=root)
    assert "P00, P01, P02, P03, P04, ...;" in refused.value.detail


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_who_deactivate_each_other_one_stays() -> None:
    one, two = make_user("one", superuser=True), make_user("two", superuser=True)

    def attempt(gone: User, by: User) -> Callable[[], str]:
        def deactivate() -> str:
            try:
                deactivation.deactivate(gone, by=by)
            except Conflict as error:
                return error.code
            return "done"

        return deactivate

    assert sorted(at_once([attempt(one, two), attempt(two, one)])) == ["done", "last_administrator"]
    assert User.objects.filter(is_active=True).count() == 1


def test_the_labeler_of_imported_rankings_never_logs_in(root: User) -> None:
    recorded = User.objects.create(username="rater/7", is_imported=True, is_active=False, password="!")
    assert deactivation.deactivate(recorded, by=root) == deactivation.Ended()
    url = "/api/v1/accounts/rater/7/"
    assert as_user(root).post(f"{url}reactivate/").status_code == 409
    assert as_user(root).get(url).json()["is_imported"] is True


def test_only_an_administrator_finds_accounts(project: Project, root: User) -> None:
    """The same for a name that is there and one that isn't: nobody else learns which."""
    lena = join(project, username="lena")
    everyone: dict[str, User | None] = {
        "manager": project.memberships.earliest("pk").user,
        "reviewer": join(project, Role.REVIEWER),
        "labeler": lena,
        "stranger": make_user(),
        "administrator": root,
    }
    pages = {who: at_desk(user).get(page_of(lena)).status_code for who, user in everyone.items()}
    assert pages == {**dict.fromkeys(everyone, 404), "administrator": 200}
    assert at_desk(everyone["manager"]).get("/people/999999/").status_code == 404
    assert (
        at_desk(root).get("/people/999999/").status_code == at_desk(root).get(f"/people/{10**30}/").status_code == 404
    )
    assert Client().get(page_of(lena))["Location"].startswith("/accounts/login/")
    everyone["nobody"] = None
    for name in ("lena", "no-such"):
        for verb, address in (("get", ""), ("post", "deactivate/"), ("post", "reactivate/")):
            statuses = {
                who: getattr(as_user(user), verb)(f"/api/v1/accounts/{name}/{address}").status_code
                for who, user in everyone.items()
                if who != "administrator"
            }
            assert statuses == {**dict.fromkeys(statuses, 404), "nobody": 401}
    assert User.objects.get(username="lena").is_active
    assert at_desk(everyone["manager"]).post(page_of(lena), {"act": "deactivate"}).status_code == 404


def test_the_page_says_what_was_done(project: Project, root: User) -> None:
    lena, desk = join(project, username="lena"), at_desk(root)
    claimed(project, lena)
    AuthToken.objects.create(lena)
    done = desk.post(page_of(lena), {"act": "deactivate"}, follow=True).content.decode()
    assert "lena is deactivated and logged out. 1 API token ended. 1 task is in the queue again." in done
    assert "nobody can log in with it" in done
    assert "lena can log in again." in desk.post(page_of(lena), {"act": "reactivate"}, follow=True).content.decode()
    assert "the only administrator" in desk.post(page_of(root), {"act": "deactivate"}, follow=True).content.decode()


def test_the_api_does_the_same(project: Project, root: User) -> None:
    join(project, username="lena")
    program = as_user(root)
    done = program.post("/api/v1/accounts/lena/deactivate/").json()
    assert done["account"]["is_active"] is False
    assert done["account"]["deactivated_at"]
    assert (done["tokens"], done["tasks"], done["invitations"]) == (0, 0, 0)
    assert program.post("/api/v1/accounts/lena/reactivate/").json()["is_active"] is True
    assert program.post("/api/v1/accounts/root/deactivate/").status_code == 409
    assert program.get("/api/v1/accounts/no-such/").status_code == 404


def test_the_command_names_what_is_wrong(capsys: pytest.CaptureFixture[str], root: User) -> None:
    make_user("lena")
    call_command("deactivate_account", "lena")
    assert "lena is deactivated" in capsys.readouterr().out
    call_command("deactivate_account", "lena", "--reactivate")
    assert User.objects.get(username="lena").is_active
    for name, words in (("no-such", "no account 'no-such'"), ("root", "only administrator")):
        with pytest.raises(CommandError, match=words):
            call_command("deactivate_account", name)


def test_it_costs_the_same_however_much_there_is(
    project: Project, root: User, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    lena = join(project, username="lena")
    for number in range(20):
        other = make_project(slug=f"other-{number}")
        make_prompt(other)
        Membership.objects.create(project=other, user=lena, role=Role.MANAGER)
        claimed(other, lena)
        AuthToken.objects.create(lena)
        at_desk(lena)
    with django_assert_max_num_queries(14):
        assert deactivation.deactivate(lena, by=root).tasks == 20
