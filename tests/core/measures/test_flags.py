"""Classes of a binary head: names, votes, and each figure worked out by hand."""

import math
import random
from itertools import product
from typing import Any

import numpy as np
import pytest

from formats.wilson import wilson
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.measures.classes import flag_report
from rewardtrain.core.measures.flags import collect_votes, flag_of, labels_of

RUDE = ("not_rude", "rude")


def texts(*said: list[bool]) -> list[Group]:
    """One text each, flagged by as many labelers as there are answers."""
    return [
        Group(
            f"t{place}",
            "test",
            (Message("user", ""),),
            (f"text {place}",),
            tuple(Ranking(f"l{n}", (1,), flags=({"rude": answer},)) for n, answer in enumerate(answers)),
        )
        for place, answers in enumerate(said)
    ]


def logits_of(*ahead: float) -> Any:
    """Logits whose difference, positive minus negative, is as given."""
    return np.array([[0.5, 0.5 + each] for each in ahead], dtype=np.float32)


def report(groups: list[Group], logits: Any, **more: Any) -> dict[str, Any]:
    found = flag_report(groups, logits, RUDE, samples=200, seed=0, **more)
    assert found is not None
    return found


def test_classes_are_named_after_the_flag_and_the_names_give_it_back() -> None:
    """`hateful` with false as the wanted value: the reward is the logit of not hateful."""
    binary, inverted = TrainConfig(head="binary"), TrainConfig(head="binary", flag_positive=False)
    assert labels_of(TrainConfig(), None) == ()
    assert labels_of(binary, "helpful") == ("not_helpful", "helpful")
    assert labels_of(inverted, "hateful") == ("hateful", "not_hateful")
    assert labels_of(binary, None) == ("negative", "positive")
    for config, flag in product((binary, inverted), ("rude", "not_rude", "not_not_rude")):
        assert flag_of(labels_of(config, flag)) == (flag, config.flag_positive)
    assert flag_of(("negative", "positive")) is None
    assert flag_of(("LABEL_0",)) is None


def test_votes_stand_where_their_completion_is() -> None:
    """Two completions of one prompt, then a text of its own; a completion that nobody spoke of has no vote."""
    two = Group(
        "p", "test", (Message("user", "hi"),), ("a", "b"), (Ranking("ann", (1, 2), flags=({}, {"rude": True})),)
    )
    votes = collect_votes([two, *texts([False, True])], RUDE)
    assert votes.index.tolist() == [1, 2, 2]
    assert votes.positive.tolist() == [True, False, True]
    assert votes.cluster.tolist() == [0, 1, 1]
    assert votes.margins(np.array([[9.0, 9.0], [1.0, 3.0], [0.0, 5.0]])).tolist() == [2.0, -5.0, 5.0]


def test_where_false_is_wanted_the_positive_class_is_the_flag_absent() -> None:
    assert collect_votes(texts([False], [True]), ("rude", "not_rude")).positive.tolist() == [True, False]


def test_the_roc_auc_counts_equal_scores_half() -> None:
    """Positives at 2, 1; negatives at 1, 0. Of four combinations 2>1, 2>0, 1>0 and one of equals: 3.5 of 4."""
    got = report(texts([True], [True], [False], [False]), logits_of(2, 1, 1, 0))
    assert got["roc_auc"]["value"] == 3.5 / 4
    assert got["roc_auc"]["low"] is got["roc_auc"]["high"] is None
    got = report(texts(*[[True], [True], [False], [False]] * 3), logits_of(*[2, 1, 1, 0] * 3))
    assert got["roc_auc"]["low"] < got["roc_auc"]["value"] == 3.5 / 4 < got["roc_auc"]["high"] <= 1.0


def test_an_area_is_known_no_better_than_its_rarer_class() -> None:
    """Thirty texts, four of which are rude, are too few for an interval; five are enough."""
    for n_rude in (4, 5):
        said = [[place < n_rude] for place in range(30)]
        area = report(texts(*said), logits_of(*(place % 7 for place in range(30))))["roc_auc"]
        assert (area["low"] is None) is (n_rude == 4)


def test_where_nothing_is_wrong_an_area_is_not_certain_to_be_one() -> None:
    """Six and eight texts apart: as a share of six of six. The same of a champion that is right on all of them too."""
    said = [[place < 6] for place in range(14)]
    ours = logits_of(*(5 - place for place in range(14)))
    got = report(texts(*said), ours, rival=(2 * ours, RUDE))
    assert got["roc_auc"] == {"value": 1.0, "low": pytest.approx(wilson(1.0, 6)[0]), "high": 1.0}
    most = pytest.approx(wilson(0.0, 6)[1])
    apart = got["champion"]["difference"]["roc_auc"]
    assert (apart["value"], -apart["low"], apart["high"]) == (0.0, most, most)


def test_the_roc_auc_equals_the_slow_reference_over_votes() -> None:
    draw = random.Random(0)
    groups = texts(*[[draw.random() < 0.4 for _ in range(draw.randint(1, 3))] for _ in range(40)])
    logits = logits_of(*[draw.randint(-3, 3) for _ in groups])
    sides: dict[bool, list[float]] = {True: [], False: []}
    for group, (low, high) in zip(groups, logits.tolist(), strict=True):
        for ranking in group.rankings:
            sides[ranking.flags[0]["rude"]].append(high - low)
    wins = [(one > other) + (one == other) / 2 for one in sides[True] for other in sides[False]]
    assert report(groups, logits)["roc_auc"]["value"] == pytest.approx(sum(wins) / len(wins))


def test_precision_recall_and_f1_of_each_class() -> None:
    """Said rude: three, of which two are; said not rude: two, of which one is. So of `rude` precision is 2/3, recall
    2/3; of `not_rude` 1/2 and 1/2. Three of five are right, and three of five is what `rude` always said would have."""
    got = report(texts([True], [True], [False], [False], [True]), logits_of(3, 1, 1, -2, -1))
    negative, positive = got["classes"]
    assert (positive["label"], positive["n"], negative["label"], negative["n"]) == ("rude", 3, "not_rude", 2)
    assert [positive[name]["value"] for name in ("precision", "recall", "f1")] == pytest.approx([2 / 3] * 3)
    assert [negative[name]["value"] for name in ("precision", "recall", "f1")] == pytest.approx([1 / 2] * 3)
    assert got["accuracy"]["value"] == pytest.approx(3 / 5)
    assert got["baseline"]["class"] == "rude"
    assert got["baseline"]["accuracy"]["value"] == pytest.approx(3 / 5)


def test_precision_is_of_what_is_called_so() -> None:
    """Said rude: four, of which three are found; said not rude: six, of which one is called rude. So precision and
    recall of `rude` are 3/4 and 3/4, of `not_rude` 5/6 and 5/6; J is 3/5 and 5/7, each vote of a text of its own. A
    score between the classes is half of each."""
    found = [True, True, True, False, True, False, False, False, False, False]
    got = report(texts(*[[place < 4] for place in range(10)]), logits_of(*(1 if each else -1 for each in found)))
    negative, positive = got["classes"]
    assert [positive[name]["value"] for name in ("precision", "recall", "f1")] == pytest.approx([3 / 4] * 3)
    assert [negative[name]["value"] for name in ("precision", "recall", "f1")] == pytest.approx([5 / 6] * 3)
    low, high = wilson(3 / 5, 4)  # of five votes as many as scatter like these: 5 - 1
    assert (positive["f1"]["low"], positive["f1"]["high"]) == pytest.approx(
        (2 * low / (1 + low), 2 * high / (1 + high))
    )
    half = report(texts([True], [False]), logits_of(0, 0))["classes"][1]
    assert [half[name]["value"] for name in ("precision", "recall", "f1")] == pytest.approx([1 / 2] * 3)


def test_log_loss_stands_beside_that_of_the_base_rate_and_before_calibration() -> None:
    """Chances 3/4, 3/4 and 3/4 of the wrong class: (2 ln(4/3) + ln 4) / 3; the base rate's is the entropy of 2/3. Half
    the temperature is twice the raw difference, whose chances are 9/10."""
    got = report(
        texts([True], [False], [True]), logits_of(math.log(3), -math.log(3), -math.log(3)), class_temperature=2
    )
    assert got["log_loss"]["value"] == pytest.approx((2 * math.log(4 / 3) + math.log(4)) / 3)
    assert got["log_loss_raw"]["value"] == pytest.approx((2 * math.log(10 / 9) + math.log(10)) / 3)
    assert got["baseline"]["log_loss"]["value"] == pytest.approx(math.log(3) - 2 / 3 * math.log(2))
    assert got["ece"]["value"] == pytest.approx(3 / 4 - 2 / 3)
    assert got["ece_raw"]["value"] == pytest.approx(9 / 10 - 2 / 3)


def test_labelers_who_differ_are_votes_of_their_own() -> None:
    got = report(texts([True, True, False], [False]), logits_of(1, -1))
    assert (got["n_votes"], got["n_completions"]) == (4, 2)
    assert got["accuracy"]["value"] == pytest.approx(3 / 4)


def test_votes_of_one_class_have_no_roc_auc_and_no_precision_of_the_other() -> None:
    got = report(texts([True], [True]), logits_of(1, 2))
    assert got["roc_auc"] is None
    assert got["baseline"]["accuracy"]["value"] == 1.0
    assert got["baseline"]["log_loss"]["value"] == 0
    nothing = dict.fromkeys(("precision", "recall", "f1"))
    assert got["classes"][0] == {"label": "not_rude", "n": 0, "n_prompts": 0, **nothing}


@pytest.mark.parametrize("labels", [("negative", "positive"), RUDE, ()])
def test_there_is_no_section_without_votes(labels: tuple[str, ...]) -> None:
    assert flag_report(texts([], []), logits_of(1, 2), labels, samples=100, seed=0) is None


def test_a_good_classifier_has_narrower_intervals_with_more_texts() -> None:
    draw = np.random.default_rng(0)

    def width(n: int) -> float:
        said = draw.random(n) < 0.5
        auc = report(texts(*[[bool(each)] for each in said]), logits_of(*(draw.normal(size=n) + said)))["roc_auc"]
        assert auc["low"] < auc["value"] < auc["high"]
        return float(auc["high"] - auc["low"])

    assert width(800) < width(80) / 2


def test_each_threshold_carries_what_becomes_of_the_votes() -> None:
    """Chances 0.9, 0.6, 0.6 and 0.2, of which the second and the last are of the other class."""
    ahead = [math.log(9), math.log(1.5), math.log(1.5), -math.log(4)]
    curve = report(texts([True], [False], [True], [False]), logits_of(*ahead))["curve"]
    at = {
        round(cut, 6): (hit, false)
        for cut, hit, false in zip(curve["thresholds"], curve["true_positives"], curve["false_positives"], strict=True)
    }
    assert (curve["positives"], curve["negatives"]) == (2, 2)
    assert curve["thresholds"] == sorted(curve["thresholds"], reverse=True)
    assert {cut: at[cut] for cut in (0.95, 0.7, 0.5, 0.1)} == {
        0.95: (0, 0),
        0.7: (1, 0),
        0.5: (2, 1),
        0.1: (2, 2),
    }


def test_a_curve_has_a_few_hundred_points_however_many_the_texts_and_gives_the_roc_auc_again() -> None:
    draw = np.random.default_rng(0)
    said = draw.random(3000) < 0.4
    got = report(texts(*[[bool(each)] for each in said]), logits_of(*(draw.normal(size=3000) + 1.5 * said)))
    curve = got["curve"]
    assert len(curve["thresholds"]) <= 299
    sensitivity = np.array([0, *curve["true_positives"], curve["positives"]]) / curve["positives"]
    false = np.array([0, *curve["false_positives"], curve["negatives"]]) / curve["negatives"]
    assert np.trapezoid(sensitivity, false) == pytest.approx(got["roc_auc"]["value"], abs=0.002)


def test_the_champion_stands_beside_on_the_same_votes_whichever_way_its_classes_are_named() -> None:
    groups = texts([True], [False], [True], [False], [True])
    ours, theirs = logits_of(2, -1, 1, -2, 1), logits_of(1, 1, -1, -1, 0)
    got = report(groups, ours, rival=(theirs, RUDE))["champion"]
    assert got == report(groups, ours, rival=(theirs[:, ::-1], ("rude", "not_rude")))["champion"]
    alone = report(groups, theirs)
    assert got["log_loss"] == alone["log_loss"]
    assert got["roc_auc"] == alone["roc_auc"]
    own = report(groups, ours)
    assert got["difference"]["log_loss"]["value"] == pytest.approx(
        own["log_loss"]["value"] - alone["log_loss"]["value"]
    )
    assert got["difference"]["roc_auc"]["value"] == pytest.approx(own["roc_auc"]["value"] - alone["roc_auc"]["value"])
    more, thrice = texts(*[[True], [False], [True], [False], [True]] * 3), np.tile(ours, (3, 1))
    equal = report(more, thrice, rival=(thrice, RUDE))["champion"]["difference"]
    assert equal == {name: {"value": 0, "low": 0, "high": 0} for name in ("log_loss", "roc_auc")}


def test_a_champion_of_another_flag_or_without_classes_is_not_compared() -> None:
    groups = texts([True], [False])
    assert report(groups, logits_of(1, -1), rival=(logits_of(1, -1), ("not_kind", "kind")))["champion"] is None
    assert report(groups, logits_of(1, -1), rival=(np.zeros((2, 1)), ()))["champion"] is None


def test_the_distance_to_the_base_rate_has_an_interval_of_its_own() -> None:
    got = report(texts(*[[True], [False]] * 3), logits_of(*[3, -3] * 3))
    difference = got["baseline"]["difference"]
    assert difference["value"] == pytest.approx(got["log_loss"]["value"] - got["baseline"]["log_loss"]["value"])
    assert difference["low"] <= difference["value"] <= difference["high"]
