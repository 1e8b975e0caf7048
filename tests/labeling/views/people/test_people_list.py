"""The list of a project's people and the page of one of them: each number leads to the rows that it counts."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from labeling.models import Project, RankedCompletion, Role, User
from labeling.people import members
from labeling.queue import claims
from tests import factories
from tests.labeling.api.client import as_user as api_as

pytestmark = pytest.mark.django_db
PEOPLE = "/p/work/people/"


@pytest.fixture
def project() -> Project:
    project = factories.make_project(manager=factories.make_user("mara"), slug="work", overlap=9)
    for place in range(3):
        factories.make_prompt(project, question=f"Question {place}?")
    lena, otto = factories.join(project, username="lena"), factories.join(project, username="otto")
    factories.rank_next(project, lena, 3)
    factories.rank_next(project, otto, 2)
    return project


@pytest.fixture
def client(project: Project) -> Client:
    client = Client()
    client.force_login(project.created_by)  # type: ignore[arg-type]
    return client


def page(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def listed(html: str) -> list[str]:
    return re.findall(r'people/\d+/">(\w+)</a>', html)


def links(html: str) -> dict[str, int]:
    """Gives the first number that each link to the list of rankings shows, by its address; not in the tables below."""
    html = html.partition('<h2 id="numbers"')[0]
    found = re.findall(r'<a href="(/p/work/rankings/\?[^"]*)">(.*?)</a>', html)
    return {url.replace("&amp;", "&"): int(re.findall(r"\d+", words)[0]) for url, words in found}


@pytest.mark.parametrize("of", ["list", "person"])
def test_every_number_leads_to_the_rankings_that_it_counts(project: Project, client: Client, of: str) -> None:
    path = PEOPLE if of == "list" else f"{PEOPLE}{User.objects.get(username='lena').pk}/"
    found = links(page(client, path))
    assert len(found) >= (4 if of == "list" else 3)
    assert {url: page(client, url).count('class="said"') for url in found} == found


def test_the_number_of_skips_leads_to_what_was_skipped_and_why(project: Project, client: Client) -> None:
    otto = User.objects.get(username="otto")
    path = f"{PEOPLE}{otto.pk}/"
    assert "otto skipped nothing here." in page(client, f"{path}skips/")
    claims.skip(factories.claimed(project, otto), "I don't know the subject")
    [(address, value)] = re.findall(r'<a href="([^"]*/skips/)">([^<]*)</a>', page(client, path))
    assert (address, value.split()[0]) == (f"{path}skips/", "33")  # of three tasks
    shown = page(client, address)
    assert shown.count('<li class="said">') == 1
    assert "Question 2?" in shown
    assert "I don&#x27;t know the subject" in shown
    assert "skipped nothing" in page(client, f"{PEOPLE}{User.objects.get(username='lena').pk}/skips/")


def test_the_list_is_narrowed_and_sorted_by_its_address(client: Client) -> None:
    assert listed(page(client, PEOPLE)) == ["lena", "mara", "otto"]
    assert listed(page(client, f"{PEOPLE}?sort=-rankings")) == ["lena", "otto", "mara"]
    assert listed(page(client, f"{PEOPLE}?role=labeler&name=O")) == ["otto"]
    assert listed(page(client, f"{PEOPLE}?role=king&sort=drop&standing=x")) == ["lena", "mara", "otto"]
    assert "Nobody fits." in page(client, f"{PEOPLE}?name=nobody")


def test_a_columns_head_says_the_order_and_leads_to_the_other(client: Client) -> None:
    html = page(client, f"{PEOPLE}?role=labeler&sort=-rankings")
    heads = dict(re.findall(r'<a class="sorting" href="\?([^"]*)">([^<]*)</a>', html))
    assert {label: query for query, label in heads.items()}["Rankings"] == "role=labeler&amp;sort=rankings"
    assert {label: query for query, label in heads.items()}["Person"] == "role=labeler&amp;sort=name"
    assert html.count("aria-sort=") == html.count('aria-sort="descending"') == 1


def test_a_page_beyond_the_last_is_the_last(project: Project, client: Client) -> None:
    for number in range(60):
        factories.join(project, username=f"more{number}")
    assert len(listed(page(client, PEOPLE))) == 50
    assert len(listed(page(client, f"{PEOPLE}?page=999"))) == 13


def test_a_persons_page_says_who_they_are_here(project: Project, client: Client) -> None:
    otto = User.objects.get(username="otto")
    html = page(client, f"{PEOPLE}{otto.pk}/")
    assert "Role here: Labeler" in html
    assert "Remove from the project" in html
    members.remove_member(project, username="otto")
    html = page(client, f"{PEOPLE}{otto.pk}/")
    assert "is not in the project any more" in html
    assert "Remove from the project" not in html


def test_a_role_is_changed_on_a_persons_page(project: Project, client: Client) -> None:
    otto = User.objects.get(username="otto")
    answer = client.post(f"{PEOPLE}set/", {"username": "otto", "role": Role.REVIEWER}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{PEOPLE}{otto.pk}/"
    assert "otto has the role Reviewer now." in answer.content.decode()


@pytest.mark.parametrize("address", ["page", "api"])
def test_nobody_but_a_manager_sees_a_person(project: Project, address: str) -> None:
    lena = User.objects.get(username="lena")
    url = f"{PEOPLE}{lena.pk}/" if address == "page" else f"/api/v1/projects/work/people/{lena.pk}/"
    everyone = {
        "manager": project.created_by,
        "administrator": factories.make_user("root", superuser=True),
        "reviewer": factories.join(project, Role.REVIEWER),
        "herself": lena,
        "labeler": User.objects.get(username="otto"),
        "stranger": factories.make_project(slug="other").created_by,
    }
    seen = {}
    for who, person in everyone.items():
        client = Client() if address == "page" else api_as(person)
        if address == "page":
            client.force_login(person)  # type: ignore[arg-type]
        seen[who] = client.get(url).status_code
    expected = {"manager": 200, "administrator": 200, "reviewer": 403, "herself": 403, "labeler": 403, "stranger": 404}
    assert seen == expected
    assert (Client() if address == "page" else api_as(None)).get(url).status_code in (302, 401)


def test_whoever_never_worked_here_has_no_page(client: Client) -> None:
    stranger = factories.make_user("sven")
    for key in (str(stranger.pk), "9" * 30):
        assert client.get(f"{PEOPLE}{key}/").status_code == 404
        assert api_as(User.objects.get(username="mara")).get(f"/api/v1/projects/work/people/{key}/").status_code == 404


def test_the_api_says_what_the_page_says(project: Project) -> None:
    client = api_as(project.created_by)
    rows = client.get("/api/v1/projects/work/people/?page_size=2").json()
    more = client.get(rows["next"]).json()
    by_name = {row["username"]: row for row in [*rows["results"], *more["results"]]}
    assert {name: (row["rankings"], row["role"]) for name, row in by_name.items()} == {
        "mara": (0, "manager"),
        "lena": (3, "labeler"),
        "otto": (2, "labeler"),
    }
    one = client.get(f"/api/v1/projects/work/people/{by_name['lena']['id']}/").json()
    numbers = one.pop("numbers")
    assert one == by_name["lena"]
    assert (numbers["n"], numbers["ties"]["value"], numbers["positions"][0]["first"]["n"]) == (3, 0.0, 3)
    mara = client.get(f"/api/v1/projects/work/people/{by_name['mara']['id']}/").json()
    assert mara["numbers"] is None


def test_a_page_says_what_the_intervals_leave_no_doubt_about(client: Client, project: Project) -> None:
    """Of twenty more prompts lena always prefers what was shown first."""
    lena = User.objects.get(username="lena")
    for place in range(20):
        factories.make_prompt(project, question=f"Question {place + 3}?", k=2)
    for ranking in factories.rank_next(project, lena, 20):
        for place in ranking.ranked.all():
            RankedCompletion.objects.filter(pk=place.pk).update(shown_position=place.rank - 1)
    html = page(client, f"{PEOPLE}{lena.pk}/")
    found = re.search(r"Ranks the completion shown first best more often than chance would: ([^<]*)", html)
    assert found is not None
    assert re.fullmatch(r"\d+ % \(\d+ % to \d+ %, n = 23 rankings\) against \d+ %\.\s*", found[1].replace("\xa0", " "))
    assert "How they answer" in html
    assert "Newest answers" in html
    assert html.count('class="picture"') == 10
