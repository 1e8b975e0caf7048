"""Thresholds: each figure worked out by hand, the presets, and the doors at which one is chosen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from formats.wilson import wilson
from labeling.errors import Conflict, Invalid
from labeling.models import Project, Role
from rewardtrain.models import RewardModel
from rewardtrain.registry import thresholds
from tests.factories import join, make_project, make_user
from tests.reports import draw_flag_report, draw_report, with_effective
from tests.rewardtrain.conftest import make_model, make_version

FLAGS = [{"name": "hateful", "label": "Hateful"}]
# Ten votes for the class and ten against it.
CURVE = {
    "thresholds": [0.9, 0.5, 0.1],
    "true_positives": [2, 8, 10],
    "false_positives": [0, 2, 10],
    "positives": 10,
    "negatives": 10,
}


def flags(n_prompts: int = 20) -> dict[str, Any]:
    """Each text with as many labels, all the same: as many independent ones as there are texts."""
    return {"curve": with_effective(CURVE, worth=n_prompts / 20), "n_votes": 20, "n_prompts": n_prompts}


def test_the_confusion_matrix_and_its_figures_at_a_threshold() -> None:
    """At 0.5: 8 of 10 found, 2 of 10 called so wrongly. F1 is 2 * 8 / (2 * 8 + 2 + 2)."""
    at = thresholds.outcome_at(flags(), 0.52)
    counts = (at.true_positives, at.false_positives, at.false_negatives, at.true_negatives)
    assert (at.threshold, counts) == (0.5, (8, 2, 2, 8))
    values = (at.precision.value, at.recall.value, at.f1.value, at.false_positive_rate.value)
    assert values == pytest.approx((0.8, 0.8, 0.8, 0.2))
    assert (at.precision.low, at.precision.high) == wilson(0.8, 10)
    assert at.f1.low is not None
    assert at.f1.high is not None
    assert at.f1.low < 0.8 < at.f1.high


def test_labels_of_one_text_by_several_people_do_not_narrow_an_interval() -> None:
    precision = thresholds.outcome_at(flags(n_prompts=10), 0.5).precision
    assert (precision.low, precision.high) == wilson(0.8, 5)
    assert precision.n == 10


def test_presets_are_the_best_of_what_was_measured() -> None:
    best, precise, complete = thresholds.presets(flags())
    assert [preset.outcome and preset.outcome.threshold for preset in (best, precise, complete)] == [0.5, 0.9, 0.1]


def test_a_preset_that_nothing_reaches_says_so() -> None:
    never = {**flags(), "curve": {**flags()["curve"], "false_positives": [5, 8, 10]}}
    assert thresholds.presets(never)[1].outcome is None


@pytest.mark.parametrize("value", ["", "abc", "0", "1", "-0.2", "nan", "inf", True])
def test_a_threshold_that_is_none_is_named(value: object) -> None:
    with pytest.raises(Invalid, match="above 0 and below 1"):
        thresholds.parse(value)


@pytest.fixture
def project(db: None) -> Project:
    return make_project(slug="texts", kind=Project.Kind.CLASSIFICATION, flags=FLAGS)


@pytest.fixture
def model(project: Project) -> RewardModel:
    return make_model(project, draw_flag_report(), version=make_version(project, training_pairs=0))


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(name: str) -> str:
    return reverse(name, args=["texts", 1])


@pytest.mark.parametrize("n_labels", [1, 4])
def test_a_figure_has_the_same_words_on_the_models_page_and_at_the_threshold_of_a_half(
    project: Project, n_labels: int
) -> None:
    """That is where the model's page says which class is predicted."""
    report = draw_flag_report(n=40, skill=0.8, n_labels=n_labels)
    made = make_model(project, report, version=make_version(project, training_pairs=0))
    client = client_of(project.created_by)
    of_model = rows(client.get(address("model")).content.decode(), after="Class")
    at_half = rows(client.get(address("threshold"), {"threshold": "0.5"}).content.decode(), after="Figure")
    f1, interval, precision, recall, _ = of_model["not_hateful"]
    assert at_half["F1"][:2] == [f1, interval]
    assert (at_half["Precision"][0], at_half["Recall"][0]) == (precision, recall)
    flags, outcome = made.flags, thresholds.outcome_at(made.flags or {}, 0.5)
    assert flags
    positive = flags["classes"][1]
    for name in ("precision", "recall", "f1"):
        rate = getattr(outcome, name)
        assert positive[name] == {"value": rate.value, "low": rate.low, "high": rate.high}


def rows(page: str, *, after: str) -> dict[str, list[str]]:
    """The cells of each row of the table whose first heading is this."""
    table = page.partition(f'<th scope="col">{after}</th>')[2].partition("</table>")[0]
    found = re.findall(r'<tr>\s*<th scope="row">(.*?)</th>(.*?)</tr>', table, re.DOTALL)
    return {name: [re.sub("<.*?>", "", cell).strip() for cell in cells.split("</td>")[:-1]] for name, cells in found}


def test_a_manager_chooses_and_the_page_says_who_and_what(project: Project, model: RewardModel) -> None:
    client = client_of(project.created_by)
    text = " ".join(client.get(address("threshold"), {"threshold": "0.3"}).content.decode().split())
    assert "Use the threshold 0.300" in text
    assert "Nobody has chosen yet" in text
    assert "Confusion matrix" in text
    answer = client.post(address("threshold"), {"threshold": "0.3"}, follow=True)
    text = " ".join(answer.content.decode().split())
    assert "<strong>0.300</strong>" in text
    assert f"Chosen by {project.created_by}" in text
    model.refresh_from_db()
    assert (model.threshold, model.threshold_by) == (0.3, project.created_by)


def test_a_threshold_that_is_wrong_is_refused_in_words_and_changes_nothing(
    project: Project, model: RewardModel
) -> None:
    client = client_of(project.created_by)
    answer = client.get(address("threshold"), {"threshold": "7"})
    assert answer.status_code == 422
    assert "not 7." in answer.content.decode()
    assert "not 7." in client.post(address("threshold"), {"threshold": "7"}, follow=True).content.decode()
    model.refresh_from_db()
    assert model.threshold is None


def test_the_api_sets_it_and_says_it_of_the_model(project: Project, model: RewardModel) -> None:
    client = client_of(project.created_by)
    put = client.put(address("rewardtrain_api:model_threshold"), {"threshold": 0.25}, content_type="application/json")
    assert put.status_code == 200
    [listed] = client.get(reverse("rewardtrain_api:models", args=["texts"])).json()["results"]
    assert listed == put.json()
    assert (listed["threshold"], listed["threshold_by"]) == (0.25, project.created_by.username)  # type: ignore[union-attr]
    [evaluation] = listed["evaluations"]
    assert (evaluation["n_pairs"], evaluation["accuracy"], evaluation["baseline_longer"]) == (0, None, None)
    assert (evaluation["flag"]["name"], evaluation["flag"]["positive"]) == ("hateful", False)
    assert evaluation["flag"]["n_labels"] == 300
    bad = client.put(address("rewardtrain_api:model_threshold"), {"threshold": 1}, content_type="application/json")
    assert (bad.status_code, bad.json()["errors"][0]["attr"]) == (400, "threshold")


def test_only_managers_set_it(project: Project, model: RewardModel) -> None:
    def put(client: Client) -> int:
        api = address("rewardtrain_api:model_threshold")
        return client.put(api, {"threshold": 0.25}, content_type="application/json").status_code

    assert put(client_of(join(project, Role.LABELER))) == put(client_of(join(project, Role.REVIEWER))) == 403
    assert put(client_of(make_user())) == 404
    assert put(Client()) == 401
    model.refresh_from_db()
    assert model.threshold is None


def test_a_model_that_classifies_nothing_has_none(db: None) -> None:
    ranking = make_project(slug="ranks")
    scalar = make_model(ranking, draw_report(), version=make_version(ranking, training_pairs=1))
    with pytest.raises(Conflict, match="Version 1 has no thresholds"):
        thresholds.choose(scalar, 0.5, by=None)
    answer = client_of(ranking.created_by).get(reverse("threshold", args=["ranks", 1]))
    assert "Version 1 has no thresholds" in answer.content.decode()


def test_the_database_holds_that_it_is_a_probability(model: RewardModel) -> None:
    with pytest.raises(IntegrityError, match="reward_model_threshold_is_a_probability"), transaction.atomic():
        RewardModel.objects.filter(pk=model.pk).update(threshold=1.5)


def test_pages_of_a_classifier_show_what_it_is_judged_by(project: Project, model: RewardModel) -> None:
    client = client_of(project.created_by)
    area = model.evaluations.get().report["flags"]["roc_auc"]
    for name, args in {"models": [], "model": [1], "runs": [], "run": [1], "project_machine": []}.items():
        answer = client.get(reverse(name, args=["texts", *args]))
        assert answer.status_code == 200
        if name in ("models", "model"):
            assert f"{area['value']:.3f}" in answer.content.decode()
            assert f"({area['low']:.3f} to {area['high']:.3f}, n = " in answer.content.decode()
