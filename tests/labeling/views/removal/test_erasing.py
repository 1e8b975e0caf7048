"""The page on which a manager erases a prompt's texts: what goes and what stays is said first, its id is typed."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.data.revising import erasures, revisions
from labeling.data.versions import datasets
from labeling.models import Project, Prompt, PromptErasure, Role, User
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank, tiers_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> User:
    return make_user("mara")


@pytest.fixture
def project(manager: User) -> Project:
    return make_project(manager=manager, slug="helpful", overlap=20)


@pytest.fixture
def prompt(project: Project) -> Prompt:
    return make_prompt(project, external_id="p 0", question="Who is Erika?", texts=["Erika is a", "Erika is b", "c"])


def as_user(user: User | None) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    return client


def address(prompt: Prompt, verb: str = "erase/") -> str:
    return f"/p/helpful/prompts/{prompt.pk}/{verb}"


def test_it_says_what_goes_and_what_stays(project: Project, manager: User, prompt: Prompt) -> None:
    rank(project, join(project))
    datasets.freeze(project)
    revisions.revise(project, prompt, base=1, by=manager, texts={"a": "Erika is A"})
    task = claimed(project, join(project))
    [first], *_ = tiers_of(task)
    rankings.submit(task, {"tiers": tiers_of(task), "comment": "so", "notes": {first: "not so"}})
    held = claimed(project, join(project))
    type(held).objects.filter(pk=held.pk).update(draft={"comment": "perhaps"})
    page = as_user(manager).get(address(prompt)).content.decode()
    words = " ".join(page.split())
    for said in (
        "the texts of 3 completions",
        "1 earlier revision",
        "1 ranking: it ends",
        "3 pairs",
        "2 comments and notes",
        "1 draft",
        "Version 1",
        "go only with the whole project",
        "Write <strong>p 0</strong>",
    ):
        assert said in words
    assert "Erase its texts" in as_user(manager).get(address(prompt, "")).content.decode()


def test_a_prompt_that_nobody_ranked_has_less_to_say(manager: User, prompt: Prompt) -> None:
    page = as_user(manager).get(address(prompt)).content.decode()
    assert "nobody had ranked it" in page
    for absent in ("earlier revision", "ranking:", "pair", "comment", "draft", "Version"):
        assert absent not in page.partition('id="goes"')[2].partition("<form")[0], absent


def test_its_id_is_typed_and_its_page_says_who_did_it(manager: User, prompt: Prompt) -> None:
    client = as_user(manager)
    for typed in ("", " ", "p0", "P 0", "x" * 300):
        refused = client.post(address(prompt), {"confirm": typed})
        assert refused.status_code == 422, typed
    assert not PromptErasure.objects.exists()
    done = client.post(address(prompt), {"confirm": "  p  0 "}, follow=True).content.decode()
    assert "The texts of prompt p 0 are erased." in done
    words = " ".join(done.split())
    assert "Its texts were erased for good." in words
    assert "By mara," in words
    for absent in ("Erika", "Correct the texts", "Put back", address(prompt)):
        assert absent not in words
    listed = client.get("/p/helpful/prompts/").content.decode()
    assert "Texts erased" in listed
    assert ">erased<" in listed


def test_twice_is_once(manager: User, prompt: Prompt) -> None:
    client = as_user(manager)
    for _ in range(2):
        assert client.post(address(prompt), {"confirm": "p 0"})["Location"] == address(prompt, "")
    assert client.get(address(prompt))["Location"] == address(prompt, "")
    assert client.get(address(prompt, "correct/"))["Location"] == address(prompt, "")
    assert PromptErasure.objects.count() == 1


def test_it_is_for_managers_of_its_project(project: Project, manager: User, prompt: Prompt) -> None:
    people = {
        "reviewer": join(project, Role.REVIEWER), "labeler": join(project), "stranger": make_user(), "nobody": None,
    }  # fmt: skip
    for ask in (Client.get, Client.post):
        seen = {who: ask(as_user(person), address(prompt)).status_code for who, person in people.items()}
        assert seen == {"reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 302}
    make_project(manager=manager, slug="other")
    assert as_user(manager).get(f"/p/other/prompts/{prompt.pk}/erase/").status_code == 404
    assert as_user(manager).get("/p/helpful/prompts/99999999999999999999/erase/").status_code == 404
    erasures.erase(project, prompt, confirm="p 0", by=None)
    page = as_user(people["reviewer"]).get(address(prompt, "")).content.decode()
    assert "By a command of the server," in page


def test_it_costs_the_same_however_much_there_is(project: Project, manager: User, prompt: Prompt) -> None:
    client = as_user(manager)

    def cost() -> int:
        with CaptureQueriesContext(connection) as statements:
            assert client.get(address(prompt)).status_code == 200
        return len(statements)

    rank(project, join(project))
    few = cost()
    for n in range(5):
        rank(project, join(project))
        revisions.revise(project, prompt, base=n + 1, by=manager, texts={"a": f"text {n}"})
    assert cost() == few
