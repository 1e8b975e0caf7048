"""What the sweep costs, and that it is alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import config.celery  # noqa: F401  makes it the app of this process, as in a worker
from config.servers import embedded
from labeling.answers.search import texts
from labeling.models import Project
from rewardtrain import tasks
from rewardtrain.models import TrainingRun
from rewardtrain.monitoring import drift
from rewardtrain.registry import champions
from rewardtrain.training import due, policy
from tests.factories import make_project
from tests.rewardtrain.conftest import make_model, make_run, rank_prompts
from tests.rewardtrain.training.test_worker import until

MOST = 11


@pytest.fixture(autouse=True)
def _broker(servers: embedded.Lease) -> None:
    """Messages are sent to nobody."""


def make_settled(count: int) -> list[Project]:
    """Projects that have nothing to do, each for another reason."""
    projects = [make_project() for _ in range(count)]
    for place, project in enumerate(projects):
        match place % 6:
            case 0:
                rank_prompts(project, train=2, test=1, validation=0)  # too little
            case 1:
                rank_prompts(project, train=9, test=0, validation=0)  # nothing to judge a model on
            case 2:
                rank_prompts(project, train=8, test=2, validation=0)
                policy.update_policy(project, enabled=False, head_enabled=False)
            case 3:
                rank_prompts(project, train=8, test=2, validation=0)
                end(make_run(project, depth="head"))  # nothing new since
            case 4:
                rank_prompts(project, train=8, test=2, validation=0)
                policy.update_policy(project)
                project.retrain_policy.training = {"backbone": "/gone"}
                project.retrain_policy.save()
    return projects


def end(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(state="succeeded", finished_at=timezone.now() - timedelta(hours=1))


@contextmanager
def at_most(count: int) -> Iterator[None]:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        yield
    assert len(queries) <= count, [query["sql"] for query in queries]


@pytest.mark.parametrize("kind", ["ranking", "classification"])
def test_looking_at_one_project_takes_one_statement(db: None, kind: str) -> None:
    """A worker does after every ranking."""
    project = make_project(kind=kind, flags=[{"name": "rude", "label": "Rude"}])
    with at_most(1):
        assert due.due(project) == []


@pytest.mark.parametrize("count", [1, 36])
def test_a_sweep_without_anything_to_do_takes_as_many_statements_whatever_the_number_of_projects(
    transactional_db: None, count: int
) -> None:
    make_settled(count)
    assert due.due() == []
    texts.read()
    with at_most(MOST):
        tasks.sweep()
    assert TrainingRun.objects.filter(trigger="policy").count() == 0


def test_a_flood_of_due_projects_is_started_some_at_a_time(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "STARTS_AT_ONCE", 2)
    for _ in range(3):
        rank_prompts(make_project(), train=8, test=2, validation=0)
    for started in (2, 3, 3):
        tasks.start_due_runs()
        assert TrainingRun.objects.count() == started


def test_a_second_sweep_leaves_all_to_the_first(transactional_db: None) -> None:
    rank_prompts(make_project(), train=8, test=2, validation=0)
    database = embedded.database_url(settings.DATA_DIR).replace("/podium?", f"/{connection.settings_dict['NAME']}?")
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('sweep', 0))")
        tasks.sweep()
        assert not TrainingRun.objects.exists()

    def sweep_again() -> bool:
        tasks.sweep()
        return TrainingRun.objects.count() == 1

    until(sweep_again)  # the lock went with its connection
    with psycopg.connect(database, autocommit=True) as other:
        assert other.execute("SELECT pg_try_advisory_lock(hashtextextended('sweep', 0))").fetchone() == (True,)


def test_a_training_setting_of_absurd_size_harms_no_other_project(transactional_db: None) -> None:
    odd, other = make_project(), make_project()
    for project in (odd, other):
        rank_prompts(project, train=8, test=2, validation=0)
        policy.update_policy(project)
    for value in (1e300, "ten", None, -5, 1.5):
        odd.retrain_policy.training = {"min_pairs": value}
        odd.retrain_policy.save()
        assert [each.project for each in due.due()] == [other], value


def test_looking_for_champions_that_are_behind_takes_one_statement(transactional_db: None) -> None:
    behind = []
    for _ in range(3):
        project = make_project()
        rank_prompts(project, train=4, test=1, validation=0)
        behind.append(make_model(project))
        champions.promote(behind[-1], by=None, reason="the first")
    with at_most(1):
        drift.keep_up()
    rank_prompts(behind[1].project, train=1, test=0, validation=0)
    assert drift.behind() == [behind[1]]
    assert drift.unscored(behind[1]).count() == 1
