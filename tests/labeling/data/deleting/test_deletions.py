"""A project deleted whole: all that is its own goes, nothing else does, and it may be killed on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from artifacts import store
from jobs import shutdown
from labeling.answers import rankings
from labeling.answers.search import texts
from labeling.data.deleting import contents, deletion_worker, deletions, rows
from labeling.data.importing.imports import import_lines
from labeling.data.versions import datasets, links
from labeling.errors import Conflict, Invalid
from labeling.models import (
    Assignment,
    DatasetVersion,
    Import,
    Project,
    ProjectDeletion,
    Prompt,
    User,
    VersionLink,
)
from labeling.models.project_lock import lock_project
from rewardtrain.models import Evaluation, TrainingRun
from rewardtrain.training import due
from tests.factories import claimed, join, make_import, make_project, make_prompt, make_user, rank, tiers_of
from tests.labeling.api.client import as_user, row
from tests.rewardtrain.conftest import make_run, models_in
from tests.shown_rows import furnish

pytestmark = pytest.mark.django_db

# What people and requests leave, and the record of deletions.
OF_THE_SITE = (
    "labeling_user", "labeling_user_groups", "labeling_projectdeletion", "labeling_personerasure", "labeling_attempts",
    "django_session", "django_migrations", "django_content_type", "auth_permission",
)  # fmt: skip


@pytest.fixture(autouse=True)
def root(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path / "models"


@pytest.fixture
def manager() -> User:
    return make_user("manager")


@pytest.fixture
def project(manager: User) -> Project:
    return make_project(manager=manager, slug="helpful", overlap=3)


def all_rows() -> dict[str, list[Any]]:
    """Every row of every table, as text, when the sweep has read what is new."""
    texts.read()
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in OF_THE_SITE:
                cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
                found[table] = [text for (text,) in cursor.fetchall()]
    return found


def all_files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def delete(project: Project, by: User | None = None) -> ProjectDeletion:
    deletion = deletions.request_deletion(project, by=by)
    deletion_worker.work(deletion.pk)
    deletion.refresh_from_db()
    return deletion


@pytest.mark.parametrize("kind", Project.Kind)
def test_the_site_is_afterwards_as_if_the_project_had_never_been(kind: Project.Kind, root: Path) -> None:
    furnish(3, kind)
    before, files, others = all_rows(), all_files(root), list(Project.objects.values_list("pk", flat=True))
    other = furnish(4, kind)
    came = {table for table, there in all_rows().items() if there != before[table]}
    assert len(came) > 20
    assert all_files(root) != files
    for project in Project.objects.exclude(pk__in=others):
        _end_jobs(project)
        deletion = delete(project, other.people["manager"])
        assert deletion.state == "succeeded", deletion.error
    assert all_rows() == before
    assert all_files(root) == files


def _end_jobs(project: Project) -> None:
    for kind in deletions._jobs():
        kind._default_manager.filter(project=project.pk, state="running").update(state="cancelled")


def test_every_table_that_leads_to_a_project_is_found() -> None:
    found = {model for model, _column in rows.belongings(Project)}
    todo = list(found)
    while todo:
        fresh = {model for model, _column in rows.belongings(todo.pop())} - found
        found |= fresh
        todo += fresh
    by_the_database = {
        "labeling_counter",
        "labeling_labelercounter",
    }  # a rule of theirs deletes them with their project
    with connection.cursor() as cursor:
        cursor.execute(_LEADING)
        leading = {table for (table,) in cursor.fetchall()}
    assert {model._meta.db_table for model in found} == leading - by_the_database - {"labeling_projectdeletion"}


_LEADING = """
WITH RECURSIVE those AS (
    SELECT 'labeling_project'::regclass::oid AS found
    UNION SELECT conrelid FROM pg_constraint JOIN those ON confrelid = found WHERE contype = 'f'
) SELECT found::regclass::text FROM those WHERE found <> 'labeling_project'::regclass
"""


def test_it_is_hidden_at_once_and_its_address_is_free(project: Project, manager: User) -> None:
    for _ in range(2):
        make_prompt(project)
    labeler = join(project)
    rank(project, labeler)
    task = claimed(project, labeler)
    version = datasets.freeze(project)
    link = links.make(version, by=manager, seconds=3600)
    deletion = deletions.request_deletion(project, by=manager)
    assert deletion.counts == {
        "prompts": 2, "rankings": 1, "members": 2, "imports": 0, "versions": 1, "runs": 0, "models": 0,
    }  # fmt: skip
    for user in (manager, labeler, make_user(superuser=True)):
        assert as_user(user).get("/api/v1/projects/").json()["results"] == []
        assert as_user(user).get("/api/v1/projects/helpful/").status_code == 404
    body = {"tiers": tiers_of(task)}
    assert as_user(labeler).post(f"/api/v1/assignments/{task.pk}/ranking/", body).status_code == 404
    assert not VersionLink.objects.filter(pk=link.pk).exists()
    again = make_project(manager=manager, slug="helpful")
    deletion_worker.work(deletion.pk)
    assert list(Project.objects.all()) == [again]


def test_the_record_says_who_what_and_when_and_stays(project: Project, manager: User) -> None:
    make_prompt(project)
    deletion = delete(project, manager)
    assert (deletion.slug, deletion.name, deletion.requested_by) == ("helpful", "Helpful", manager)
    assert (deletion.state, deletion.project, deletion.done) == ("succeeded", None, 1)
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        deletion.delete()


def test_what_never_changes_stays_until_its_project_is_being_deleted(project: Project) -> None:
    shown = furnish(2, "ranking")
    evaluation, version = Evaluation.objects.earliest("pk"), DatasetVersion.objects.earliest("pk")
    for kept in (evaluation, version):
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            type(kept).objects.filter(pk=kept.pk)._raw_delete("default")
    deletions.request_deletion(project, by=None)  # of another one
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Evaluation.objects.filter(pk=evaluation.pk)._raw_delete("default")
    deletions.request_deletion(shown.project, by=None)
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        DatasetVersion.objects.filter(pk=version.pk).update(n_pairs=1)
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Project.objects.filter(pk=shown.project.pk).update(deleted_at=None)


def test_twice_is_once(project: Project, manager: User) -> None:
    stale = Project.objects.get(pk=project.pk)
    deletions.request_deletion(project, by=manager)
    with pytest.raises(Conflict, match="is being deleted"):
        deletions.request_deletion(stale, by=manager)
    deletion = ProjectDeletion.objects.get()
    deletion_worker.work(deletion.pk)
    deletion_worker.work(deletion.pk)
    assert ProjectDeletion.objects.get().state == "succeeded"


def test_told_to_stop_half_way_it_goes_on_later(
    project: Project, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PROMPTS_AT_ONCE", 2)
    for _ in range(5):
        make_prompt(project)
    rank(project, join(project))
    deletion = deletions.request_deletion(project, by=manager)
    try:
        deletion_worker.work(deletion.pk, lambda _job: shutdown.requested.set())
    finally:
        shutdown.requested.clear()
    deletion.refresh_from_db()
    assert (deletion.state, deletion.done, Prompt.objects.count()) == ("queued", 2, 3)
    deletion_worker.work(deletion.pk)
    deletion.refresh_from_db()
    assert (deletion.state, deletion.done, Prompt.objects.count()) == ("succeeded", 5, 0)


def test_killed_after_its_rows_it_deletes_the_files_later(
    project: Project, manager: User, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_prompt(project)
    rank(project, join(project))
    datasets.freeze(project)
    deletion = deletions.request_deletion(project, by=manager)
    with monkeypatch.context() as broken:
        broken.setattr(store, "root", lambda: root / "\0")
        with pytest.raises(ValueError, match="null"):
            deletion_worker.work(deletion.pk)
    deletion.refresh_from_db()
    assert (deletion.state, deletion.project) == ("queued", None)
    assert all_files(root)
    deletion_worker.work(deletion.pk)
    assert not all_files(root)


def test_it_waits_for_what_is_at_work_and_asks_it_to_end(project: Project, manager: User) -> None:
    make_prompt(project)
    rank(project, join(project))
    make_import(project, "", work=False)
    running = make_run(project, state="running")
    deletion = delete(project, manager)
    running.refresh_from_db()
    assert running.cancel_requested
    assert Import.objects.get().state == "cancelled"
    assert (deletion.state, deletion.attempts) == ("queued", 0)
    assert "still at work" in deletion.error
    TrainingRun.objects.update(state="cancelled")
    deletion_worker.work_all()
    deletion.refresh_from_db()
    assert (deletion.state, deletion.error) == ("succeeded", "")


def test_nothing_new_begins_in_it(project: Project, manager: User) -> None:
    stale = Project.objects.get(pk=project.pk)
    deletions.request_deletion(project, by=manager)
    report = import_lines(stale, [json.dumps(row(id="late")).encode()])
    assert "is being deleted" in report.why_stopped
    with pytest.raises(Conflict, match="is being deleted"), transaction.atomic():
        lock_project(stale)
    assert due.due(stale) == []


def test_what_came_late_goes_too(project: Project, manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that had begun before stores its prompt when all others are gone already."""
    make_prompt(project)
    came: list[Prompt] = []
    whole = rows._delete_itself

    def late(project_key: int) -> None:
        if not came:
            came.append(make_prompt(project))
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        whole(project_key)

    monkeypatch.setattr(rows, "_delete_itself", late)
    assert delete(project, manager).state == "succeeded"
    assert not Project.objects.exists()


def test_a_batch_costs_the_same_however_much_there_is(project: Project, manager: User) -> None:
    def cost(n: int) -> int:
        each = make_project(manager=manager, overlap=2)
        for _ in range(n):
            make_prompt(each)
        labeler = join(each)
        for _ in range(n):
            rank(each, labeler)
        deletion = deletions.request_deletion(each, by=manager)
        with CaptureQueriesContext(
            connection,
        ) as statements:
            deletion_worker.work(deletion.pk)
        return len(statements)

    assert cost(2) == cost(12)


def test_asking_for_it_costs_the_same_however_much_there_is(manager: User) -> None:
    def cost(n: int) -> int:
        project = furnish(n, "ranking").project
        with CaptureQueriesContext(connection) as statements:
            deletions.request_deletion(project, by=manager)
        return len(statements)

    assert cost(2) == cost(4)


def test_a_revised_and_withdrawn_ranking_goes_too(project: Project, manager: User) -> None:
    make_prompt(project)
    task = rank(project, join(project)).assignment
    rankings.amend(task, {"tiers": tiers_of(task, (4, 3, 2, 1))})
    rankings.withdraw(task)
    assert delete(project, manager).state == "succeeded"
    assert not Assignment.objects.exists()


# --- Doors ------------------------------------------------------------------------------------------------------------


def test_the_page_lists_what_goes_and_wants_the_name(project: Project, manager: User) -> None:
    make_prompt(project)
    client = Client()
    client.force_login(manager)
    page = client.get("/p/helpful/delete/").content.decode()
    assert "1 prompt<" in page
    assert "1 member<" in page
    refused = client.post("/p/helpful/delete/", {"confirm": "helpful"})
    assert refused.status_code == 422
    assert "write “Helpful”" in refused.content.decode()
    assert Project.objects.get().deleted_at is None
    done = client.post("/p/helpful/delete/", {"confirm": "Helpful"}, follow=True)
    assert "Being deleted: 0 of 1 prompts" in done.content.decode()
    assert client.get("/p/helpful/delete/").status_code == 404
    assert "Deleted projects" in client.get("/").content.decode()


def test_the_api_wants_the_slug_and_lists_deletions(project: Project, manager: User) -> None:
    api = as_user(manager)
    refused = api.delete("/api/v1/projects/helpful/")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "confirm")
    assert api.delete("/api/v1/projects/helpful/?confirm=Helpful").status_code == 400
    taken = api.delete("/api/v1/projects/helpful/?confirm=helpful")
    assert (taken.status_code, taken.json()["state"], taken.json()["requested_by"]) == (202, "queued", "manager")
    assert api.delete("/api/v1/projects/helpful/?confirm=helpful").status_code == 404
    deletion_worker.work_all()
    [listed] = api.get("/api/v1/deletions/").json()["results"]
    assert (listed["slug"], listed["state"]) == ("helpful", "succeeded")
    assert as_user(make_user()).get("/api/v1/deletions/").json()["results"] == []
    assert len(as_user(make_user(superuser=True)).get("/api/v1/deletions/").json()["results"]) == 1


def test_the_command_says_what_goes_and_wants_the_name(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    make_prompt(project)
    with pytest.raises(CommandError, match="add --confirm 'Helpful'"):
        call_command("delete_project", "helpful")
    assert "1 prompt\n" in capsys.readouterr().out
    with pytest.raises(CommandError, match="this was “no”"):
        call_command("delete_project", "helpful", "--confirm", "no")
    call_command("delete_project", "helpful", "--confirm", "Helpful")
    assert "Helpful is deleted." in capsys.readouterr().out
    with pytest.raises(CommandError, match="no project 'helpful'"):
        call_command("delete_project", "helpful", "--confirm", "Helpful")


def test_the_command_goes_on_with_one_that_failed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    deletions.request_deletion(project, by=None)
    ProjectDeletion.objects.update(state="failed", attempts=3)
    call_command("delete_project", "helpful")
    assert "is deleted" in capsys.readouterr().out


def test_a_name_is_compared_whole() -> None:
    deletions.check_confirmed(" Helpful ", "Helpful")
    for typed in ("", "helpful", "Helpful answers", "x" * 100_000):
        with pytest.raises(Invalid, match="write “Helpful”"):
            deletions.check_confirmed(typed, "Helpful")


def test_what_a_deletion_counted_is_said_without_what_there_was_none_of() -> None:
    assert contents.in_words({"prompts": 2, "rankings": 1, "runs": 0}) == ["2 prompts", "1 ranking"]
