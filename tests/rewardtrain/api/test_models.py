from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from jobs import lifecycle
from labeling.models import DatasetVersion, PersonErasure, Project, Role, User, WorkWithdrawal
from labeling.models.datasets import ReplacedFile
from rewardtrain.models import Promotion, RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.training import runs
from tests.factories import join, make_project, make_user
from tests.labeling.api.client import as_user, errors_of
from tests.rewardtrain.conftest import make_model, make_report, rank_prompts

pytestmark = pytest.mark.django_db
MODELS = "/api/v1/projects/helpful/models/"


def report(accuracy: float, log_loss: float) -> dict[str, Any]:
    seen = make_report(accuracy=accuracy, interval=(accuracy - 0.1, accuracy + 0.1), log_loss=log_loss, n_pairs=60)
    baseline = {"accuracy": 0.55, "low": 0.4, "high": 0.7}
    return seen | {"n_pair_prompts": 10, "baseline_longer": baseline}


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(manager=make_user("manager"), slug="helpful")
    rank_prompts(project, train=3, test=1, validation=0)
    return project


@pytest.fixture
def client(project: Project) -> APIClient:
    return as_user(project.created_by)


def trained(project: Project, *, accuracy: float = 0.8, log_loss: float = 0.5) -> RewardModel:
    run = lifecycle.claim(TrainingRun, runs.request_run(project).pk)
    assert run is not None
    rival = champions.champion(project)
    model = champions.register(
        run,
        folder="x",
        manifest_sha256="0" * 64,
        report=report(accuracy, log_loss),
        baseline_pk=rival.pk if rival else None,
    )
    lifecycle.end(run, "succeeded", phase="done")
    return model


def test_a_model_is_shown_with_what_its_figures_must_be_read_against(project: Project, client: APIClient) -> None:
    trained(project)
    [model] = client.get(MODELS).json()["results"]
    assert (model["version"], model["run"], model["champion"], model["gate"]["passed"]) == (1, 1, False, True)
    [evaluation] = model["evaluations"]
    assert evaluation["accuracy"] == {"value": 0.8, "low": pytest.approx(0.7), "high": pytest.approx(0.9)}
    assert evaluation["log_loss"]["value"] == 0.5
    assert evaluation["baseline_longer"] == {"value": 0.55, "low": 0.4, "high": 0.7}
    assert evaluation["ln2"] == pytest.approx(0.6931, abs=1e-4)
    assert (evaluation["split"], evaluation["n_pairs"], evaluation["n_prompts"]) == ("test", 60, 10)


def test_the_whole_report_is_given_out_as_it_was_written(project: Project, client: APIClient) -> None:
    trained(project)
    assert client.get(f"{MODELS}1/report/").json() == report(0.8, 0.5)
    assert client.get(f"{MODELS}2/report/").status_code == 404


def test_promotion_needs_a_reason_and_is_written_down(project: Project, client: APIClient) -> None:
    trained(project)
    refused = client.post(f"{MODELS}1/promote/")
    assert (refused.status_code, errors_of(refused)) == (400, [("reason_required", "reason")])
    promoted = client.post(f"{MODELS}1/promote/", {"reason": "Best so far."})
    assert (promoted.status_code, promoted.json()["champion"]) == (200, True)
    assert Promotion.objects.values_list("by__username", "reason").get() == ("manager", "Best so far.")
    again = client.post(f"{MODELS}1/promote/", {"reason": "Again."})
    assert (again.status_code, errors_of(again)) == (409, [("already_champion", None)])


def test_a_model_that_failed_its_gate_is_promoted_past_it_only_by_name(project: Project, client: APIClient) -> None:
    trained(project, log_loss=0.9)
    refused = client.post(f"{MODELS}1/promote/", {"reason": "All we have."})
    assert (refused.status_code, errors_of(refused)) == (409, [("gate_not_passed", None)])
    unread = client.post(f"{MODELS}1/promote/", {"reason": "All we have.", "past_gate": "perhaps"})
    assert (unread.status_code, errors_of(unread)) == (400, [("invalid", "past_gate")])
    promoted = client.post(f"{MODELS}1/promote/", {"reason": "All we have.", "past_gate": True})
    assert (promoted.status_code, promoted.json()["champion"]) == (200, True)
    assert promoted.json()["verdict"] == {"worth": "coin", "words": "No better than a coin"}
    assert [rule["passed"] for rule in promoted.json()["rules"]] == [False, True]


def test_rolling_back_names_the_champion_it_takes_out_of_use(project: Project, client: APIClient) -> None:
    for version in (1, 2):
        trained(project)
        client.post(f"{MODELS}{version}/promote/", {"reason": "Newer."})
    back = client.post(f"{MODELS}2/rollback/", {"reason": "Rewards length."})
    assert (back.status_code, back.json()["version"], back.json()["champion"]) == (200, 1, True)
    twice = client.post(f"{MODELS}2/rollback/", {"reason": "Rewards length."})
    assert (twice.status_code, errors_of(twice)) == (409, [("not_champion", None)])
    assert champions.champion(project) == RewardModel.objects.get(version=1)


def test_without_a_champion_before_there_is_nothing_to_roll_back_to(project: Project, client: APIClient) -> None:
    trained(project)
    client.post(f"{MODELS}1/promote/", {"reason": "First."})
    response = client.post(f"{MODELS}1/rollback/", {"reason": "Bad."})
    assert (response.status_code, errors_of(response)) == (409, [("nothing_before", None)])


def test_each_door_opens_for_whom_it_is_meant(project: Project) -> None:
    trained(project)
    people = {
        "reviewer": join(project, Role.REVIEWER),
        "labeler": join(project),
        "stranger": make_project().created_by,
        "nobody": None,
    }
    assert {who: as_user(user).get(MODELS).status_code for who, user in people.items()} == {
        "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401,
    }  # fmt: skip
    for door in ("promote", "rollback"):
        answers = {who: as_user(user).post(f"{MODELS}1/{door}/", {"reason": "Me."}) for who, user in people.items()}
        assert {who: answer.status_code for who, answer in answers.items()} == {
            "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401,
        }  # fmt: skip
    administrator = as_user(make_user(superuser=True))
    assert administrator.post(f"{MODELS}1/promote/", {"reason": "Me."}).status_code == 200


def test_an_unknown_version_is_a_404(client: APIClient) -> None:
    response = client.post(f"{MODELS}9/promote/", {"reason": "Nine."})
    assert response.status_code == 404
    assert response.json()["errors"][0]["detail"] == "There is no such reward model that you can see."


def erased(version: DatasetVersion, *, rankings: int) -> None:
    """The version's file has a pseudonym in the place of an erased person's name, as frozen_names.replace leaves it."""
    key = f"{version.project_id}/{version.number}"
    erasure = PersonErasure.objects.create(person=make_user(), versions={key: rankings})
    before = {"file": version.file, "sha256": version.sha256, "bytes": version.bytes}
    ReplacedFile.objects.create(version=version, erasure=erasure, **before)
    after = {"sha256": "1" * 64, "frozen_sha256": version.sha256}
    DatasetVersion.objects.filter(pk=version.pk).update(**after)


def test_a_model_says_whose_data_is_gone_since(project: Project, client: APIClient) -> None:
    nothing = {
        "withdrawn_labelers": 0, "withdrawn_rankings": 0, "erased_labelers": 0, "erased_rankings": 0,
        "names_replaced_at": None,
    }  # fmt: skip
    model, later = trained(project), trained(project)
    assert [each["gone"] for each in client.get(MODELS).json()["results"]] == [nothing, nothing]
    version = model.run.dataset_version
    assert version.number == later.run.dataset_version.number  # nothing was ranked between
    for restored_at, n in ((None, 3), (None, None), (timezone.now(), 9)):
        WorkWithdrawal.objects.create(
            project=project, labeler=make_user(), versions={str(version.number): n, "70": 5}, restored_at=restored_at
        )
    erased(version, rankings=2)
    for each in client.get(MODELS).json()["results"]:
        assert each["dataset_version"] == version.number
        assert each["gone"].pop("names_replaced_at")
        assert each["gone"] == {
            "withdrawn_labelers": 2, "withdrawn_rankings": 3, "erased_labelers": 1, "erased_rankings": 2
        }  # fmt: skip
    promoted = client.post(f"{MODELS}1/promote/", {"reason": "Best so far."}).json()
    assert promoted["gone"]["erased_labelers"] == 1
    page = Client()
    page.force_login(User.objects.get(username="manager"))
    shown = page.get(f"/p/helpful/models/{model.version}/").content.decode()
    assert "Work of 2 people was withdrawn since its data was frozen" in " ".join(shown.split())


def test_a_list_of_models_finds_it_of_all_at_once(project: Project, client: APIClient) -> None:
    costs = []
    for _ in range(2):
        for _ in range(2):
            make_model(project, report(0.8, 0.5))
            erased(RewardModel.objects.latest("pk").run.dataset_version, rankings=1)
        with CaptureQueriesContext(connection) as context:
            assert client.get(MODELS).json()["results"][0]["gone"]["erased_rankings"] == 1
        costs.append(len(context))
    assert costs[0] == costs[1]
