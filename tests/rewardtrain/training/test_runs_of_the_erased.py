"""A run that read its data before a person was erased goes on, and nothing of what it writes has the name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from jobs import lifecycle, shutdown
from labeling.data.leaving import erasure_worker, erasures
from labeling.models import PersonErasure, Project, User
from rewardtrain.models import Evaluation, TrainingRun
from rewardtrain.training import baselines, policy, run_settings, runs, worker
from rewardtrain.training.run_files import Files, files_of
from rewardtrain.training.watched_process import Ended, Reason
from tests.factories import join, make_user
from tests.labeling.views.test_doors import as_user as at_desk
from tests.rewardtrain.conftest import rank_prompts

Training = dict[str, object]
NAME = "Qzlena77"


@pytest.fixture(autouse=True)
def _process(needs_torch: None) -> Iterator[None]:
    shutdown.requested.clear()
    yield
    worker.warm_process.end()


@pytest.fixture
def trained(project: Project, tiny_training: Training, model_dir: Path) -> tuple[TrainingRun, Files]:
    """A run of the person's rankings whose training has ended, and whose model isn't registered yet."""
    join(project, username=NAME)
    rank_prompts(project)
    made = runs.request_run(project, depth=policy.Depth.HEAD, training=tiny_training)
    run = lifecycle.claim(TrainingRun, made.pk, phase="starting")
    assert run is not None
    files = files_of(run)
    assert worker.train(run, files, run_settings.of_run(run)) == Ended(0)
    return run, files


def ask(person: User) -> PersonErasure:
    return erasures.request_erasure(person, confirm=NAME, by=None)


def test_its_report_is_made_anew_when_the_person_is_erased(
    trained: tuple[TrainingRun, Files], project: Project
) -> None:
    run, files = trained
    assert NAME in files.report.read_text()
    person = User.objects.get(username=NAME)
    ask(person)
    assert worker.conclude(run, files) == Ended(0, Reason.STOPPING), "it waits for the erasure"
    assert not Evaluation.objects.exists()
    erasure_worker.work_all()
    assert baselines.is_renamed(run, files) is False, "of a row that was read before"
    assert worker.train(run, files, run_settings.of_run(run)) == Ended(0), "what it had made is of the same data"
    assert worker.conclude(run, files) == Ended(0)
    report = Evaluation.objects.get().report
    assert [part["labeler"] for part in report["by_labeler"]] == [erasures.pseudonym(person)]
    left = [path for path in files.folder.rglob("*") if path.is_file() and NAME.encode() in path.read_bytes()]
    assert left == []
    page = _page(project)
    assert "1 person who ranked in its data was erased since: 36 of the 36 rankings" in page
    assert "its card has the checksum of then" in page


def _page(project: Project) -> str:
    desk: Client = at_desk(make_user("root", superuser=True))
    return " ".join(desk.get(f"/p/{project.slug}/models/1/").content.decode().split())


def test_of_a_run_that_is_cancelled_after_it_no_report_stays(trained: tuple[TrainingRun, Files]) -> None:
    run, files = trained
    ask(User.objects.get(username=NAME))
    erasure_worker.work_all()
    run.refresh_from_db()
    files.report.write_text(f'{{"by_labeler": [{{"labeler": "{NAME}"}}]}}')  # that came late
    worker.settle(run, files, Ended(0, Reason.CANCELLED))
    assert run.state == "cancelled"
    assert not files.report.exists()
