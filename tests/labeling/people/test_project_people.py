"""The people of a project: who they are, in which order, and what they did."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.data.importing import imports
from labeling.models import Membership, Project, Ranking, Role, User
from labeling.people import members, project_people
from labeling.people.project_people import People, Standing, Wanted
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    """Lena ranked three, otto one and left, ada's were recorded; mara manages, noor has not begun."""
    project = factories.make_project(manager=factories.make_user("mara"), slug="work", overlap=9)
    lena, otto = factories.join(project, username="lena"), factories.join(project, username="otto")
    factories.join(project, Role.REVIEWER, "noor")
    for place in range(3):
        factories.make_prompt(project, question=f"Question {place}?")
    factories.rank_next(project, lena, 3)
    factories.rank_next(project, otto, 1)
    members.remove_member(project, username="otto")
    row = {"id": "r", "prompt": "Recorded?", "completions": [{"text": "Yes."}, {"text": "No."}]}
    said = [{"labeler": "ada", "ranks": [1, 2]}]
    imports.import_lines(project, [json.dumps({**row, "rankings": said}).encode()])
    User.objects.filter(username="lena").update(first_name="Lena", last_name="Ahlers")
    for seconds, ranking in zip((10.0, 40.0, 20.0), Ranking.objects.filter(labeler=lena), strict=True):
        Ranking.objects.filter(pk=ranking.pk).update(active_seconds=seconds)
    return project


def names(project: Project, **wanted: Any) -> list[str]:
    return [person.username.partition("@")[0] for person in People(project, Wanted(**wanted))[:50]]


def test_it_lists_members_those_who_left_and_labelers_of_imported_rankings(project: Project) -> None:
    found = {person.username.partition("@")[0]: person for person in People(project, Wanted())[:50]}
    assert {name: person.standing for name, person in found.items()} == {
        "ada": Standing.IMPORTED,
        "lena": Standing.ACTIVE,
        "mara": Standing.ACTIVE,
        "noor": Standing.ACTIVE,
        "otto": Standing.LEFT,
    }
    assert [found[name].role for name in ("lena", "noor", "otto", "ada")] == [Role.LABELER, Role.REVIEWER, None, None]
    assert [found[name].rankings for name in ("lena", "noor", "otto", "ada")] == [3, 0, 1, 1]
    assert (found["lena"].full_name, found["lena"].seconds) == ("Lena Ahlers", 20.0)
    assert found["noor"].last_ranked is found["noor"].seconds is None
    assert not People(factories.make_project(slug="other"), Wanted(name="lena"))


def test_today_is_of_what_was_ranked_here_since_midnight(project: Project) -> None:
    lena = User.objects.get(username="lena")
    first = Ranking.objects.filter(labeler=lena).earliest("pk")
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    Ranking.objects.filter(pk=first.pk).update(created_at=midnight - timedelta(seconds=1))
    found = {person.username.partition("@")[0]: person.today for person in People(project, Wanted())[:50]}
    assert found == {"ada": 0, "lena": 2, "mara": 0, "noor": 0, "otto": 1}


def test_an_administrator_who_ranked_works_here_and_a_deactivated_account_does_not(project: Project) -> None:
    root = factories.make_user("root", superuser=True)
    factories.rank_next(project, root, 1)
    User.objects.filter(username="noor").update(is_active=False)
    assert project_people.person_of(project, root.pk).standing is Standing.ACTIVE
    assert names(project, standing="deactivated") == ["noor"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"standing": "active"}, ["lena", "mara", "noor"]),
        ({"standing": "left"}, ["otto"]),
        ({"standing": "imported"}, ["ada"]),
        ({"role": "labeler"}, ["lena"]),
        ({"role": "labeler", "standing": "left"}, []),
        ({"name": "AHL"}, ["lena"]),
        ({"name": "o"}, ["ada", "noor", "otto"]),  # ada@work
        ({"name": "100%"}, []),
        ({"sort": "name", "descending": True}, ["otto", "noor", "mara", "lena", "ada"]),
        ({"sort": "full_name", "standing": "active"}, ["lena", "mara", "noor"]),
        ({"sort": "role"}, ["mara", "noor", "lena", "otto", "ada"]),
        ({"sort": "joined", "standing": "active"}, ["mara", "lena", "noor"]),
        ({"sort": "rankings", "descending": True}, ["lena", "otto", "ada", "mara", "noor"]),
        ({"sort": "today", "descending": True, "role": "labeler"}, ["lena"]),
        ({"sort": "last_ranked", "descending": True}, ["ada", "otto", "lena", "mara", "noor"]),
        ({"sort": "seconds"}, ["lena", "mara", "otto", "noor", "ada"]),
    ],
)
def test_it_is_narrowed_and_sorted(project: Project, wanted: dict[str, Any], expected: list[str]) -> None:
    assert names(project, **wanted) == expected


def test_people_who_are_equal_stand_in_one_order_on_all_pages(project: Project) -> None:
    everyone = People(project, Wanted(sort="rankings", descending=True))
    pages = [everyone[place : place + 2] for place in (0, 2, 4)]
    assert [person for page in pages for person in page] == everyone[:50]
    assert len(everyone) == 5
    assert everyone[5:7] == []


def test_a_sort_that_looks_at_rankings_is_of_those_with_the_most(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_people, "MOST_SORTED", 2)
    by_time = People(project, Wanted(sort="last_ranked", descending=True))
    assert by_time.leaves_out
    assert len(by_time) == len(by_time[:50]) == 2
    assert "lena" in [person.username for person in by_time[:50]]
    assert not People(project, Wanted()).leaves_out


def test_a_page_of_people_is_two_statements_whoever_is_on_it(project: Project) -> None:
    costs = []
    for more in "ab":
        with CaptureQueriesContext(connection) as context:
            assert People(project, Wanted(sort="seconds"))[:50]
        costs.append(len(context))
        users = User.objects.bulk_create(User(username=f"{more}{place}") for place in range(20))
        Membership.objects.bulk_create(Membership(project=project, user=user, role=Role.LABELER) for user in users)
    assert costs == [2, 2]


def test_only_people_of_the_project_are_found_by_their_key(project: Project) -> None:
    lena = User.objects.get(username="lena")
    assert project_people.person_of(project, lena.pk).username == "lena"
    for key in (factories.make_user("sven").pk, 2**63 - 1, 2**70):
        with pytest.raises(User.DoesNotExist):
            project_people.person_of(project, key)
    assert set(project_people.accounts_of(project)) == set(
        User.objects.filter(username__in=["mara", "lena", "otto", "noor"]) | User.objects.filter(is_imported=True)
    )
