"""The automatic labeler through its page, its API and its command."""

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from rest_framework.test import APIClient

from jobs import lifecycle
from labeling.models import Project, Role, User
from rewardtrain.models import AutoLabelJob
from rewardtrain.registry import champions
from tests.factories import join, make_project, make_prompt, make_user, rank
from tests.labeling.api.client import as_user, errors_of
from tests.rewardtrain.conftest import make_auto_labels, make_classifiers, make_model, make_report, rank_prompts
from tests.rewardtrain.test_views import client_of, page

pytestmark = pytest.mark.django_db
JOBS = "/api/v1/projects/helpful/auto-labels/"


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(manager=make_user("manager"), slug="helpful")
    rank_prompts(project, train=2, test=1, validation=1)
    champions.promote(make_model(project, make_report()), by=None, reason="the first")
    for _ in range(3):
        make_prompt(project)
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


def test_a_job_is_accepted_and_shows_its_counts(client: APIClient) -> None:
    response = client.post(JOBS, {"threshold": 0.8})
    assert response.status_code == 202
    job = response.json()
    assert (job["id"], job["state"], job["model"], job["threshold"], job["total"]) == (1, "queued", 1, 0.8, 7)
    assert job["prompts"] == {"decided": 0, "partly": 0, "left": 0}
    assert client.get(JOBS).json()["results"] == [job]
    assert client.get(f"{JOBS}1/").json() == job
    again = client.post(JOBS)
    assert (again.status_code, errors_of(again)) == (409, [("job_active", None)])


@pytest.mark.parametrize(
    ("body", "error"),
    [({"threshold": 0.5}, "threshold"), ({"threshold": "sure"}, "invalid"), ({"threshold": 1}, "threshold")],
)
def test_a_threshold_that_can_not_be_is_refused(client: APIClient, body: dict[str, Any], error: str) -> None:
    response = client.post(JOBS, body)
    assert (response.status_code, errors_of(response)) == (400, [(error, "threshold")])


def test_a_job_is_cancelled_only_once(client: APIClient) -> None:
    client.post(JOBS)
    assert client.post(f"{JOBS}1/cancel/").json()["state"] == "cancelled"
    again = client.post(f"{JOBS}1/cancel/")
    assert (again.status_code, errors_of(again)) == (409, [("job_ended", None)])


def rank_more(project: Project) -> None:
    """Three prompts of four completions and nine of two, after the model's version was frozen; then it labels."""
    labeler = join(project)
    for _ in range(9):
        make_prompt(project, k=2)
    for _ in range(12):
        rank(project, labeler)
    make_auto_labels(project.reward_models.get())


def test_the_agreement_has_n_interval_and_baseline(client: APIClient, project: Project) -> None:
    rank_more(project)
    found = client.get(f"{JOBS}agreement/").json()
    assert (found["model"], found["raw"], found["threshold"]) == (1, False, 0.9)
    held_out = found["held_out"]
    assert (held_out["n_prompts"], held_out["right"]["n"]) == (12 + 1, 9 + (3 + 1) * 6), "the test prompt too"
    assert found["learnt"]["n_prompts"] == 3
    assert 0 <= held_out["right"]["low"] <= held_out["right"]["value"] <= held_out["right"]["high"] <= 1
    assert held_out["longer"]["n"] == sum(band["right"]["n"] for band in held_out["bands"]) == 33
    assert client.get(f"{JOBS}agreement/?model=1&raw=true").json()["raw"] is True
    for value in ("7", "first", "9" * 30):
        response = client.get(f"{JOBS}agreement/?model={value}")
        assert (response.status_code, errors_of(response)) == (404, [("unknown_model", "model")])


def test_page_and_api_hold_the_model_to_the_threshold_of_its_newest_job(client: APIClient, project: Project) -> None:
    rank_more(project)
    AutoLabelJob.objects.update(threshold=0.65)
    found = client.get(f"{JOBS}agreement/").json()
    sure = found["held_out"]["sure"]
    assert (found["threshold"], sure["n"] > 0) == (0.65, True)
    shown = page(client_of(project.created_by), project, "auto_labels").replace("\N{NO-BREAK SPACE}", " ")
    assert "65 %" in shown
    assert re.search(rf'data-label="Pairs">\s*{sure["n"]}\s*<', shown)


def test_the_api_is_for_managers(client: APIClient, project: Project, people: dict[str, User | None]) -> None:
    client.post(JOBS)
    expected = {"manager": 200, "reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401, "administrator": 200}
    for url in (JOBS, f"{JOBS}1/", f"{JOBS}agreement/"):
        assert {who: as_user(user).get(url).status_code for who, user in people.items()} == expected
    refused = {who: status for who, status in expected.items() if status != 200}
    for who, status in refused.items():
        assert as_user(people[who]).post(JOBS).status_code == status
        assert as_user(people[who]).post(f"{JOBS}1/cancel/").status_code == status
    assert AutoLabelJob.objects.get().state == "queued"


def test_the_page_starts_shows_and_cancels(project: Project) -> None:
    manager = client_of(project.created_by)
    first = page(manager, project, "auto_labels")
    assert "<strong>3 prompts</strong> without a ranking, read by model 1" in first
    assert "Nothing to compare yet" in first
    address = reverse("auto_labels", args=[project.slug])
    answer = manager.post(address, {"threshold": "85"})
    assert answer.status_code == 302
    job = lifecycle.claim(AutoLabelJob, AutoLabelJob.objects.get().pk)
    assert job is not None
    assert job.threshold == 0.85
    lifecycle.heartbeat(job, done=3, kept=4)
    polled = page(manager, project, "auto_labels", hx_request="true")
    assert "3 of 7" in polled
    assert "4 pairs kept" in polled
    assert "<h1>" not in polled
    manager.post(reverse("auto_label_cancel", args=[project.slug, 1]))
    job.refresh_from_db()
    assert job.cancel_requested
    lifecycle.end(job, "cancelled")
    assert manager.get(address, headers={"hx-request": "true"}).headers["HX-Refresh"] == "true"


@pytest.mark.parametrize("value", ["50", "100", "-1", "nan", "", "sure"])
def test_the_page_says_what_is_wrong_with_a_threshold(project: Project, value: str) -> None:
    answer = client_of(project.created_by).post(reverse("auto_labels", args=[project.slug]), {"threshold": value})
    assert "field__error" in answer.content.decode()
    assert not AutoLabelJob.objects.exists()


def test_the_page_leads_with_prompts_it_can_not_have_learnt_from(project: Project) -> None:
    rank_more(project)
    shown = page(client_of(project.created_by), project, "auto_labels")
    assert "On 13 prompts that it can't have learnt from, model 1 agrees with people on" in shown
    assert "longer wins" in shown
    assert '512 <span class="soft">of 1,800</span>' in shown


def test_an_empty_project_is_told_what_to_do_first() -> None:
    empty = make_project()
    assert "There is no champion yet" in page(client_of(empty.created_by), empty, "auto_labels")


def test_a_project_that_classifies_is_offered_best_of_n_alone() -> None:
    texts = make_project(kind=Project.Kind.CLASSIFICATION, flags=[{"name": "hateful", "label": "Hateful"}])
    make_classifiers(texts)
    manager = client_of(texts.created_by)
    models = page(manager, texts, "models")
    assert "Best of N" in models
    assert "Automatic labels" not in models
    shown = page(manager, texts, "auto_labels")
    assert "this project asks yes or no of each text" in shown
    assert "Start labeling" not in shown
    assert "Beside people" not in shown


def test_the_command_asks_for_a_job(project: Project) -> None:
    said = io.StringIO()
    call_command("prefer", project.slug, threshold=0.8, stdout=said)
    assert said.getvalue() == "Automatic labels 1 are queued: 7 prompts, model 1.\n"
    with pytest.raises(CommandError, match="are being made"):
        call_command("prefer", project.slug)
    with pytest.raises(CommandError, match="There is no project 'nowhere'"):
        call_command("prefer", "nowhere")
    with pytest.raises(CommandError, match=r"above 0.5 and below 1.*got 2"):
        call_command("prefer", project.slug, threshold=2.0)
