from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from jobs import lifecycle
from labeling.models import Project, Role, User
from rewardtrain.models import RunPoint, TrainingRun
from tests.factories import join, make_project, make_user
from tests.labeling.api.client import as_user, errors_of
from tests.rewardtrain.conftest import rank_prompts

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/projects/helpful/runs/"


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(manager=make_user("manager"), slug="helpful")
    rank_prompts(project, train=3, test=1, validation=0)
    return project


@pytest.fixture
def client(project: Project) -> APIClient:
    return as_user(project.created_by)


@pytest.fixture
def people(project: Project) -> dict[str, User | None]:
    return {
        "manager": project.created_by,
        "reviewer": join(project, Role.REVIEWER),
        "labeler": join(project),
        "stranger": make_project().created_by,
        "nobody": None,
        "administrator": make_user(superuser=True),
    }


def test_a_run_is_accepted_and_waits_for_a_worker(client: APIClient) -> None:
    response = client.post(RUNS, {"training": {"seed": 7}})
    assert response.status_code == 202
    run = response.json()
    assert (run["id"], run["state"], run["trigger"], run["requested_by"]) == (1, "queued", "manual", "manager")
    assert (run["dataset_version"], run["reward_model"]) == (1, None)
    assert client.get(RUNS).json()["results"] == [run]
    assert client.get(f"{RUNS}1/").json()["training"]["seed"] == 7


def test_a_second_run_beside_an_active_one_is_a_conflict(client: APIClient) -> None:
    client.post(RUNS)
    response = client.post(RUNS)
    assert (response.status_code, errors_of(response)) == (409, [("run_active", None)])
    assert TrainingRun.objects.count() == 1


def test_a_head_runs_beside_a_fine_tuning(client: APIClient) -> None:
    assert client.post(RUNS).json()["depth"] == "full"
    response = client.post(RUNS, {"depth": "head", "training": {"seed": 7}})
    assert (response.status_code, response.json()["depth"]) == (202, "head")
    assert client.get(f"{RUNS}2/").json()["training"]["depth"] == "head"


def test_an_unknown_depth_is_refused(client: APIClient) -> None:
    response = client.post(RUNS, {"depth": "shallow"})
    assert (response.status_code, errors_of(response)) == (400, [("invalid_choice", "depth")])


def test_too_few_pairs_are_refused_with_their_number() -> None:
    manager = make_user()
    make_project(manager=manager, slug="helpful")
    response = as_user(manager).post(RUNS)
    assert (response.status_code, errors_of(response)) == (400, [("too_few_pairs", None)])
    assert response.json()["errors"][0]["detail"].startswith("0 pairs")


@pytest.mark.parametrize(
    ("training", "code"), [({"backbone": "/nowhere"}, "no_backbone"), ({"learning_speed": 1}, "bad_setting")]
)
def test_a_setting_that_can_not_be_is_refused(client: APIClient, training: dict[str, object], code: str) -> None:
    response = client.post(RUNS, {"training": training})
    assert (response.status_code, errors_of(response)) == (400, [(code, "training")])


def test_a_run_shows_its_progress_and_its_curves(client: APIClient, project: Project) -> None:
    client.post(RUNS)
    run = lifecycle.claim(TrainingRun, TrainingRun.objects.get().pk)
    assert run is not None
    lifecycle.heartbeat(run, phase="train", done=3, total=10)
    RunPoint.objects.create(run=run, step=3, loss=0.6)
    shown = client.get(f"{RUNS}1/").json()
    assert (shown["state"], shown["phase"], shown["done"], shown["total"]) == ("running", "train", 3, 10)
    point = {"step": 3, "loss": 0.6, "validation_log_loss": None, "validation_accuracy": None}
    assert shown["points"] == [point]
    assert "worker" not in shown


def test_a_queued_run_is_cancelled_at_once_and_only_once(client: APIClient) -> None:
    client.post(RUNS)
    assert client.post(f"{RUNS}1/cancel/").json()["state"] == "cancelled"
    again = client.post(f"{RUNS}1/cancel/")
    assert (again.status_code, errors_of(again)) == (409, [("run_ended", None)])


def test_a_running_run_is_asked_to_stop(client: APIClient) -> None:
    client.post(RUNS)
    lifecycle.claim(TrainingRun, TrainingRun.objects.get().pk)
    cancelled = client.post(f"{RUNS}1/cancel/").json()
    assert (cancelled["state"], cancelled["cancel_requested"]) == ("running", True)


def test_runs_are_read_by_managers(client: APIClient, people: dict[str, User | None]) -> None:
    client.post(RUNS)
    expected = {"manager": 200, "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401, "administrator": 200}
    for url in (RUNS, f"{RUNS}1/"):
        assert {who: as_user(user).get(url).status_code for who, user in people.items()} == expected


def test_runs_are_started_and_cancelled_by_managers(project: Project, people: dict[str, User | None]) -> None:
    refused = {"reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401}
    for who, status in refused.items():
        assert as_user(people[who]).post(RUNS).status_code == status
    for who in ("manager", "administrator"):
        assert as_user(people[who]).post(RUNS).status_code == 202
        number = TrainingRun.objects.latest("pk").number
        for stranger, status in refused.items():
            assert as_user(people[stranger]).post(f"{RUNS}{number}/cancel/").status_code == status
        assert as_user(people[who]).post(f"{RUNS}{number}/cancel/").status_code == 200


def test_another_projects_run_is_not_here(client: APIClient, project: Project) -> None:
    client.post(RUNS)
    other = make_project(manager=project.created_by, slug="other")
    assert client.get(f"/api/v1/projects/{other.slug}/runs/1/").status_code == 404
