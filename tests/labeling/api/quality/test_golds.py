"""Gold by API: who may, what is refused, and what one call costs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.models import GoldAnswer, Membership, Project, Role
from labeling.quality.checks import acting
from tests import factories
from tests.labeling.api.client import as_user
from tests.labeling.quality.checks.test_acting import WRONG, answer, make_gold

pytestmark = pytest.mark.django_db
GOLDS = "/api/v1/projects/work/golds/"


@pytest.fixture
def project() -> Project:
    project = factories.make_project(slug="work", flags=[{"name": "hateful", "label": "Hateful"}])
    factories.make_prompt(project, external_id="row-1")
    return project


@pytest.fixture
def manager(project: Project):  # type: ignore[no-untyped-def]
    return as_user(factories.join(project, Role.MANAGER))


TIERS = [["b"], ["a", "c"], ["d"]]


def test_it_is_made_listed_changed_and_taken_back(project: Project, manager) -> None:  # type: ignore[no-untyped-def]
    sent = {"prompt": "row-1", "tiers": TIERS, "flags": {"a": {"hateful": True}}, "explanation": "It is so."}
    made = manager.post(GOLDS, sent, format="json")
    assert made.status_code == 200
    assert made.json() == manager.get(GOLDS).json()["results"][0]
    said = made.json()
    assert (said["prompt"], said["tiers"], said["made_of"], said["checks"]) == ("row-1", TIERS, "typed", 0)
    assert manager.get("/api/v1/projects/work/prompts/row-1/").json()["state"] == "gold"
    assert manager.post(GOLDS, {**sent, "tiers": [["a", "b"], ["c", "d"]]}, format="json").status_code == 200
    assert GoldAnswer.objects.count() == 1
    for _ in range(2):
        assert manager.delete(f"{GOLDS}row-1/").status_code == 204
    assert not GoldAnswer.objects.exists()
    assert manager.get("/api/v1/projects/work/prompts/row-1/").json()["state"] == "waiting"


def test_a_ranking_makes_it_too(project: Project, manager) -> None:  # type: ignore[no-untyped-def]
    ranking = factories.rank(project, factories.join(project))
    made = manager.post(GOLDS, {"prompt": "row-1", "ranking": ranking.pk}, format="json")
    assert made.json()["tiers"] == [["a"], ["b"], ["c"], ["d"]]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"prompt": "row-2", "tiers": TIERS}, "unknown_prompt"),
        ({"prompt": "row-1", "tiers": [["a"], ["x"]]}, "unknown_completion"),
        ({"prompt": "row-1", "tiers": [["a"], ["a", "b", "c", "d"]]}, "bad_gold"),
        ({"prompt": "row-1", "tiers": [["a"], ["b"]]}, "bad_gold"),
        ({"prompt": "row-1", "tiers": [["a", "b", "c", "d"]]}, "bad_gold"),
        ({"prompt": "row-1"}, "bad_gold"),
        ({"prompt": "row-1", "flags": {"a": {"rude": True}}}, "bad_gold"),
        ({"prompt": "row-1", "flags": {"x": {"hateful": True}}}, "unknown_completion"),
        ({"prompt": "row-1", "ranking": 10**15}, "unknown_ranking"),
    ],
)
def test_what_makes_no_sense_is_refused(project: Project, manager, sent: dict[str, object], code: str) -> None:  # type: ignore[no-untyped-def]
    response = manager.post(GOLDS, sent, format="json")
    assert response.json()["errors"][0]["code"] == code
    assert response.status_code == (404 if code in ("unknown_prompt", "unknown_ranking") else 400)
    assert not GoldAnswer.objects.exists()


def test_no_labeler_reviewer_or_stranger_sees_or_makes_any(project: Project) -> None:
    sent = {"prompt": "row-1", "tiers": TIERS}
    for role in (Role.LABELER, Role.REVIEWER):
        client = as_user(factories.join(project, role))
        assert client.get(GOLDS).status_code == 403
        assert client.post(GOLDS, sent, format="json").status_code == 403
        assert client.delete(f"{GOLDS}row-1/").status_code == 403
    stranger = as_user(factories.make_user())
    assert stranger.get(GOLDS).status_code == 404
    assert as_user(None).get(GOLDS).status_code == 401


def test_a_page_costs_as_many_statements_however_many_there_are(project: Project, manager) -> None:  # type: ignore[no-untyped-def]
    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert manager.get(GOLDS).status_code == 200
        return len(asked)

    make_gold(project)
    few = statements()
    for _ in range(30):
        make_gold(project)
    assert statements() == few


def test_whoever_is_paused_is_let_go_on(project: Project, manager) -> None:  # type: ignore[no-untyped-def]
    labeler = factories.join(project)
    for _ in range(20):
        answer(make_gold(project), labeler, WRONG)
    acting.look()
    client = as_user(labeler)
    waiting = client.post("/api/v1/projects/work/assignments/next/")
    assert (waiting.status_code, waiting["X-Queue-Reason"]) == (204, "paused_you")
    address = f"/api/v1/projects/work/people/{labeler.pk}/resume/"
    assert client.post(address).status_code == 403
    for _ in range(2):
        assert manager.post(address).status_code == 204
    assert Membership.objects.get(user=labeler).pause == ""
    assert manager.post("/api/v1/projects/work/people/999999999/resume/").status_code == 404


def test_answers_to_checks_are_listed_where_they_are_asked_for(project: Project, manager) -> None:  # type: ignore[no-untyped-def]
    labeler = factories.join(project)
    answer(make_gold(project), labeler, WRONG)
    rankings = "/api/v1/projects/work/rankings/"
    assert manager.get(rankings).json()["results"] == []
    assert manager.get(f"{rankings}?ended=true").json()["results"] == []
    assert len(manager.get(f"{rankings}?purpose=gold").json()["results"]) == 1
    assert manager.get(f"{rankings}?purpose=repeat").json()["results"] == []
    assert manager.get(f"{rankings}?purpose=x").status_code == 400
    own = as_user(labeler)
    assert len(own.get(rankings).json()["results"]) == 1
    assert own.get(f"{rankings}?purpose=gold").status_code == 403
