"""What must not matter to a report, and what must turn round."""

import random
from dataclasses import replace
from typing import Any

import pytest

from rewardtrain.core.data.groups import Group
from tests.core.measures.judged import drawn_rewards, reported, same, scored


def test_the_order_of_rows_of_completions_and_of_rankings_is_no_figure(
    groups: list[Group], rewards: list[list[float]], report: dict[str, Any]
) -> None:
    draw = random.Random(5)
    order = draw.sample(range(len(groups)), len(groups))
    shuffled, values = [], []
    for index in order:
        group = groups[index]
        places = draw.sample(range(len(group.completions)), len(group.completions))
        rankings = [
            replace(
                ranking,
                ranks=tuple(ranking.ranks[place] for place in places),
                flags=tuple(ranking.flags[place] for place in places),
            )
            for ranking in draw.sample(group.rankings, len(group.rankings))
        ]
        texts = tuple(group.completions[place] for place in places)
        shuffled.append(replace(group, completions=texts, rankings=tuple(rankings)))
        values.append([rewards[index][place] for place in places])
    again = reported(shuffled, scored(values, temperature=1.7, raw_scale=0.6))
    assert again["pairs_fingerprint"] == report["pairs_fingerprint"]
    assert same(again, report)


def test_the_opposite_rewards_are_wrong_where_these_are_right(
    groups: list[Group], rewards: list[list[float]], report: dict[str, Any]
) -> None:
    turned = reported(groups, scored([[-value for value in each] for each in rewards], temperature=1.7))
    assert turned["accuracy"]["value"] == pytest.approx(1 - report["accuracy"]["value"])
    assert turned["accuracy"]["low"] == pytest.approx(1 - report["accuracy"]["high"])
    assert turned["rewards"]["auc"]["value"] == pytest.approx(1 - report["rewards"]["auc"]["value"])
    assert turned["rewards"]["auc"]["low"] == pytest.approx(1 - report["rewards"]["auc"]["high"])
    assert turned["kendall_tau_b"]["value"] == pytest.approx(-report["kendall_tau_b"]["value"])
    assert turned["margins"]["value"] == pytest.approx(-report["margins"]["value"])
    assert turned["margins"]["size"] == pytest.approx(report["margins"]["size"])
    assert turned["people"]["with_both"]["n"] == report["people"]["against_both"]["n"] > 0


def test_a_constant_added_to_all_rewards_moves_the_histogram_alone(
    groups: list[Group], rewards: list[list[float]], report: dict[str, Any]
) -> None:
    moved = reported(
        groups, scored([[value + 8 for value in each] for each in rewards], temperature=1.7, raw_scale=0.6)
    )
    here, there = report["rewards"], moved["rewards"]
    assert there["edges"] == pytest.approx([edge + 8 for edge in here["edges"]])
    assert there["overlap"] == here["overlap"]
    assert there["chosen"]["mean"] == pytest.approx(here["chosen"]["mean"] + 8)
    assert same({**moved, "rewards": None}, {**report, "rewards": None})


def test_twice_the_rewards_at_twice_the_temperature_are_the_same_model(
    groups: list[Group], rewards: list[list[float]], report: dict[str, Any]
) -> None:
    twice = reported(groups, scored([[2 * v for v in each] for each in rewards], temperature=3.4, raw_scale=0.3))
    for name in ("log_loss", "log_loss_raw", "brier", "kendall_tau_b", "accuracy"):
        assert twice[name] == pytest.approx(report[name]), name
    assert all(same(twice[name], report[name]) for name in ("ece", "ece_raw", "people", "by_gap", "by_labeler"))
    assert twice["margins"]["sd"] == pytest.approx(2 * report["margins"]["sd"])


def test_ours_minus_the_champions_is_the_champions_minus_ours_turned_round(
    groups: list[Group], rewards: list[list[float]]
) -> None:
    """Draws of both are of the same prompts, so each end is the other's other end."""
    ours, theirs = scored(rewards, temperature=1.7), scored(drawn_rewards(groups, seed=9), temperature=0.8)
    here, there = reported(groups, ours, theirs), reported(groups, theirs, ours)
    for name in ("accuracy", "log_loss"):
        one, other = here["champion"]["difference"][name], there["champion"]["difference"][name]
        assert one["value"] == pytest.approx(here[name]["value"] - there[name]["value"])
        assert [-one["value"], -one["high"], -one["low"]] == pytest.approx(
            [other["value"], other["low"], other["high"]]
        )
        assert one["low"] < one["value"] < one["high"]
        assert here["champion"][name] == there[name]["value"]
        assert here["champion"][f"{name}_low"] == there[name]["low"]
        assert here["champion"][f"{name}_high"] == there[name]["high"]
