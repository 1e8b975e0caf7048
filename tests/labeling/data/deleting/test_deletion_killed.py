"""Real processes: a deletion that is killed anywhere is gone on with, shows nothing half-done, and harms no other."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from labeling.data.deleting import deletion_worker, deletions
from labeling.data.importing.imports import import_lines
from labeling.data.versions import datasets
from labeling.models import Completion, PreferencePair, Project, ProjectDeletion, Prompt, Ranking, User
from labeling.projects import counters
from tests.factories import make_project, make_user
from tests.jobs import killed_workers as killed
from tests.labeling.api.client import as_user, row
from tests.labeling.data.deleting.test_deletions import all_files, all_rows
from tests.rewardtrain.conftest import models_in
from tests.shown_rows import furnish

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = deletion_worker.__name__
PROMPTS = 3_000  # six batches


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path


@pytest.fixture
def manager() -> User:
    return make_user("manager")


def ask_for_one(manager: User) -> ProjectDeletion:
    """The deletion of a project with a ranking of each prompt, and a frozen version of all."""
    project = make_project(manager=manager, slug="helpful")
    rows = (row(f"q{n}", rankings=[{"labeler": "ann", "ranks": [1, 2]}]) for n in range(PROMPTS))
    assert import_lines(project, (json.dumps(each).encode() for each in rows)).created == PROMPTS
    datasets.freeze(project)
    return deletions.request_deletion(project, by=manager)


def test_a_killed_deletion_goes_on_and_the_site_is_as_if_it_had_never_been(folder: Path, manager: User) -> None:
    other = furnish(2, "ranking").project
    api = as_user(manager)
    rows, files = all_rows(), all_files(folder / "models")
    deletion = ask_for_one(manager)
    assert all_files(folder / "models") != files
    for least in (0, 1_000):  # killed twice, and not in the same place
        killed.kill_when(WORKER, deletion, folder, lambda job, least=least: job.done > least)  # type: ignore[misc]
        left = Prompt.objects.filter(project=deletion.project_key).count()
        assert 0 < left < PROMPTS - least
        _assert_whole(deletion.project_key, left)
        _assert_hidden(api)
        killed.silence(deletion)
    with killed.start_worker(WORKER, deletion, folder) as process:
        pass  # until it has ended
    deletion.refresh_from_db()
    assert (process.returncode, deletion.state, deletion.project) == (0, "succeeded", None), deletion.error
    assert all_rows() == rows
    assert all_files(folder / "models") == files
    assert not counters.differences(other)


def _assert_whole(project_key: int, n: int) -> None:
    """What is left of it is whole: no prompt without its completions, its ranking and its pair, and none without it."""
    assert Completion.objects.filter(prompt__project=project_key).count() == 2 * n
    for model in (Ranking, PreferencePair):
        assert model._default_manager.filter(prompt__project=project_key).count() == n


def _assert_hidden(api: APIClient) -> None:
    assert "helpful" not in {each["slug"] for each in api.get("/api/v1/projects/").json()["results"]}
    for address in ("", "prompts/", "versions/", "export/"):
        assert api.get(f"/api/v1/projects/helpful/{address}").status_code == 404
    [shown] = [each for each in api.get("/api/v1/deletions/").json()["results"] if each["slug"] == "helpful"]
    assert shown["state"] == "running"


def test_killed_between_its_files_and_its_end_it_ends_later(folder: Path, manager: User) -> None:
    deletion = ask_for_one(manager)
    dies = "import os, signal\nworker.also(lambda key: os.kill(os.getpid(), signal.SIGKILL))"
    with killed.start_worker(WORKER, deletion, folder, before=dies) as process:
        pass
    deletion.refresh_from_db()
    assert (process.returncode, deletion.state, deletion.project) == (-signal.SIGKILL, "running", None)
    assert not all_files(folder / "models")
    killed.silence(deletion)
    deletion_worker.work(deletion.pk)
    deletion.refresh_from_db()
    assert (deletion.state, deletion.error) == ("succeeded", "")


def test_of_two_workers_at_once_one_does_it(folder: Path, manager: User) -> None:
    deletion = ask_for_one(manager)
    with killed.start_worker(WORKER, deletion, folder) as one, killed.start_worker(WORKER, deletion, folder) as two:
        pass
    deletion.refresh_from_db()
    assert (one.returncode, two.returncode) == (0, 0)
    assert (deletion.state, deletion.attempts, deletion.done) == ("succeeded", 1, PROMPTS)
    assert not Project.objects.exists()


def test_a_worker_that_was_silent_and_comes_back_leaves_it_to_the_next(folder: Path, manager: User) -> None:
    """As of a machine that slept: both delete at once until the first sees that the deletion isn't its own any more."""
    other = make_project(manager=manager, slug="other")
    assert import_lines(other, [json.dumps(row("q1")).encode()]).created == 1
    deletion = ask_for_one(manager)
    with killed.start_worker(WORKER, deletion, folder) as slept:
        killed.wait_until(deletion, slept, lambda job: job.done > 0)
        os.kill(slept.pid, signal.SIGSTOP)
        first = deletion.worker
        killed.silence(deletion)
        with killed.start_worker(WORKER, deletion, folder) as next_one:
            killed.wait_until(deletion, next_one, lambda job: job.worker not in ("", first))
            os.kill(slept.pid, signal.SIGCONT)
    deletion.refresh_from_db()
    assert (slept.returncode, next_one.returncode) == (0, 0)
    assert (deletion.state, deletion.project) == ("succeeded", None), deletion.error
    assert list(Project.objects.all()) == [other]
    assert Prompt.objects.get().external_id == "q1"
    assert not all_files(folder / "models")
