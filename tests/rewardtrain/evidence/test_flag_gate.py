"""The gate of models that classify: each check passed and refused, with its words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from labeling.models import Project
from rewardtrain.evidence import LABELS
from rewardtrain.registry import champions
from rewardtrain.registry.gate import Gate, gate
from tests.factories import make_project
from tests.reports import draw_flag_report, draw_report
from tests.rewardtrain.conftest import make_model, make_version


def judged(**report: Any) -> Gate:
    return gate(draw_flag_report(**report), LABELS)


def test_a_first_classifier_passes_below_the_base_rate_and_above_chance() -> None:
    found = judged()
    assert found.passed
    loss, area = found.reasons
    assert re.match(r"Log loss 0\.\d+ is below the base rate's 0\.\d+ beyond noise, on 300 test labels", loss)
    assert re.match(r"ROC AUC 0\.\d+ \(0\.\d+ to 0\.\d+\) is above chance with its whole interval", area)


def test_a_classifier_that_knows_nothing_is_refused_by_both() -> None:
    found = judged(skill=0.02)
    assert not found.passed
    assert "is not below the base rate's" in found.reasons[0]
    assert "is not above chance" in found.reasons[1]


def test_too_few_labels_or_labels_that_all_say_the_same_judge_nothing() -> None:
    assert judged(n=12).reasons == [
        "The test split has 12 labels of 12 texts; at least 20 labels of 5 texts are needed to judge a model."
    ]
    assert judged(n=3, n_labels=9).reasons[0].startswith("The test split has 27 labels of 3 texts")
    found = judged(flagged=1e-9)
    assert not found.passed
    assert found.reasons == [
        "All 300 test labels say the same, so it can't be seen whether the model tells texts apart."
    ]


def test_an_area_of_too_few_texts_of_one_class_is_not_above_chance() -> None:
    """Some three of 300: all that the model tells apart is told of these."""
    report = draw_flag_report(flagged=0.01, skill=6.0, champion_skill=6.0)
    assert report["flags"]["roc_auc"]["low"] is None
    found = gate(report, LABELS)
    assert not found.passed
    assert re.match(r"ROC AUC [01]\.\d+ \(too few for an interval\) is not above chance", found.reasons[1])
    assert "is not below the" in found.reasons[3]


def test_a_later_classifier_may_fall_short_of_the_champion_by_noise_only() -> None:
    found = judged(champion_skill=1.5)
    assert found.passed
    assert "is not higher than the" in found.reasons[2]
    assert "of the champion beyond noise (difference" in found.reasons[2]
    found = judged(skill=0.8, champion_skill=3.0)
    assert not found.passed
    assert "is higher than the" in found.reasons[2]
    assert "is below the" in found.reasons[3]


def test_a_fine_tuning_is_held_against_the_newest_head_too() -> None:
    report = draw_flag_report(champion_skill=3.0)
    report["flags"]["head_rival"] = {"version": 7, **report["flags"]["champion"]}
    report["flags"]["champion"] = None
    found = gate(report, LABELS)
    assert not found.passed
    assert "of the newest head, version 7 beyond noise" in found.reasons[2]


def test_a_report_without_the_flag_is_refused() -> None:
    assert not gate(draw_report(), LABELS).passed


class TestRegistered:
    @pytest.fixture
    def project(self, db: None) -> Project:
        flags = [{"name": "hateful", "label": "Hateful"}]
        return make_project(slug="texts", kind=Project.Kind.CLASSIFICATION, flags=flags)

    def test_a_model_without_pairs_is_registered_and_has_no_figures_of_pairs(self, project: Project) -> None:
        model = make_model(project, draw_flag_report(), version=make_version(project, training_pairs=0))
        evaluation = model.evaluations.get()
        assert (evaluation.n_pairs, evaluation.accuracy, evaluation.log_loss) == (0, None, None)
        assert model.gate["passed"]
        assert [rule.words for rule in champions.rules(model, evaluation.report)] == model.gate["reasons"]

    def test_a_champion_that_classifies_something_else_leaves_it_to_a_person(self, project: Project) -> None:
        version = make_version(project, training_pairs=0)
        champion = make_model(project, draw_flag_report(), version=version)
        champions.promote(champion, by=None, reason="the first")
        model = make_model(project, draw_flag_report(), rival=champion, version=version)
        assert not model.gate["passed"]
        assert "does not classify what this model does: a person has to decide." in model.gate["reasons"][-1]
