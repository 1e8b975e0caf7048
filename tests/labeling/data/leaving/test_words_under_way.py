"""What a person is writing while they are erased: it is erased too, or refused, never there afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection

from labeling.answers import rankings
from labeling.data.leaving import erasure_worker, erasures
from labeling.data.reviewing import acts, cases
from labeling.models import Assignment, Project, Ranking, ReviewAct, ReviewCase, Role, User
from labeling.queue import claims
from tests.factories import claimed, join, make_project, make_prompt, tiers_of
from tests.rewardtrain.conftest import models_in

SKIPS = "UPDATE labeling_assignment SET skip_reason = 'Qzskip77' WHERE id = %s"
DRAFTS = """UPDATE labeling_assignment SET draft = '{"comment": "Qzdraft77"}' WHERE id = %s"""
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with models_in(tmp_path / "models"):
        project = make_project(slug="helpful", overlap=3)
        for _ in range(3):
            make_prompt(project)
        yield project


def ask(person: User) -> None:
    erasures.request_erasure(person, confirm=person.username, by=None)


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["ranking", "draft", "skip", "cannot rank", "review"])
def test_what_comes_after_it_was_asked_for_is_refused(project: Project, what: str) -> None:
    person = join(project, Role.REVIEWER, username="lena")
    task = claimed(project, person)
    case = cases.open_case(project.prompts.latest("pk"), ReviewCase.Reason.ASKED, by=project.created_by)
    ask(person)
    Assignment.objects.filter(pk=task.pk).update(state="claimed")  # as a request saw it that began before
    writes = {
        "ranking": lambda: rankings.submit(task, {"tiers": tiers_of(task), "comment": "Qzcomment77"}),
        "draft": lambda: claims.save_draft(task, {"comment": "Qzdraft77"}),
        "skip": lambda: claims.skip(task, "Qzskip77"),
        "cannot rank": lambda: claims.cannot_rank(task, "Qzcannot77"),
        "review": lambda: acts.leave(case, by=person, words="Qzreview77"),
    }
    with pytest.raises(IntegrityError, match="being erased"):
        writes[what]()


@contextmanager
def writing(statement: str, task: Assignment) -> Iterator[Any]:
    """A second connection in the middle of its transaction."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(statement, [task.pk])
        yield other
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", [SKIPS, DRAFTS])
def test_what_began_before_is_waited_for_and_erased(project: Project, statement: str) -> None:
    person = join(project, username="lena")
    done = claimed(project, person)
    claims.skip(done, "unsure")  # asking for it ends what is held: this it leaves
    with writing(statement, done) as other:
        ask(person)
        worker = threading.Thread(target=_work)
        worker.start()
        with connection.cursor() as cursor:
            while worker.is_alive() and cursor.execute(WAITING).fetchone() == (0,):
                pass
        assert worker.is_alive(), "it waits"
        other.commit()
    worker.join()
    done.refresh_from_db()
    assert (done.skip_reason, done.draft) == ("", None)
    person.refresh_from_db()
    assert person.username == erasures.pseudonym(person)


@pytest.mark.django_db(transaction=True)
def test_a_ranking_that_began_before_is_waited_for_and_its_words_are_erased(project: Project) -> None:
    person = join(project, username="lena")
    rankings.submit(task := claimed(project, person), {"tiers": tiers_of(task)})
    copied = """
        INSERT INTO labeling_ranking SELECT (jsonb_populate_record(r, jsonb_build_object('id', r.id + 1000,
            'comment', 'Qzcomment77', 'live', false, 'ended_at', now(), 'revision', r.revision + 1))).*
        FROM labeling_ranking r WHERE r.assignment_id = %s
    """
    with writing(copied, task) as other:
        ask(person)
        worker = threading.Thread(target=_work)
        worker.start()
        with connection.cursor() as cursor:
            while worker.is_alive() and cursor.execute(WAITING).fetchone() == (0,):
                pass
        other.commit()
    worker.join()
    assert list(Ranking.objects.filter(labeler=person).values_list("comment", flat=True)) == ["", ""]
    assert not ReviewAct.objects.exists()


def _work() -> None:
    try:
        erasure_worker.work_all()
    finally:
        connection.close()
