"""The report's section on flags beside what scikit-learn makes of the same votes."""

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from rewardtrain.core.data.groups import Group
from tests.core.measures.judged import Voted, reported, same, scored


def test_the_flags_areas_and_losses_are_those_of_scikit_learn(flags: dict[str, Any], voted: Voted) -> None:
    assert flags["n_votes"] == len(voted.rude)
    assert flags["n_prompts"] == len(set(voted.prompts))
    assert flags["roc_auc"]["value"] == pytest.approx(roc_auc_score(voted.rude, voted.ahead))
    assert flags["roc_auc_of_reward"]["value"] == pytest.approx(roc_auc_score(voted.rude, voted.reward))
    for name, scale in (("log_loss", 1.0), ("log_loss_raw", 1.3)):
        chances = [1 / (1 + math.exp(-each * scale)) for each in voted.ahead]
        assert flags[name]["value"] == pytest.approx(log_loss(voted.rude, chances))


def test_the_base_rates_figures_are_those_of_a_constant(flags: dict[str, Any], voted: Voted) -> None:
    rate, n = sum(voted.rude) / len(voted.rude), len(voted.rude)
    baseline = flags["baseline"]
    assert baseline["class"] == ("rude" if rate >= 0.5 else "not_rude")
    assert baseline["accuracy"]["value"] == pytest.approx(max(rate, 1 - rate))
    assert baseline["log_loss"]["value"] == pytest.approx(log_loss(voted.rude, [rate] * n))
    assert baseline["difference"]["value"] == pytest.approx(flags["log_loss"]["value"] - baseline["log_loss"]["value"])
    assert baseline["log_loss"]["low"] < baseline["log_loss"]["value"] <= baseline["log_loss"]["high"] < math.log(2)


def test_each_classes_rates_are_those_of_scikit_learn(groups: list[Group], rewards: list[list[float]]) -> None:
    """No vote is at a margin of 0 here, which scikit-learn would give to one class whole."""
    odd = [[value + 0.25 for value in each] for each in rewards]
    scores = scored(odd, flags=True)
    ahead = (scores.logits[:, 1] - scores.logits[:, 0]).tolist()
    assert 0 not in ahead
    found = reported(groups, scores)["flags"]
    said, called, start = list[bool](), list[bool](), 0
    for group in groups:
        for ranking, place in product(group.rankings, range(len(group.completions))):
            if "rude" in ranking.flags[place]:
                said.append(ranking.flags[place]["rude"])
                called.append(ahead[start + place] > 0)
        start += len(group.completions)
    assert found["accuracy"]["value"] == pytest.approx(accuracy_score(said, called))
    wanted = np.array(precision_recall_fscore_support(said, called))
    for label, part in enumerate(found["classes"]):
        got = [part[name]["value"] for name in ("precision", "recall", "f1")]
        assert [*got, part["n"]] == pytest.approx(wanted[:, label])
        assert all(part[name]["low"] < part[name]["value"] < part[name]["high"] for name in ("precision", "recall"))


def test_each_threshold_of_the_curve_has_the_confusion_of_scikit_learn(flags: dict[str, Any], voted: Voted) -> None:
    curve, chances = flags["curve"], [1 / (1 + math.exp(-each)) for each in voted.ahead]
    assert len(curve["thresholds"]) > 99
    assert {round(place / 100, 9) for place in range(1, 100)} <= {round(cut, 9) for cut in curve["thresholds"]}
    # Halfway to the next lower threshold, where no vote lies: rounding is no matter there.
    between = [(one + other) / 2 for one, other in zip(curve["thresholds"], [*curve["thresholds"][1:], 0], strict=True)]
    for place in range(0, len(between), 7):
        called = [chance >= between[place] for chance in chances]
        (_, false), (_, true) = confusion_matrix(voted.rude, called, labels=[False, True])
        assert (curve["true_positives"][place], curve["false_positives"][place]) == (true, false)
    assert (curve["positives"], curve["negatives"]) == (sum(voted.rude), len(voted.rude) - sum(voted.rude))


def test_a_thresholds_rates_are_worth_as_many_votes_as_its_intervals_say(flags: dict[str, Any], voted: Voted) -> None:
    """What is a share of called or of said votes: recall at a half is that of the class, with the same interval."""
    curve = flags["curve"]
    assert set(curve["effective"]) == {"precision", "recall", "false_positive_rate", "f1"}
    assert all(len(numbers) == len(curve["thresholds"]) for numbers in curve["effective"].values())
    for place in range(0, len(curve["thresholds"]), 11):
        true, false = curve["true_positives"][place], curve["false_positives"][place]
        for name, most in (
            ("precision", true + false),
            ("recall", curve["positives"]),
            ("false_positive_rate", curve["negatives"]),
            ("f1", curve["positives"] + false),
        ):
            number = curve["effective"][name][place]
            assert (number is None) == (most == 0), name
            assert number is None or 1 <= number <= most, name


def test_the_other_names_give_the_same_figures_with_the_classes_swapped(
    groups: list[Group], rewards: list[list[float]], flags: dict[str, Any]
) -> None:
    """A head whose positive class is not rude, with its logits the other way round, is the same model."""
    scores = scored(rewards, flags=True, class_temperature=1.3)
    turned = replace(scores, logits=scores.logits[:, ::-1].copy(), labels=("rude", "not_rude"))
    found = reported(groups, turned)["flags"]
    assert found["flag"] == {"name": "rude", "positive": False}
    assert flags["flag"] == {"name": "rude", "positive": True}
    assert found["roc_auc"] == pytest.approx(flags["roc_auc"])
    for name in ("accuracy", "baseline", "log_loss", "log_loss_raw", "ece"):
        assert same(found[name], flags[name]), name
    assert same(found["classes"][::-1], flags["classes"])
    assert found["curve"]["positives"] == flags["curve"]["negatives"]
