"""What checks say about a person's care, and how often they are wrong about it."""

import pytest

from benchmarks.checks import WITHIN, simulate
from labeling.quality.checks.verdicts import (
    GOLD_MARKS,
    Action,
    Checked,
    Marks,
    check_flags,
    check_order,
    judge,
    share_of,
)

KNOWN = {11: 1, 12: 2, 13: 3, 14: 4}


def test_the_known_order_has_all_its_comparisons_right():
    assert check_order(KNOWN, KNOWN) == Checked(6, 6, pytest.approx(9 * 6 / 13))


def test_the_order_turned_round_has_none_right():
    found = check_order(KNOWN, {11: 4, 12: 3, 13: 2, 14: 1})
    assert found is not None
    assert (found.comparisons, found.right) == (6, 0)


def test_a_tie_of_what_is_ordered_is_half_right():
    found = check_order(KNOWN, dict.fromkeys(KNOWN, 1))
    assert found is not None
    assert (found.comparisons, found.right) == (6, 3)


def test_what_the_known_answer_ties_is_not_asked():
    found = check_order({11: 1, 12: 1, 13: 2}, {11: 1, 12: 2, 13: 3})
    assert found is not None
    assert (found.comparisons, found.right) == (2, 2)


def test_a_known_answer_that_orders_nothing_checks_nothing():
    assert check_order({11: 1, 12: 1}, {11: 1, 12: 2}) is None
    assert check_order({11: 1}, {11: 1}) is None
    assert check_order({}, KNOWN) is None


def test_completions_that_only_one_of_them_knows_are_left_out():
    found = check_order(KNOWN, {11: 1, 12: 2, 99: 3})
    assert found is not None
    assert (found.comparisons, found.right) == (1, 1)


def test_questions_are_right_where_they_are_answered_as_known():
    known = {11: {"hateful": True, "false": False}, 12: {"hateful": False, "false": False}}
    given = {11: {"hateful": True, "false": True}, 12: {"hateful": False}}
    assert check_flags(known, given) == Checked(4, 2, 4)
    assert check_flags({11: {}}, given) is None


def test_the_worth_of_a_check_is_that_of_random_orders():
    """Kendall's tau of a random order has the variance 2 (2 K + 5) / (9 K (K - 1)); the share is (1 + tau) / 2."""
    for k in range(2, 10):
        ranks = {n: n for n in range(1, k + 1)}
        found = check_order(ranks, ranks)
        assert found is not None
        assert found.worth == pytest.approx(0.25 / (2 * (2 * k + 5) / (9 * k * (k - 1)) / 4))


def answered(right: float, n: int) -> list[Checked]:
    return [Checked(6, right, 4.15)] * n


def test_nothing_is_said_before_there_is_enough():
    assert judge(answered(0, 16), ()).action is Action.NONE
    assert judge(answered(0, 17), ()).action is Action.PAUSE


def test_nothing_is_said_of_few_checks_however_much_each_is_worth():
    assert judge([Checked(36, 0, 14.1)] * 9, ()).action is Action.NONE
    assert judge([Checked(36, 0, 14.1)] * 10, ()).action is Action.PAUSE


def test_the_lower_end_is_held_against_the_mark_and_not_the_mean():
    checks = [Checked(6, right, 4.15) for right in (2, 3, 4, 5) * 5]
    share = share_of(checks)
    assert share.value is not None
    assert share.low is not None
    marks = Marks(pause=(share.value + share.low) / 2)
    assert judge(checks, (), of_golds=marks).action is Action.PAUSE
    assert judge(checks, (), of_golds=Marks(pause=share.low - 0.001)).action is Action.NONE


def test_the_harshest_mark_that_is_passed_says_what_is_done():
    marks = Marks(warn=0.9, pause=0.6, stop=0.3)
    assert judge(answered(6, 40), (), of_golds=marks).action is Action.NONE
    assert judge(answered(5, 40), (), of_golds=marks).action is Action.WARN
    assert judge(answered(3, 40), (), of_golds=marks).action is Action.PAUSE
    assert judge(answered(1, 40), (), of_golds=marks).action is Action.STOP
    assert judge(answered(0, 40), (), of_golds=Marks()).action is Action.NONE


def test_the_harsher_of_golds_and_repeats_is_done_and_named():
    both = judge(answered(6, 80), answered(0, 80))
    assert (both.action, both.because) == (Action.PAUSE, "repeat")
    assert (both.golds.value, both.repeats.value) == (1, 0)
    assert (both.golds.n, both.golds.n_prompts) == (480, 80)
    assert judge((), ()).action is Action.NONE
    assert judge((), ()).because == ""


@pytest.mark.parametrize(
    ("kinds", "soon", "ever"),
    [("gold", 0.97, 0.999), ("repeat", 0, 0.99), ("both", 0.97, 0.999)],
)
def test_who_guesses_is_paused(kinds: str, soon: float, ever: float):
    """Of a thousand who guess at orders of 4: within 20 golds; by repeats alone within 100."""
    paused = simulate(1000, 100, 4, None, kinds)
    assert sum(n is not None and n <= WITHIN for n in paused) / 1000 >= soon
    assert sum(n is not None for n in paused) / 1000 >= ever


@pytest.mark.parametrize("kinds", ["gold", "repeat", "both"])
def test_who_has_three_of_four_right_is_hardly_ever_paused(kinds: str):
    """Three thousand, for of a thousand it is five or eleven by chance."""
    paused = simulate(3000, 100, 4, 0.75, kinds, seed=1)
    assert sum(n is not None for n in paused) < 30


def test_a_gold_of_two_needs_four_times_as_many():
    """Each is a yes/no question: 20 of them don't tell three of four right from a coin, so nobody is judged by 20."""
    paused = simulate(200, 20, 2, None, "gold")
    assert paused == [None] * 200
    assert GOLD_MARKS.least > 20
