from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from labeling.models import Project, Role, User
from rewardtrain.models import RewardModel
from rewardtrain.registry import champions
from rewardtrain.training import runs, worker
from tests.factories import join, make_project, make_user
from tests.labeling.api.client import as_user, errors_of
from tests.rewardtrain.conftest import BAD, GOOD, make_model, rank_prompts

SCORE = "/api/v1/projects/helpful/score/"
BODY = {"prompt": "Which?", "completions": [f"{BAD} {BAD} {BAD}", f"{GOOD} {GOOD} {GOOD}"]}


@pytest.fixture
def client(project: Project) -> APIClient:
    return as_user(project.created_by)


def test_without_a_champion_scoring_is_a_conflict(client: APIClient) -> None:
    response = client.post(SCORE, BODY)
    assert (response.status_code, errors_of(response)) == (409, [("no_champion", None)])


def test_the_champion_scores_what_it_is_sent(
    project: Project, client: APIClient, tiny_training: dict[str, object], look_up: Callable[[], None]
) -> None:
    rank_prompts(project)
    worker.work(runs.request_run(project, training=tiny_training).pk)
    champion = champions.champion(project) or champions.promote(
        RewardModel.objects.get(), by=None, reason="The only one.", past_gate=True
    )
    look_up()

    answer = client.post(SCORE, BODY).json()
    assert answer["model"] == champion.version
    assert [len(answer[name]) for name in ("rewards", "logits", "probabilities", "truncated")] == [2, 2, 2, 2]
    assert sum(answer["probabilities"]) == pytest.approx(1.0)
    assert answer["best"] == answer["rewards"].index(max(answer["rewards"]))

    dialogue = {**BODY, "prompt": [{"role": "user", "content": "Which?"}]}
    assert client.post(SCORE, dialogue).json()["rewards"] == pytest.approx(answer["rewards"])


def test_without_the_service_the_answer_is_503(project: Project, client: APIClient) -> None:
    rank_prompts(project, train=2, test=1, validation=1)
    champions.promote(make_model(project), by=None, reason="The only one.")
    with override_settings(REWARDS_URL="http://127.0.0.1:9"):
        response = client.post(SCORE, BODY)
    assert response.status_code == 503
    assert "manage.py serve_rewards" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"completions": ["a"]}, "prompt"),
        ({"prompt": 7, "completions": ["a"]}, "prompt"),
        ({"prompt": [], "completions": ["a"]}, "prompt"),
        ({"prompt": [{}], "completions": ["a"]}, "prompt"),
        ({"prompt": ["?"], "completions": ["a"]}, "prompt"),
        ({"prompt": [{"role": "robot", "content": "?"}], "completions": ["a"]}, "prompt"),
        ({"prompt": [{"role": "user", "content": None}], "completions": ["a"]}, "prompt"),
        ({"prompt": [{"role": "user", "content": "?", "": "?"}], "completions": ["a"]}, "prompt"),
        ({"prompt": [{"role": "user", "content": "?", "name": "ann"}], "completions": ["a"]}, "prompt"),
        ({"prompt": "?"}, "completions"),
        ({"prompt": "?", "completions": []}, "completions"),
        ({"prompt": "?", "completions": [["a"]]}, "completions.0"),
        ({"prompt": "?", "completions": ["a"] * 10_000}, "completions"),
        ({"prompt": "?", "completions": ["a"], "model": "newest"}, "model"),
        ({"prompt": "?", "completions": ["a"] * 65, "pairwise": True}, "pairwise"),
    ],
)
def test_a_wrong_body_is_refused_by_field(client: APIClient, body: dict[str, object], attr: str) -> None:
    response = client.post(SCORE, body)
    assert response.status_code == 400
    assert [named for _, named in errors_of(response)] == [attr]


def test_scores_are_for_managers(project: Project) -> None:
    people: dict[str, User | None] = {
        "manager": project.created_by,
        "reviewer": join(project, Role.REVIEWER),
        "labeler": join(project),
        "stranger": make_project().created_by,
        "nobody": None,
        "administrator": make_user(superuser=True),
    }
    assert {who: as_user(user).post(SCORE, BODY).status_code for who, user in people.items()} == {
        "manager": 409, "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401, "administrator": 409,
    }  # fmt: skip
