"""Whose token opens which project at the scoring service."""

from collections.abc import Callable

import pytest
import requests
from django.conf import settings
from knox.models import AuthToken

from labeling.models import Project, Role, User
from rewardtrain.scoring import service_client
from tests.factories import join, make_project, make_user

BODY = {"prompt": "Which?", "completions": ["this", "that"]}


def token_of(user: User | None) -> str:
    return "" if user is None else str(AuthToken.objects.create(user)[1])


def status(token: str, path: str = "helpful/score") -> int:
    headers = {"Authorization": f"Bearer {token}".encode()} if token else {}
    method = "GET" if path in ("models", "metrics") else "POST"
    answer = requests.request(method, f"{settings.REWARDS_URL}/{path}", json=BODY, headers=headers, timeout=60)
    return answer.status_code


def test_scores_are_for_managers_and_for_podium_itself(project: Project, look_up: Callable[[], None]) -> None:
    """409: let in, but the project has no champion."""
    people: dict[str, User | None] = {
        "manager": project.created_by,
        "reviewer": join(project, Role.REVIEWER),
        "labeler": join(project),
        "stranger": make_project().created_by,
        "nobody": None,
        "administrator": make_user(superuser=True),
    }
    tokens = {who: token_of(user) for who, user in people.items()}
    assert {who: status(token) for who, token in tokens.items()} == {
        "manager": 409, "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401, "administrator": 409,
    }  # fmt: skip
    assert status(service_client.credential()) == 409
    assert status("x" * 64) == status("ä") == 401
    for page in ("models", "metrics"):
        assert status(tokens["administrator"], page) == 200
        assert status(tokens["manager"], page) == 403
        assert status("", page) == 401
    assert requests.get(f"{settings.REWARDS_URL}/healthz", timeout=60).ok


def test_a_revoked_token_is_refused(
    project: Project, look_up: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewardtrain.scoring.service.TRUST_SECONDS", 0.0)
    token = token_of(project.created_by)
    assert status(token) == 409
    AuthToken.objects.all().delete()
    assert status(token) == 401
