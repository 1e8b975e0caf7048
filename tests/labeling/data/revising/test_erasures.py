"""A prompt's texts erased for good: nothing of them is left in the tables, and it never comes back."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from labeling.answers import rankings
from labeling.data.revising import erasures, revisions
from labeling.data.versions import datasets
from labeling.data.withdrawing import withdrawals
from labeling.data.withdrawing.choices import Choice
from labeling.errors import Conflict, Invalid
from labeling.models import Project, Prompt, PromptErasure, Ranking, Role, User
from labeling.projects import counters
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank, tiers_of
from tests.labeling.api.client import as_user
from tests.session.older import older, upgrade

pytestmark = pytest.mark.django_db

SECRET = "Erika Mustermann"
ADDRESS = "/api/v1/projects/helpful/prompts/p0/"


@pytest.fixture
def project() -> Project:
    return make_project(manager=make_user("manager"), slug="helpful", overlap=2)


@pytest.fixture
def prompt(project: Project) -> Prompt:
    texts = [f"{SECRET} says {letter}" for letter in "abc"]
    return make_prompt(project, external_id="p0", question=f"Who is {SECRET}?", texts=texts)


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


def tables_with(words: str) -> set[str]:
    """Every table in which some row says it."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{words}%"])
            if cursor.fetchone()[0]:
                found.add(table)
    return found


def erase(prompt: Prompt) -> PromptErasure:
    return erasures.erase(prompt.project, prompt, confirm=prompt.external_id, by=prompt.project.created_by)


def test_nothing_of_its_texts_is_left_in_any_table(project: Project, prompt: Prompt, labeler: User) -> None:
    Prompt.objects.filter(pk=prompt.pk).update(metadata={"from": SECRET}, held_reason=SECRET)
    task = claimed(project, labeler)
    [first], *_ = tiers_of(task)
    said = {"tiers": tiers_of(task), "comment": f"by {SECRET}", "notes": {first: f"not {SECRET}"}}
    rankings.submit(task, said)
    asked = [{"role": "user", "content": f"And who is {SECRET}?"}]
    revisions.revise(project, prompt, base=1, by=None, messages=asked)
    held = claimed(project, labeler)
    type(held).objects.filter(pk=held.pk).update(draft={"comment": SECRET}, skip_reason=SECRET)
    assert len(tables_with(SECRET)) == 6
    erase(prompt)
    assert tables_with(SECRET) == set()
    assert counters.differences(project) == []


def test_it_is_withdrawn_for_good(project: Project, prompt: Prompt, labeler: User) -> None:
    rank(project, labeler)
    erasure = erase(prompt)
    prompt.refresh_from_db()
    assert prompt.withdrawn_at is not None
    assert not Ranking.objects.filter(live=True).exists()
    assert withdrawals.restore(project, ["p0"], dry_run=True).prompts == 0
    assert withdrawals.restore(project, ["p0"]).prompts == 0
    assert withdrawals.restore(project, Choice(state="withdrawn")).prompts == 0
    with pytest.raises(Conflict, match="were erased"):
        revisions.revise(project, prompt, base=1, by=None, texts={"a": "again"})
    assert erase(prompt).pk == erasure.pk  # twice is harmless


def test_frozen_versions_stay_and_are_named(project: Project, prompt: Prompt, labeler: User) -> None:
    rank(project, labeler)
    version = datasets.freeze(project)
    frozen = datasets.path_of(version).read_bytes()
    assert erase(prompt).versions == [version.number]
    assert datasets.path_of(version).read_bytes() == frozen
    client = Client()
    client.force_login(User.objects.get(username="manager"))
    page = client.get(f"/p/helpful/versions/{version.number}/").content.decode()
    assert "The texts of 1 of its prompts were erased" in page
    assert "erased for good" in client.get(f"/p/helpful/prompts/{prompt.pk}/").content.decode()


def test_its_id_is_to_be_typed(prompt: Prompt) -> None:
    for typed in ("", "p", "p1", "x" * 100_000):
        with pytest.raises(Invalid, match="write its id, “p0”"):
            erasures.erase(prompt.project, prompt, confirm=typed, by=None)
    assert not PromptErasure.objects.exists()


def test_the_api_erases_for_managers_alone(project: Project, prompt: Prompt) -> None:
    manager = as_user(User.objects.get(username="manager"))
    assert manager.delete(ADDRESS).status_code == 400
    people = {
        "reviewer": join(project, Role.REVIEWER),
        "labeler": join(project),
        "stranger": make_user(),
        "nobody": None,
    }
    seen = {who: as_user(person).delete(f"{ADDRESS}?confirm=p0").status_code for who, person in people.items()}
    assert seen == {"reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401}
    erased = manager.delete(f"{ADDRESS}?confirm=p0")
    assert (erased.status_code, erased.json()["versions"], erased.json()["erased_by"]) == (200, [], "manager")
    assert manager.get(ADDRESS).json()["completions"][0]["text"] == ""
    assert manager.delete("/api/v1/projects/helpful/prompts/p1/?confirm=p1").status_code == 404


def test_the_command_erases(project: Project, prompt: Prompt, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (("elsewhere", "p0"), "no project 'elsewhere'"),
        (("helpful", "p1"), "no prompt 'p1'"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("erase_prompt", *arguments, "--confirm", "p0")
    with pytest.raises(CommandError, match="write its id"):
        call_command("erase_prompt", "helpful", "p0", "--confirm", "no")
    call_command("erase_prompt", "helpful", "p0", "--confirm", "p0")
    assert "The texts of p0 are erased." in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_an_older_database_forgets_the_checksums_of_what_was_erased(
    project: Project, prompt: Prompt, labeler: User
) -> None:
    other = make_prompt(project, external_id="p1")
    rank(project, labeler)
    with older([("labeling", "0034_rankings_of_their_project")]) as executor:
        PromptErasure.objects.create(prompt=prompt)
        upgrade(executor)
        after, digest = Prompt.objects.get(pk=prompt.pk), Ranking.objects.get(prompt=prompt).payload_sha256
        assert after.content_sha256 != prompt.content_sha256
        assert (len(after.content_sha256), after.split, digest) == (64, prompt.split, erasures.NO_DIGEST)
        assert Prompt.objects.get(pk=other.pk).content_sha256 == other.content_sha256
