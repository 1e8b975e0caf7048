"""A run's claim while the database is away: its training goes on, and what it said is stored afterwards."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection

from jobs import lifecycle
from labeling.models import Project
from rewardtrain.models import RunPoint, TrainingRun
from rewardtrain.training import runs
from rewardtrain.training.run_progress import Progress
from rewardtrain.training.watched_process import Claim
from tests.rewardtrain.conftest import rank_prompts


@pytest.fixture
def run(project: Project) -> TrainingRun:
    rank_prompts(project)
    found = lifecycle.claim(TrainingRun, runs.request_run(project).pk)
    assert found is not None
    return found


def end_the_connection() -> None:
    """The server ends it amid a statement."""
    with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def step(progress: Progress, number: int) -> None:
    progress.take({"event": "step", "step": number, "total_steps": 10, "loss": 0.5})


def test_what_a_beat_could_not_store_the_next_one_does(run: TrainingRun, caplog: pytest.LogCaptureFixture) -> None:
    claim, progress = Claim(run), Progress(run)
    step(progress, 1)
    end_the_connection()
    assert claim.keep(progress) is None
    assert "the database is away, the training goes on" in caplog.text
    step(progress, 2)
    assert claim.keep(progress) is False
    run.refresh_from_db()
    assert (run.done, run.total, run.phase) == (2, 10, "training")
    assert list(RunPoint.objects.filter(run=run).order_by("step").values_list("step", flat=True)) == [1, 2]


def test_a_person_who_cancelled_meanwhile_is_heard_afterwards(run: TrainingRun) -> None:
    claim = Claim(run)
    lifecycle.cancel(run)
    end_the_connection()
    assert [claim.keep(), claim.keep()] == [None, True]


def test_a_worker_that_was_cut_off_for_long_gives_the_run_up(run: TrainingRun, settings: Any) -> None:
    settings.RUN_STALE_SECONDS = 0  # as if all of it had passed
    end_the_connection()
    with pytest.raises(OperationalError):
        Claim(run).keep()


def test_a_run_that_another_worker_has_is_lost_at_once(run: TrainingRun) -> None:
    lifecycle.put_back(run)
    assert lifecycle.claim(TrainingRun, run.pk) is not None
    with pytest.raises(lifecycle.ClaimLost):
        Claim(run).keep()
