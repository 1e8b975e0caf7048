"""Cohorts by API and by page: what each says and does, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from labeling.data.bulk import bulk_jobs, cohorts
from labeling.data.revising import tags
from labeling.forms.queue.cohorts import MOST_BOXES, sentences
from labeling.models import Cohort, Membership, Project, User
from labeling.queue import claims
from tests import factories
from tests.labeling.api.client import as_user, errors_of

pytestmark = pytest.mark.django_db
BASE = "/api/v1/projects/work/"


@pytest.fixture
def project() -> Project:
    project = factories.make_project(slug="work", manager=factories.make_user("mara"))
    for n in range(4):
        prompt = factories.make_prompt(project, external_id=f"row-{n}")
        if n % 2:
            tags.change(project, [prompt.pk], add="de")
    factories.join(project, username="ada")
    return project


@pytest.fixture
def client(project: Project) -> APIClient:
    return as_user(project.created_by)


@pytest.fixture
def page(project: Project) -> Client:
    client = Client()
    assert project.created_by is not None
    client.force_login(project.created_by)
    return client


SAID: dict[str, Any] = {"name": "German", "tags": ["de"], "people": ["ada"]}


class TestByApi:
    def test_it_is_made_read_changed_and_deleted(self, project: Project, client: APIClient) -> None:
        foreseen = client.post(f"{BASE}cohorts/?dry_run=true", SAID).json()
        assert foreseen == {
            "prompts": 2, "waiting": 2, "comes": 2, "comes_waiting": 2, "goes": 0, "goes_waiting": 0, "is_all": True,
            "people": 1, "too_few": False, "come": ["ada"], "leave": [],
        }  # fmt: skip
        assert client.get(f"{BASE}cohorts/").json()["results"] == []
        made = client.post(f"{BASE}cohorts/", SAID)
        assert made.status_code == 201
        one = f"{BASE}cohorts/{made.json()['id']}/"
        assert client.get(one).json() == made.json()
        assert {name: made.json()[name] for name in SAID} == SAID
        rows = client.get(f"{BASE}prompts/?cohort=German").json()["results"]
        assert [(row["id"], row["cohort"]) for row in rows] == [("row-1", "German"), ("row-3", "German")]
        assert [row["id"] for row in client.get(f"{BASE}prompts/?cohort=-").json()["results"]] == ["row-0", "row-2"]
        assert client.get(f"{BASE}prompts/row-0/").json()["cohort"] is None

        changed = client.patch(one, {"people": [], "revision": 1})
        assert (changed.status_code, changed.json()["people"], changed.json()["tags"]) == (200, [], ["de"])
        again = client.patch(one, {"people": ["ada"], "revision": 1})
        assert (again.status_code, errors_of(again)) == (412, [("cohort_changed", "revision")])
        assert client.patch(f"{one}?dry_run=true", {"tags": []}).json()["goes"] == 2
        assert client.delete(f"{one}?dry_run=true").json()["goes"] == 2
        assert Cohort.objects.count() == 1
        assert (client.delete(one).status_code, client.delete(one).status_code) == (204, 404)
        assert not project.prompts.exclude(cohort=None).exists()

    def test_what_is_wrong_is_named(self, client: APIClient) -> None:
        client.post(f"{BASE}cohorts/", SAID)
        for body, status, error in (
            (SAID, 409, ("cohort_exists", "name")),
            ({"name": "x", "people": ["zoe"]}, 400, ("not_a_member", "people")),
            ({"name": "x", "tags": [" "]}, 400, ("blank", "tags.0")),
            ({"name": "-"}, 400, ("bad_name", "name")),
            ({}, 400, ("required", "name")),
        ):
            answer = client.post(f"{BASE}cohorts/", body)
            assert (answer.status_code, errors_of(answer)) == (status, [error])
        answer = client.get(f"{BASE}prompts/?cohort=French")
        assert (answer.status_code, errors_of(answer)) == (400, [("unknown_cohort", "cohort")])
        answer = client.post(f"{BASE}bulk-acts/", {"act": "cohort", "cohort": "French", "all": True})
        assert (answer.status_code, errors_of(answer)) == (400, [("unknown_cohort", "cohort")])
        answer = client.post(f"{BASE}bulk-acts/", {"act": "rules", "all": True})
        assert (answer.status_code, errors_of(answer)) == (400, [("invalid_choice", "act")])

    def test_prompts_are_put_into_it_by_hand(self, project: Project, client: APIClient) -> None:
        client.post(f"{BASE}cohorts/", {"name": "German"})
        done = client.post(f"{BASE}bulk-acts/?split=train", {"act": "cohort", "cohort": "German"}).json()
        assert (done["state"], done["value"]) == ("succeeded", "German")
        assert done["changed"] == project.prompts.filter(cohort__name="German").count()
        everything = client.post(f"{BASE}bulk-acts/", {"act": "cohort", "cohort": "-", "all": True}).json()
        assert everything["state"] == "succeeded"
        assert not project.prompts.exclude(cohort=None).exists()

    def test_who_is_in_none_is_told_why_there_is_nothing(self, project: Project, client: APIClient) -> None:
        bob = factories.join(project, username="bob")
        client.post(f"{BASE}cohorts/", SAID)
        for _ in range(2):
            factories.rank(project, bob)
        answer = as_user(bob).post(f"{BASE}assignments/next/")
        assert (answer.status_code, answer["X-Queue-Reason"]) == (204, "not_for_you")
        page = Client()
        page.force_login(bob)
        assert b"2 prompts wait for people of cohorts that you are not in." in page.get("/p/work/rank/").content

    def test_a_list_of_many_costs_what_a_list_of_few_does(self, project: Project, client: APIClient) -> None:
        def statements() -> int:
            with CaptureQueriesContext(connection) as asked:
                client.get(f"{BASE}cohorts/")
            return len(asked)

        client.post(f"{BASE}cohorts/", SAID)
        few = statements()
        for n in range(10):
            cohorts.save(project, {"name": f"c{n}", "people": ["ada", "mara"]}, by=None)
        assert statements() == few


class TestByPage:
    def test_what_it_does_is_said_first_and_confirmed(self, project: Project, page: Client) -> None:
        said = {"name": "German", "tags": "de, at", "people": ["ada"]}
        shown = page.post("/p/work/cohorts/new/", said)
        assert shown.context["sentences"] == [
            "2 prompts come into it, and 2 wait: its people alone get them.",
            "Comes into it: ada.",
        ]
        assert not Cohort.objects.exists()
        form = shown.context["form"]
        saved = page.post("/p/work/cohorts/new/", {**said, "confirmed": form.confirmation}, follow=True)
        assert saved.redirect_chain == [("/p/work/cohorts/", 302)]
        cohort = Cohort.objects.get()
        assert cohort.tags == ["at", "de"]
        one = f"/p/work/cohorts/{cohort.pk}/"
        other = page.post(one, {**said, "tags": "x", "revision": 1, "confirmed": form.confirmation})
        assert other.context["foreseen"].goes == 2, "another change is asked about anew"
        stale = page.post(one, {**said, "name": "Austrian", "revision": 7})
        assert "Somebody changed the cohort German meanwhile" in stale.content.decode()
        assert page.post(one, {**said, "name": "Austrian", "revision": 1}).status_code == 302, "a name does nothing"
        assert b"2 prompts leave it" in page.get(f"{one}delete/").content
        assert page.post(f"{one}delete/").status_code == 302
        assert page.post(f"{one}delete/").status_code == 404
        assert not Cohort.objects.exists()

    def test_of_very_many_prompts_it_leads_to_how_far_it_is(
        self, page: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk_jobs, "AT_ONCE", 1)
        said = {"name": "German", "tags": "de"}
        form = page.post("/p/work/cohorts/new/", said).context["form"]
        saved = page.post("/p/work/cohorts/new/", {**said, "confirmed": form.confirmation})
        assert saved["Location"] == "/p/work/prompts/bulk/1/"
        assert b"being brought into their cohorts" in page.get("/p/work/cohorts/").content

    def test_of_very_many_people_their_names_are_written(self, project: Project, page: Client) -> None:
        users = User.objects.bulk_create(User(username=f"p{n}") for n in range(MOST_BOXES))
        Membership.objects.bulk_create(Membership(project=project, user=user, role="labeler") for user in users)
        said = {"name": "German", "people": "ada\np1\n"}
        assert page.post("/p/work/cohorts/new/", said).status_code == 302
        cohort = Cohort.objects.get()
        assert cohort.people.count() == 2
        assert b"ada\np1</textarea>" in page.get(f"/p/work/cohorts/{cohort.pk}/").content
        assert (
            b"&#x27;zoe&#x27; is not in this project"
            in page.post("/p/work/cohorts/new/", {"name": "x", "people": "zoe"}).content
        )

    def test_a_bad_tag_is_shown_and_nothing_is_saved(self, page: Client) -> None:
        answer = page.post("/p/work/cohorts/new/", {"name": "x", "tags": "a" * 51})
        assert answer.status_code == 422
        assert b"A tag has 1 to 50 letters" in answer.content
        assert not Cohort.objects.exists()


def test_a_cohort_that_asks_for_more_people_than_it_has_says_so(project: Project) -> None:
    from labeling.data.bulk import cohort_changes

    project.prompts.update(overlap=2)
    assert sentences(cohort_changes.foresee(project, SAID))[-1] == (
        "1 person of it can log in, and some prompts ask for more: these wait for others to come."
    )
    assert claims.claim(project, project.memberships.get(user__username="ada").user) is not None
