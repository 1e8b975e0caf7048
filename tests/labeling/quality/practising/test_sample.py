"""How the practice task is marked."""

from __future__ import annotations

from itertools import combinations

from labeling.quality.practising import sample
from labeling.quality.practising.sample import COMPLETIONS, REASONS, REFERENCE, VERDICTS, Verdict, mark


def verdicts(*tiers: list[str]) -> list[Verdict]:
    return [comparison.verdict for comparison in mark(tiers).comparisons]


def test_the_reference_agrees_with_itself() -> None:
    marked = mark([[completion] for completion in REFERENCE])
    assert (marked.right, marked.total) == (6, 6)


def test_the_order_turned_round_has_every_comparison_reversed() -> None:
    assert verdicts(*([completion] for completion in reversed(REFERENCE))) == [Verdict.REVERSED] * 6


def test_a_tie_is_neither_right_nor_reversed() -> None:
    best, second, third, last = REFERENCE
    marked = mark([[second, best], [third], [last]])
    assert marked.right == 5
    assert marked.comparisons[0].verdict == Verdict.TIED
    assert verdicts([best, second, third, last]) == [Verdict.TIED] * 6


def test_one_swap_of_neighbours_costs_one_comparison() -> None:
    best, second, third, last = REFERENCE
    wrong = [one for one in mark([[best], [third], [second], [last]]).comparisons if one.verdict != Verdict.AGREED]
    assert [(one.better, one.worse, one.reason) for one in wrong] == [(second, third, REASONS[second, third])]


def test_every_completion_and_every_comparison_is_explained() -> None:
    assert sorted(REFERENCE) == sorted(COMPLETIONS) == sorted(VERDICTS)
    assert list(REASONS) == list(combinations(REFERENCE, 2))


def test_the_best_is_neither_shown_first_nor_the_longest() -> None:
    best = REFERENCE[0]
    assert next(iter(COMPLETIONS)) != best
    assert len(str(COMPLETIONS[best])) < max(len(str(text)) for text in COMPLETIONS.values())
    assert sample.PROMPT
