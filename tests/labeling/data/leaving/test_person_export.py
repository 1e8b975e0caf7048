"""A person's own data: all of it, nothing of others, in a zip that is made while it is sent."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessLog
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from labeling.answers import rankings, saved_views
from labeling.data.leaving import person_export
from labeling.models import Assignment, Cohort, Project, Role, User
from labeling.people import invitations
from labeling.queue import claims
from tests.factories import (
    claimed,
    ids_of,
    join,
    make_import,
    make_project,
    make_prompt,
    make_user,
    rank,
    rank_next,
    tiers_of,
)
from tests.labeling.api.client import bytes_of
from tests.labeling.queue.test_cohorts import make_cohort
from tests.labeling.views.test_doors import as_user as at_desk

pytestmark = pytest.mark.django_db
OWN = {
    "comment": "Own-comment",
    "note": "Own-note",
    "skip": "Own-skip",
    "draft": "Own-draft",
    "view": "Own-view",
    "mail": "own@mail.org",
}


@pytest.fixture
def project() -> Project:
    project = make_project(slug="helpful", overlap=3)
    for number in range(4):
        make_prompt(project, external_id=f"secret-file-{number}", split="train")
    return project


@pytest.fixture
def lena(project: Project) -> User:
    """Who did everything, beside somebody who did so too."""
    for name, said in (("otto", "Other"), ("lena", "Own")):
        person = join(project, username=name)
        task = claimed(project, person)
        [first], *_ = tiers_of(task)
        answer = {"tiers": tiers_of(task), "comment": f"{said}-comment", "notes": {first: f"{said}-note"}}
        rankings.submit(task, answer)
        rankings.amend(task, {**answer, "comment": f"{said}-comment again"})
        claims.skip(claimed(project, person), f"{said}-skip")
        claims.save_draft(claimed(project, person), {"comment": f"{said}-draft"}, base=None)
        AuthToken.objects.create(person)
        AccessLog.objects.create(username=name, ip_address="10.0.0.7", user_agent=f"{said}-browser", path_info="/")
        User.objects.filter(pk=person.pk).update(email=f"{said.lower()}@mail.org")
    invitations.invite(project, by=person, role=Role.LABELER, note="for Other-guest")
    for owner in (project.created_by, person):
        name = "Own-view" if owner == person else "Other-view"
        saved_views.save(project, owner, "rankings", name=name, filters={"labeler": "otto"})  # type: ignore[arg-type]
    make_import(project, "{bad\n")
    return User.objects.get(username="lena")


def contents(data: bytes) -> dict[str, list[dict[str, Any]]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: [json.loads(line) for line in archive.read(name).splitlines()] for name in archive.namelist()}


def test_it_has_all_of_the_person_and_nothing_of_others(project: Project, lena: User) -> None:
    found = contents(b"".join(person_export.stream(lena)))
    said = json.dumps(found)
    assert all(words in said for words in OWN.values())
    for strange in ("Other", "otto", "secret", "Answer a", "manager-of"):
        assert strange not in said, strange
    assert [(row["revision"], row["stands"]) for row in found["rankings.jsonl"]] == [(1, False), (2, True)]
    assert found["account.jsonl"][0]["username"] == "lena"
    assert found["memberships.jsonl"][0]["role"] == "labeler"
    assert [row["state"] for row in found["tasks.jsonl"]] == ["ranked", "skipped", "claimed"]
    assert [len(found[f"{name}.jsonl"]) for name in ("tokens", "logins", "invitations")] == [1, 1, 1]
    assert AuthToken.objects.get(user=lena).digest not in said


def test_a_membership_names_the_cohorts_that_the_person_is_in(project: Project, lena: User) -> None:
    """Those of this project and of no other person, and none that was deleted."""
    otto, elsewhere = User.objects.get(username="otto"), make_project(slug="elsewhere")
    join(elsewhere, username="ada")
    make_cohort(project, lena, otto, name="German")
    make_cohort(project, otto, name="For others")
    make_cohort(project, lena, name="Chemistry")
    Cohort.objects.filter(pk=make_cohort(project, lena, name="Gone").pk).update(deleted_at=timezone.now())
    found = contents(b"".join(person_export.stream(lena)))["memberships.jsonl"]
    assert [(row["project"], row["cohorts"]) for row in found] == [("helpful", ["German", "Chemistry"])]
    said = contents(b"".join(person_export.stream(User.objects.get(username="ada"))))["memberships.jsonl"]
    assert [row["cohorts"] for row in said] == [[]]


def test_completions_have_the_ids_that_the_person_saw_in_no_other_order(project: Project, lena: User) -> None:
    task = Assignment.objects.filter(labeler=lena, state="ranked").get()
    row = contents(b"".join(person_export.stream(lena)))["rankings.jsonl"][0]
    assert [said["id"] for said in row["completions"]] == sorted(ids_of(task))


def test_it_is_the_persons_own_and_an_administrators(project: Project, lena: User) -> None:
    root = make_user("root", superuser=True)
    manager = project.memberships.get(role=Role.MANAGER).user
    mine = at_desk(lena).get("/preferences/data/")
    assert mine["Content-Disposition"] == f'attachment; filename="podium-account-{lena.pk}.zip"'
    assert contents(bytes_of(mine))["account.jsonl"][0]["email"] == "own@mail.org"
    url = f"/people/{lena.pk}/data/"
    statuses = {user.username: at_desk(user).get(url).status_code for user in (lena, manager, root)}
    assert statuses == {"lena": 404, manager.username: 404, "root": 200}
    for address in ("/preferences/data/", url):
        assert Client().get(address)["Location"].startswith("/accounts/login/")
        assert at_desk(root).post(address).status_code == 405
    assert b"/preferences/data/" in at_desk(lena).get("/preferences/").content
    assert url.encode() in at_desk(root).get(f"/people/{lena.pk}/").content


def test_the_command_writes_the_same_or_nothing(lena: User, tmp_path: Path) -> None:
    target = tmp_path / "lena.zip"
    call_command("export_person", "lena", str(target))
    assert target.read_bytes() == b"".join(person_export.stream(lena))
    assert list(tmp_path.iterdir()) == [target]
    for arguments in (("nobody", str(target)), ("lena", str(tmp_path / "no" / "where.zip"))):
        with pytest.raises(CommandError, match=r"no account|Can't write"):
            call_command("export_person", *arguments)


def test_ten_times_as_much_costs_no_statement_and_no_memory_more(
    project: Project, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is what is held; more of them cost three statements each."""
    lena = join(project, username="lena")
    for number in range(40):
        make_prompt(project, external_id=f"more{number}")
    rank(project, lena)
    rank_next(project, lena, 40)
    with django_assert_max_num_queries(23):
        list(person_export.stream(lena))
    monkeypatch.setattr(person_export, "ROWS_AT_ONCE", 10)
    with django_assert_max_num_queries(23 + 16):
        rows = contents(b"".join(person_export.stream(lena)))["rankings.jsonl"]
    assert len({row["task"] for row in rows}) == 41
