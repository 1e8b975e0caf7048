"""Every rule that the database keeps of runs, models and what models said, fired."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from labeling.models import Project
from rewardtrain.models import (
    AutoLabelJob,
    BestOfJob,
    CandidateRow,
    Evaluation,
    ModelPreference,
    PromptScore,
    RetrainPolicy,
    RewardModel,
    RunPoint,
    TrainingRun,
)
from rewardtrain.registry import champions
from tests.factories import make_project, make_prompt
from tests.labeling.test_constraints import refused
from tests.rewardtrain.conftest import make_auto_labels, make_model, make_report, make_run, make_version, score_prompt

pytestmark = pytest.mark.django_db
STATES = [(TrainingRun, "run"), (AutoLabelJob, "auto_label_job"), (BestOfJob, "best_of_job")]


@pytest.fixture
def project(db: None) -> Project:
    return make_project(slug="helpful")


@pytest.fixture
def model(project: Project) -> RewardModel:
    return make_model(project, make_report(), version=make_version(project, training_pairs=10))


@pytest.fixture
def labels(model: RewardModel) -> AutoLabelJob:
    return make_auto_labels(model)


@pytest.fixture
def best_of(model: RewardModel) -> BestOfJob:
    job = BestOfJob.objects.create(project=model.project, reward_model=model, number=1)
    CandidateRow.objects.create(job=job, place=1, external_id="a", prompt="?", completions=[])
    return job


@pytest.fixture
def preference(labels: AutoLabelJob) -> ModelPreference:
    prompt = make_prompt(labels.project)
    chosen, rejected = prompt.completions.all()[:2]
    return ModelPreference.objects.create(
        job=labels,
        reward_model=labels.reward_model,
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        probability=0.9,
    )


def again(row: models.Model, **changes: object) -> Callable[[], object]:
    """Writes another row with what this one has, but for the changes."""
    fields: dict[str, Any] = {
        field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key
    }
    return lambda: type(row)._default_manager.create(**{**fields, **changes})


def changed(row: models.Model, **changes: object) -> Callable[[], object]:
    return lambda: type(row)._default_manager.filter(pk=row.pk).update(**changes)


# --- Runs and jobs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), STATES, ids=[name for _, name in STATES])
def test_a_state_is_one_that_is_known(
    kind: type[models.Model], name: str, labels: AutoLabelJob, best_of: BestOfJob
) -> None:
    refused(f"{name}_state_known", lambda: kind._default_manager.update(state="asleep"))


@pytest.mark.parametrize(("kind", "name"), STATES, ids=[name for _, name in STATES])
def test_a_number_is_given_once_in_a_project(
    kind: type[models.Model], name: str, labels: AutoLabelJob, best_of: BestOfJob
) -> None:
    row = kind._default_manager.all()[0]
    refused(f"{name}_number_once", again(row, state="failed"))


def test_a_run_has_one_of_two_depths_and_each_depth_one_active_run(project: Project, model: RewardModel) -> None:
    version = model.run.dataset_version
    run = make_run(project, state="queued", version=version)
    refused("run_depth_known", changed(run, depth="deep"))
    refused("run_one_active_per_depth", again(run, number=run.number + 1, state="running"))
    again(run, number=run.number + 1, depth="head")()
    again(run, number=run.number + 2, state="succeeded")()
    again(run, number=1, project_id=make_project().pk)()


def test_a_step_has_one_point(model: RewardModel) -> None:
    point = RunPoint.objects.create(run=model.run, step=3, loss=0.5)
    refused("run_point_once_per_step", again(point, loss=0.4))


def test_a_policy_waits_for_one_pair_at_least(project: Project) -> None:
    policy = RetrainPolicy.objects.create(project=project)
    for name in ("every_pairs", "first_minimum", "head_every_pairs"):
        refused("retrain_policy_counts_positive", changed(policy, **{name: 0}))
        changed(policy, **{name: 1})()
    changed(policy, cooldown_minutes=0)()


# --- Models -----------------------------------------------------------------------------------------------------------


def test_a_project_has_one_champion_and_a_version_is_given_once(project: Project, model: RewardModel) -> None:
    champions.promote(model, by=None, reason="the first", past_gate=True)
    other = make_model(project, make_report(), version=model.run.dataset_version)
    refused("reward_model_one_champion", changed(other, champion=True))
    refused("reward_model_version_once", changed(other, version=model.version))


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, 1.5])
def test_a_threshold_is_a_probability(model: RewardModel, threshold: float) -> None:
    name = "reward_model_threshold_is_a_probability"
    refused(name, changed(model, threshold=threshold, threshold_at=timezone.now()))


def test_a_threshold_was_chosen_at_some_time(model: RewardModel) -> None:
    name = "reward_model_threshold_is_a_probability"
    refused(name, changed(model, threshold=0.5))
    refused(name, changed(model, threshold_at=timezone.now()))
    changed(model, threshold=0.5, threshold_at=timezone.now())()


def test_an_evaluation_has_all_figures_of_its_pairs_or_none_without_any(model: RewardModel) -> None:
    """Written anew, for one that is there never changes."""
    evaluation = model.evaluations.get()
    figures = ("accuracy", "accuracy_low", "accuracy_high", "log_loss")
    for name in figures:
        refused("evaluation_figures_of_pairs", again(evaluation, split="all", **{name: None}))
    refused("evaluation_figures_of_pairs", again(evaluation, split="all", n_pairs=0))
    again(evaluation, split="all", n_pairs=0, **dict.fromkeys(figures))()


def test_a_split_is_evaluated_once_and_an_evaluation_never_changes(model: RewardModel) -> None:
    evaluation = model.evaluations.get()
    refused("evaluation_once_per_model_and_split", again(evaluation))
    refused("evaluation_never_changes", changed(evaluation, accuracy=0.99))
    refused("evaluation_never_changes", Evaluation.objects.filter(pk=evaluation.pk).delete)


def test_of_an_evaluation_the_name_of_a_labeler_may_change_and_nothing_beside_it(model: RewardModel) -> None:
    evaluation = model.evaluations.get()
    part = {"labeler": "lena", "n": 3}
    report = {**evaluation.report, "by_labeler": [part]}
    refused("evaluation_never_changes", changed(evaluation, report=report))
    model = make_model(model.project, report, version=evaluation.dataset_version)
    evaluation = model.evaluations.get()
    changed(evaluation, report={**report, "by_labeler": [{**part, "labeler": "erased-person-7"}]})()
    refused("evaluation_never_changes", changed(evaluation, report={**report, "by_labeler": [{**part, "n": 4}]}))
    refused("evaluation_never_changes", changed(evaluation, report={**report, "n_pairs": 0}))


# --- What models said -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.5, 1.0, 0.2])
def test_automatic_labels_have_a_threshold_that_decides(labels: AutoLabelJob, threshold: float) -> None:
    refused("auto_label_job_threshold_decides", changed(labels, threshold=threshold))


def test_a_project_has_one_active_job_of_automatic_labels(labels: AutoLabelJob) -> None:
    again(labels, number=2, state="queued")()
    refused("auto_label_job_one_active", again(labels, number=3, state="running"))
    again(labels, number=3, state="cancelled")()


def test_a_model_prefers_one_completion_to_another_and_says_so_once(preference: ModelPreference) -> None:
    turned = {"chosen_id": preference.rejected_id, "rejected_id": preference.chosen_id}
    refused("model_preference_sides_differ", changed(preference, rejected=preference.chosen_id))
    refused("model_preference_once_per_model", again(preference))
    refused("model_preference_once_per_model", again(preference, **turned))


@pytest.mark.parametrize("probability", [0.5, 0.1, 1.01])
def test_a_models_preference_is_likelier_than_a_coin(preference: ModelPreference, probability: float) -> None:
    refused("model_preference_probability_decides", changed(preference, probability=probability))


def test_a_models_preference_is_of_its_prompt_and_of_its_jobs_model(
    project: Project, preference: ModelPreference
) -> None:
    foreign = make_prompt(project).completions.all()[0]
    other = make_model(project, make_report(), version=preference.reward_model.run.dataset_version)
    for side in ("chosen", "rejected"):
        refused(f"model_preference_{side}_of_its_prompt", changed(preference, **{side: foreign}))
    refused("model_preference_model_of_its_job", changed(preference, reward_model=other))


def test_a_model_says_one_thing_of_a_prompt(model: RewardModel) -> None:
    score = score_prompt(model, make_prompt(model.project), [1.0, 0.0])
    refused("prompt_score_once_per_model", again(score))
    assert PromptScore.objects.count() == 1


def test_a_line_of_an_upload_and_its_id_are_there_once(best_of: BestOfJob) -> None:
    row = best_of.rows.get()
    refused("candidate_row_place_once", again(row, external_id="b"))
    refused("candidate_row_once_per_job", again(row, place=2))
    again(row, place=2, external_id="b")()


def test_every_rule_of_these_tables_is_fired_above(db: None) -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    kinds = (TrainingRun, RunPoint, RetrainPolicy, RewardModel, Evaluation, AutoLabelJob, ModelPreference, PromptScore)
    names = {rule.name for kind in (*kinds, BestOfJob, CandidateRow) for rule in kind._meta.constraints}
    made = {f"{name}_{rule}" for _, name in STATES for rule in ("state_known", "number_once")}
    referenced = {"auto_label_job_id_model"}  # what model_preference_model_of_its_job refers to
    assert {name for name in names - made - referenced if f'"{name}"' not in text} == set()
