"""Every page, asked with what no person types: told in words, never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from labeling import urls as labeling_urls
from labeling.models import ReviewCase, User
from rewardtrain import urls as rewardtrain_urls
from tests.every_door import COHORT, assignment_of, furnish
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db

PATTERNS: list[URLPattern] = [*labeling_urls.urlpatterns, *rewardtrain_urls.urlpatterns]
# Every field and parameter that some page reads.
FIELDS = [
    "name", "slug", "kind", "guidelines", "flags", "ask_strength", "overlap", "lease_minutes", "username", "role",
    "extra_percent", "daily_limit", "extra_overlap", "confirmed", "existing",
    "note", "language", "theme", "next", "daily_goal", "break_minutes", "single_keys", "assignment", "draft_revision",
    "ahead", "comment", "strength", "active_seconds", "reason", "other", "q", "show", "one", "two", "page", "format",
    "layout", "split", "source", "version", "threshold", "probabilities", "depth", "model", "prompt", "completion-0",
    "completion-1", "explain", "backbone", "epochs", "learning_rate", "max_length", "every_pairs", "first_minimum",
    "cooldown_minutes", "head_every_pairs", "standing", "sort", "act", "people", "email", "ranking", "words", "state",
    "of", "query", "shared", "ask_acceptable", "ask_reasons", "justification", "attributes", "acceptable",
    "ask_rewrite", "rewrite", "rewrite_of", "order", "top_k", "use", "qualify_items",
    "tags", "revision", "cohort",
]  # fmt: skip
AWKWARD = {
    "nul": "a\0b",
    "huge": "9" * 5000,
    "beyond bigint": "9" * 25,
    "long": "x" * 200_000,
    "infinite": "1e999",
    "no number": "nan",
    "other digits": "١٢²",
    "negative": "-1",
}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[User]:
    with models_in(tmp_path / "models"):
        user = furnish()["manager"]
        assert user is not None
        yield user


def address(pattern: URLPattern, user: User) -> str:
    given = {"slug": "helpful", "assignment_id": assignment_of(user), "number": 1, "version": 1, "token": "x"}
    given |= {"link_id": 1, "link": "x", "place": 0, "layout": "podium"}
    given["invitation_id"] = given["person_id"] = 1
    given |= {"name": "podium-1-1-1-0-0a0a0a0a", "act": "begin"}  # of a job on a cluster
    given["view_id"] = 1
    given["cohort_id"] = given["cohort"] = COHORT
    given["case_id"] = given["case"] = ReviewCase.objects.latest("pk").pk
    given["prompt_id"] = user.assignments.latest("pk").prompt_id
    names = pattern.pattern.converters
    return "/" + get_resolver().reverse(pattern.name, **{name: given[name] for name in names})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", AWKWARD.values(), ids=list(AWKWARD))
def test_every_page_bears_whatever_a_field_or_parameter_holds(manager: User, value: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(manager)
    fields = dict.fromkeys(FIELDS, value)
    for pattern in PATTERNS:
        url = address(pattern, manager)
        asked: Any = client.get(url, dict.fromkeys(FIELDS, value[:2000]))
        if asked.streaming:
            assert b"".join(asked), url
        answers = {
            "asked": asked.status_code,
            "sent": client.post(url, fields).status_code,
            "sent by script": client.post(url, fields, headers={"X-Requested-With": "rank-desk"}).status_code,
        }
        assert all(status < 500 or status == 503 for status in answers.values()), (url, answers)


@pytest.mark.parametrize("number", ["9" * 10, "9" * 20, "9" * 4000])
def test_every_page_bears_a_number_that_no_row_has(manager: User, number: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(manager)
    for pattern in PATTERNS:
        for name, converter in pattern.pattern.converters.items():
            if type(converter).__name__ == "IntConverter":
                url = f"/{pattern.pattern}".replace("<slug:slug>", "helpful").replace(f"<int:{name}>", number)
                assert (client.get(url).status_code, client.post(url).status_code) in [
                    (404, 404),
                    (404, 405),
                    (405, 404),
                    (405, 302),  # an answer to an invitation that is gone: sent home, and told there
                ]
