"""Who waits for whom when several change one project, and that every lock of a project is written in one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from django.db.transaction import TransactionManagementError

from labeling.data.importing.imports import import_lines
from labeling.errors import Conflict
from labeling.models import Project, Prompt, User
from labeling.models.project_lock import lock_candidates, lock_imports, lock_mending, lock_project
from labeling.projects.projects import update_project
from labeling.queue import claims
from tests import factories
from tests.threads import waits

pytestmark = pytest.mark.django_db(transaction=True)

FLAGS = [{"name": "hateful", "label": "Hateful"}]
LINE = b'{"id": "%s", "prompt": "Why?", "completions": [{"id": "a", "text": "x"}, {"id": "b", "text": "y"}]}\n'


@pytest.fixture
def project() -> Project:
    return factories.make_project(slug="locked")


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project)


def imports(project: Project, name: bytes) -> Callable[[], object]:
    def call() -> None:
        report = import_lines(project, [LINE % name])
        assert not report.errors

    return call


def test_decisions_on_one_project_wait_and_those_on_another_do_not(project: Project) -> None:
    other = factories.make_project()
    with transaction.atomic():
        lock_project(project)
        assert waits(lambda: lock_project(project))
        assert not waits(lambda: lock_project(other))
    assert not waits(lambda: lock_project(project))


def test_a_labeler_and_an_import_wait_for_no_decision(project: Project, labeler: User) -> None:
    """A freeze holds it while it writes a file."""
    factories.make_prompt(project)
    with transaction.atomic():
        lock_project(project)
        assert not waits(lambda: factories.rank(project, labeler))
        assert not waits(imports(project, b"new"))
    assert Prompt.objects.filter(project=project, external_id="new").exists()


def test_what_is_decided_on_is_read_anew(project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(name="Renamed meanwhile")
    with transaction.atomic():
        assert lock_project(project).name == "Renamed meanwhile"


def test_imports_of_one_project_wait_for_each_other_alone(project: Project, labeler: User) -> None:
    other = factories.make_project()
    with transaction.atomic():
        lock_imports(project)
        assert waits(lambda: lock_imports(project))
        assert not waits(lambda: lock_imports(other))
        assert not waits(lambda: lock_project(project))
        assert not waits(lambda: claims.claim(project, labeler))


def test_a_change_of_the_kind_waits_for_an_import_that_has_begun_and_is_refused_then(project: Project) -> None:
    with transaction.atomic():
        imports(project, b"new")()
        assert waits(lambda: update_project(Project.objects.get(pk=project.pk), kind="classification", flags=FLAGS))
    with pytest.raises(Conflict) as refused:
        update_project(Project.objects.get(pk=project.pk), kind="classification", flags=FLAGS)
    assert refused.value.code == "kind_settled"


def test_an_import_that_was_read_for_another_kind_stores_nothing(project: Project) -> None:
    """A classification's text has one completion, which nobody could rank."""

    def lines() -> Iterator[bytes]:
        yield LINE % b"first"
        update_project(Project.objects.get(pk=project.pk), kind="classification", flags=FLAGS)
        yield LINE % b"second"

    report = import_lines(project, lines())
    assert report.stopped is not None
    assert report.stopped.code == "kind_changed"
    assert "Send the file again" in report.why_stopped
    assert (report.created, Prompt.objects.count()) == (0, 0)
    assert import_lines(Project.objects.get(pk=project.pk), [LINE % b"first"]).created == 1


def test_two_tabs_of_a_labeler_wait_and_two_labelers_do_not(project: Project, labeler: User) -> None:
    other, colleague = factories.make_project(), factories.join(project)
    with transaction.atomic():
        claims.claim(project, labeler)
        assert waits(lambda: claims.claim(project, labeler))
        assert not waits(lambda: claims.claim(project, colleague))
        assert not waits(lambda: claims.claim(other, labeler))


def test_a_lock_without_a_transaction_is_refused_for_it_would_hold_nobody_up(project: Project) -> None:
    calls: list[Callable[[], object]] = [
        lambda: lock_project(project),
        lambda: lock_imports(project),
        lambda: lock_candidates(project),
        lock_mending,
    ]
    for call in calls:
        with pytest.raises(TransactionManagementError):
            call()


def test_every_lock_of_a_project_is_written_in_one_place() -> None:
    written = re.compile(
        r"Project\.objects\.select_for_update|pg_(try_)?advisory_xact_lock|project\w*\.select_for_update"
    )
    places = {
        str(file.relative_to(settings.BASE_DIR))
        for package in ("config", "jobs", "labeling", "operations", "rewardtrain")
        for file in Path(settings.BASE_DIR, package).rglob("*")
        if file.suffix in (".py", ".sql") and written.search(file.read_text(encoding="utf-8"))
    }
    of_a_person = {"labeling/queue/sql/claim.sql", "labeling/migrations/0053_nothing_of_the_erased.py"}
    # Shared, by whoever puts prompts into cohorts: lock_cohorts waits for it.
    of_cohorts = {"labeling/data/bulk/sql/cohorts.sql", "labeling/migrations/0068_cohorts.py"}
    of_a_name = {"jobs/locks.py"}  # of what one process of all may do, in transactions of their own
    assert places == {"labeling/models/project_lock.py", *of_a_person, *of_cohorts, *of_a_name}
