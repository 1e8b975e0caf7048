"""Marks of an answer that left a rest below the best: what it says is marked, and nothing else."""

from __future__ import annotations

from labeling.quality.practising.marking import REST, mark

KNOWN = {11: 1, 12: 2, 13: 3, 14: 4}


def counted(given: dict[int, int]) -> tuple[int, float]:
    marked = mark(KNOWN, {}, given=given, said={}, asked=[])
    return marked.total, marked.right


def test_of_the_best_two_five_comparisons_are_marked_and_none_of_the_rest() -> None:
    rest = dict.fromkeys(KNOWN, REST)
    assert counted({**rest, 11: 1, 12: 2}) == (5, 5)
    assert counted({**rest, 12: 1, 11: 2}) == (5, 4)
    assert counted({**rest, 14: 1, 13: 2}) == (5, 0)
    assert counted({**rest, 11: 1, 12: 1}) == (5, 4.5)


def test_of_all_all_are_marked_and_of_none_nothing() -> None:
    assert counted(dict(KNOWN)) == (6, 6)
    assert counted({}) == (0, 0)
