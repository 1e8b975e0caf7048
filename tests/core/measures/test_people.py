"""People and model, on pairs that two labelers judged."""

import math

import pytest

from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.measures import people


def group(prompt: str, *rankings: tuple[str, tuple[int, ...]]) -> Group:
    texts = ("a", "b", "c")[: len(rankings[0][1])]
    parsed = tuple(Ranking(labeler, ranks) for labeler, ranks in rankings)
    return Group(prompt, "test", (Message("user", prompt),), texts, parsed)


GROUPS = [group("one", ("ann", (1, 2, 3)), ("ben", (2, 1, 2))), group("two", ("ann", (1, 2)))]
# ann and ben on prompt one: a/b differ, b/c agree, a/c is tied by ben. Nobody but ann judged prompt two.


def test_the_human_ceiling_counts_pairs_that_two_labelers_ranked_without_tie() -> None:
    ceiling = people.human_ceiling(GROUPS)
    assert ceiling is not None
    assert (ceiling["agreement"], ceiling["n"]) == (0.5, 2)
    assert people.human_ceiling(GROUPS[1:]) is None


def test_the_same_labeler_twice_is_no_human_ceiling() -> None:
    twice = [group("p", ("ann", (1, 2)), ("ann", (1, 2)))]
    assert people.human_ceiling(twice) is None
    assert people.people_and_model(twice, [[0.0, 1.0]], temperature=1.0) is None


def test_the_model_is_with_both_people_or_against_both_where_these_agree() -> None:
    """Rewards ln 3, 0, ln 9: b > c by both is against the model, which gives c nine to one. a/b, on which they differ,
    it gives three to one, and a/c, which ben ties, one to three."""
    rewards = [[math.log(3), 0.0, math.log(9)], [0.0, 0.0]]
    got = people.people_and_model(GROUPS, rewards, temperature=1.0)
    assert got is not None
    assert (got["n"], got["n_prompts"], got["agree"]["n"], got["agree"]["accuracy"]) == (3, 1, 1, 0.0)
    assert got["against_both"] == {"n": 1, "n_prompts": 1, "confidence": pytest.approx(9 / 10)}
    assert got["with_both"] == {"n": 0, "n_prompts": 0, "confidence": None}
    assert got["disagree"] == {"n": 1, "n_prompts": 1, "confidence": pytest.approx(3 / 4)}
    assert got["tied"] == {"n": 1, "n_prompts": 1, "confidence": pytest.approx(3 / 4)}
    cooler = people.people_and_model(GROUPS, rewards, temperature=2.0)
    assert cooler is not None
    assert cooler["agree"]["confidence"] == pytest.approx(3 / 4)  # odds of nine become odds of three


def test_three_people_count_once_for_each_two() -> None:
    """a over b by ann and ben, b over a by eve: ann-ben agree, ann-eve and ben-eve don't."""
    three = [group("p", ("ann", (1, 2)), ("ben", (1, 2)), ("eve", (2, 1)))]
    got = people.people_and_model(three, [[1.0, 0.0]], temperature=1.0)
    assert got is not None
    assert (got["agree"]["n"], got["agree"]["accuracy"], got["disagree"]["n"], got["tied"]["n"]) == (1, 1.0, 2, 0)
    ceiling = people.human_ceiling(three)
    assert ceiling is not None
    assert (ceiling["agreement"], ceiling["n"]) == (pytest.approx(1 / 3), 3)


def test_judgements_count_ranks_without_holes_however_far_apart_they_are() -> None:
    assert list(Ranking("ann", (8, 1)).judgements()) == [(1, 0, 1)]
    many = Ranking("ann", (40, 8, 8, 1))
    assert list(many.judgements()) == [(1, 0, 1), (2, 0, 1), (3, 0, 2), (1, 2, 0), (3, 1, 1), (3, 2, 1)]


def test_kendall_tau_b_is_that_of_the_textbook() -> None:
    """Ranks 1 2 3 3 against rewards 3 2 2 1. Of six pairs: concordant 01 02 03 13, discordant none; 12 tied in rewards,
    23 tied in ranks. tau-b = 4 / sqrt((6 - 1) * (6 - 1)) = 0.8."""
    assert people.kendall_tau_b(Ranking("ann", (1, 2, 3, 3)), [3, 2, 2, 1]) == pytest.approx(0.8)
    assert people.kendall_tau_b(Ranking("ann", (1, 2)), [0.0, 1.0]) == -1.0
    assert people.kendall_tau_b(Ranking("ann", (1, 1)), [0.0, 1.0]) is None


def test_what_was_left_unranked_says_nothing_of_any_two_of_them() -> None:
    """The best two of five: 1 + 3 + 3 comparisons, and none of the 3 among the rest; tau is of these 7."""
    best = Ranking("ann", (3, 1, 3, 2, 3), rest_unranked=True)
    assert sorted(best.judgements()) == [(1, 0, 2), (1, 2, 2), (1, 3, 1), (1, 4, 2), (3, 0, 1), (3, 2, 1), (3, 4, 1)]
    assert people.kendall_tau_b(best, [0.0, 3.0, 0.1, 2.0, 0.2]) == 1.0


def test_two_people_agree_or_not_where_both_compared() -> None:
    """Bob ranked the best one alone, so of Ann's three pairs two are compared by both, and both are agreed on."""
    both = Group(
        *("p", "test", (Message("user", "p"),), ("a", "b", "c")),
        (Ranking("ann", (1, 2, 3)), Ranking("bob", (1, 2, 2), rest_unranked=True)),
    )
    ceiling = people.human_ceiling([both])
    assert ceiling is not None
    assert (ceiling["agreement"], ceiling["n"]) == (1.0, 2)


def test_mean_tau_leaves_out_rankings_that_have_none() -> None:
    """Two prompts at 1 and at -1, one that is all ties: their mean is 0 of two rankings, too few for an interval."""
    groups = [group("p", ("ann", (1, 2))), group("q", ("ann", (2, 1))), group("r", ("ann", (1, 1)))]
    got = people.mean_tau(groups, [[1.0, 0.0]] * 3, samples=300, seed=0)
    assert got == {"value": 0.0, "low": None, "high": None, "n": 2, "n_prompts": 2}
    assert people.mean_tau(groups[2:], [[1.0, 0.0]], samples=300, seed=0)["value"] is None
