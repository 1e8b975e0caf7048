"""A manager's pages: making a project, its overview, settings, prompts, people and export."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from labeling.data.bulk import bulk_jobs
from labeling.data.exporting import exports
from labeling.models import Invitation, Project, Role, User
from labeling.people import invitations
from labeling.projects import pauses, projects
from tests import factories


@pytest.fixture
def manager(db: None) -> User:
    return factories.make_user("mara")


@pytest.fixture
def project(manager: User) -> Project:
    return factories.make_project(manager=manager, slug="work", overlap=2)


@pytest.fixture
def client(manager: User, project: Project) -> Client:
    client = Client()
    client.force_login(manager)
    return client


SETTINGS = {"name": "Second", "guidelines": "# Best first", "flags": "", "overlap": "3", "lease_minutes": "5"}


def test_a_project_is_made_and_its_maker_manages_it(client: Client, manager: User) -> None:
    made = {**SETTINGS, "slug": "second", "kind": "ranking", "flags": "Factual error\nhateful: Hateful to somebody"}
    response = client.post("/projects/new/", made, follow=True)
    assert response.redirect_chain == [("/p/second/prompts/", 302)]
    project = Project.objects.get(slug="second")
    assert (project.overlap, project.lease_minutes) == (3, 5)
    assert project.flags == [
        {"name": "factual_error", "label": "Factual error"},
        {"name": "hateful", "label": "Hateful to somebody"},
    ]
    assert project.memberships.get().user == manager
    assert b'<h1 dir="ltr">Best first</h1>' in client.get("/p/second/guidelines/").content


def test_a_slug_that_is_taken_is_told_at_its_field(client: Client) -> None:
    response = client.post("/projects/new/", {**SETTINGS, "slug": "work", "kind": "ranking"})
    assert b"There is a project &#x27;work&#x27; already" in response.content


def test_a_classification_is_made_with_a_question_and_refused_without(client: Client) -> None:
    made = {**SETTINGS, "slug": "texts", "kind": "classification"}
    response = client.post("/projects/new/", made)
    assert "give it a flag, for example hateful: Hateful" in response.content.decode()
    client.post("/projects/new/", made | {"flags": "hateful: Hateful"})
    assert Project.objects.get(slug="texts").kind == "classification"


def test_settings_show_what_is_and_store_what_is_sent(client: Client, project: Project) -> None:
    projects.update_project(project, flags=[{"name": "rude", "label": "Rude"}])
    assert b"rude: Rude" in client.get("/p/work/settings/").content
    client.post("/p/work/settings/", SETTINGS)
    project.refresh_from_db()
    assert (project.name, project.flags, project.overlap) == ("Second", [], 3)


def test_what_a_change_does_is_said_first_and_confirmed(client: Client, project: Project) -> None:
    for _ in range(2):
        factories.make_prompt(project)
    for _ in range(2):
        factories.rank(project, factories.join(project))
    asked = SETTINGS | {"name": "Work", "flags": "rude: Rude"}
    text = words(client.post("/p/work/settings/", asked))
    project.refresh_from_db()
    assert (project.overlap, project.flags) == (2, [])
    assert "Not saved yet" in text
    assert "Reopens 1 prompt. Adds 2 rankings, for how long nobody can say: too few were made in the last week." in text
    assert "“Rude” is new: the 2 rankings that there are have no answer to it, and keep none." in text
    # Something else than what was confirmed is asked about again.
    answer = client.post("/p/work/settings/", asked | {"overlap": "4", "confirmed": "3/0/3/q0/rude"})
    assert "Adds 4 rankings" in words(answer)
    assert 'value="4/0/3/q0/rude"' in answer.content.decode()
    client.post("/p/work/settings/", asked | {"confirmed": "3/0/3/q0/rude"})
    project.refresh_from_db()
    assert (project.overlap, [flag["name"] for flag in project.flags]) == (3, ["rude"])
    assert list(project.prompts.values_list("overlap", flat=True)) == [3, 3]
    asked |= {"overlap": "1", "confirmed": "1/0/3/q0/rude", "existing": "keep"}
    assert client.post("/p/work/settings/", asked).status_code == 302
    assert list(project.prompts.values_list("overlap", flat=True)) == [3, 3]


def test_many_prompts_get_another_overlap_from_a_worker(client: Client, project: Project, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", 1)
    for _ in range(2):
        factories.make_prompt(project)
    asked = SETTINGS | {"confirmed": "3/0/3/q0"}
    response = client.post("/p/work/settings/", asked, follow=True)
    assert response.redirect_chain == [("/p/work/prompts/bulk/1/", 302)]
    assert "Ask for as many rankings as the project" in response.content.decode()


def test_settings_that_are_wrong_change_nothing(client: Client, project: Project) -> None:
    for wrong in ({"overlap": "0"}, {"name": ""}, {"flags": "Not A Name: x"}):
        response = client.post("/p/work/settings/", SETTINGS | wrong)
        assert b"field__error" in response.content
    project.refresh_from_db()
    assert project.name == "Work"


def test_the_overview_is_a_sentence(client: Client, project: Project) -> None:
    assert b"First, prompts" in client.get("/p/work/").content
    for _ in range(3):
        factories.make_prompt(project)
    assert b"Nobody has ranked anything yet." in client.get("/p/work/").content
    one, two = factories.join(project), factories.join(project)
    factories.rank(project, one, (1, 2, 3, 4))
    text = words(client.get("/p/work/"))
    counts = "0 of 3 prompts ranked; 1 more waits for further people; 1 ranking: 6 pairs from 1 person"
    assert f"{counts}; no prompt is ranked by two people yet" in text
    factories.rank(project, two, (1, 2, 4, 4))
    text = words(client.get("/p/work/"))
    assert "1 of 3 prompts ranked; 2 rankings: 11 pairs and 1 tie from 2 people; people agree on 100 %" in text
    assert "n = 5" in text


def words(response: object) -> str:
    html = response.content.decode().replace("\N{NO-BREAK SPACE}", " ")  # type: ignore[attr-defined]
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


def test_the_prompts_are_listed_by_state(client: Client, project: Project) -> None:
    for name in ("done", "half", "new"):
        factories.make_prompt(project, external_id=name)
    one, two = factories.join(project), factories.join(project)
    factories.rank(project, one)
    factories.rank(project, one)
    factories.rank(project, two)
    shown = {
        state: [name for name in ("done", "half", "new") if f">{name}<" in html]
        for state in ("all", "waiting", "ranked", "held")
        for html in [client.get(f"/p/work/prompts/?show={state}").content.decode()]
    }
    assert shown == {"all": ["done", "half", "new"], "waiting": ["half", "new"], "ranked": ["done"], "held": []}


def test_an_invitation_link_is_shown_once_and_makes_an_account(client: Client, project: Project) -> None:
    response = client.post("/p/work/people/", {"role": "labeler", "people": "Ada"})
    link = response.content.decode().split('readonly value="')[1].split('"')[0]
    assert link not in client.get("/p/work/people/").content.decode()
    guest = Client()
    path = link.removeprefix("http://testserver")
    assert b"Your role will be: Labeler" in guest.get(path).content
    weak = guest.post(path, {"username": "ada", "password": "short"})
    assert b"too short" in weak.content
    response = guest.post(path, {"username": "ada", "password": "nine blue lanterns"}, follow=True)
    assert response.redirect_chain[-1][0] == "/p/work/rank/"
    assert project.memberships.get(user__username="ada").role == Role.LABELER
    again = Client().get(path)
    assert again.status_code == 404
    assert b"was used already" in again.content


def test_someone_with_an_account_joins_by_the_link(project: Project, manager: User) -> None:
    _, token = invitations.invite(project, by=manager, role=Role.REVIEWER)
    guest = Client()
    guest.force_login(factories.make_user("otto"))
    assert b"You are logged in as" in guest.get(f"/invite/{token}/").content
    assert not project.memberships.filter(user__username="otto").exists()
    guest.post(f"/invite/{token}/")
    assert project.memberships.get(user__username="otto").role == Role.REVIEWER
    assert Invitation.objects.get().accepted_by is not None


def test_a_member_is_changed_and_removed(client: Client, project: Project) -> None:
    factories.join(project, username="otto")
    client.post("/p/work/people/set/", {"username": "otto", "role": "reviewer"})
    assert project.memberships.get(user__username="otto").role == Role.REVIEWER
    client.post("/p/work/people/remove/", {"username": "otto"})
    assert not project.memberships.filter(user__username="otto").exists()


def test_an_unknown_role_and_the_last_manager_are_refused_in_words(client: Client, project: Project) -> None:
    response = client.post("/p/work/people/set/", {"username": "mara", "role": "king"})
    assert response.status_code == 422
    assert b"field__error" in response.content
    response = client.post("/p/work/people/set/", {"username": "mara", "role": "labeler"}, follow=True)
    assert b"A project keeps at least one manager" in response.content
    response = client.post("/p/work/people/remove/", {"username": "mara"}, follow=True)
    assert b"A project keeps at least one manager" in response.content
    assert project.memberships.count() == 1


def test_a_download_is_what_the_noun_streams(client: Client, project: Project) -> None:
    for number in range(4):
        factories.make_prompt(project, question=f"Question {number}?")
        factories.rank(project, factories.join(project))
    response = client.get("/p/work/export/download/?format=csv&layout=standard&split=all")
    assert response.streaming
    assert b"".join(response) == b"".join(
        exports.stream_pairs(project, file_format="csv", layout="standard", split="all")
    )
    assert 'filename="work-live-' in response["Content-Disposition"]
    assert response["Content-Type"].startswith("text/csv")


def test_a_version_is_frozen_and_downloaded(client: Client, project: Project) -> None:
    assert b"notice" in client.post("/p/work/export/freeze/", follow=True).content
    factories.make_prompt(project, split="train")
    factories.rank(project, factories.join(project))
    assert b"Version 1 is frozen, with 6 pairs." in client.post("/p/work/export/freeze/", follow=True).content
    again = client.post("/p/work/export/freeze/", follow=True).content
    assert b"Nothing new since version 1, so there is no further one" in again
    response = client.get("/p/work/export/download/?format=jsonl&layout=conversational&version=1")
    assert b"".join(response).count(b"\n") == 6
    assert "work-v1-" in response["Content-Disposition"]


@pytest.mark.parametrize(
    "query", ["format=xml&layout=standard", "format=csv&layout=flat", "format=csv&layout=standard&version=9"]
)
def test_a_download_of_what_there_is_not_is_refused_on_the_page(client: Client, query: str) -> None:
    response = client.get(f"/p/work/export/download/?{query}")
    assert response.status_code == 422
    assert b"field__error" in response.content


def test_the_theme_is_kept_in_a_cookie_and_goes_back_to_this_site_only(client: Client) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": "/p/work/people/"})
    assert response["Location"] == "/p/work/people/"
    assert b'data-theme="dark"' in client.get("/").content
    assert client.post("/theme/", {"theme": "system", "next": "https://elsewhere.example/"})["Location"] == "/"
    assert b"data-theme" not in client.get("/").content


def test_home_says_that_a_project_is_paused_and_why(client: Client, project: Project) -> None:
    assert b"Paused" not in client.get("/").content
    pauses.pause(project, by=None, reason="The <guidelines> change.")
    shown = " ".join(strip_tags(client.get("/").content.decode()).split())
    assert "Paused just now: The &lt;guidelines&gt; change." in shown
