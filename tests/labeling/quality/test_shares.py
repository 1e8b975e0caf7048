"""Shares and medians of one person, with their intervals."""

from __future__ import annotations

import pytest

from labeling.quality.shares import Share, median_of, share_by_prompts, share_of


def test_a_share_has_wilson_s_interval() -> None:
    """p = 0.5, n = 10: see test_agreement."""
    share = share_of(5, 10)
    assert (share.value, share.n) == (0.5, 10)
    assert (share.low, share.high) == pytest.approx((0.23659, 0.76341), abs=1e-4)
    assert share_of(0, 0) == Share()
    assert share_of(1.0000001, 1).high == 1  # thirds of a tie, added


def test_cases_of_one_prompt_hang_together() -> None:
    """Ten prompts whose ten cases agree among themselves are ten observations, not a hundred."""
    together = share_by_prompts([(10, 10)] * 5 + [(10, 0)] * 5)
    alone = share_of(50, 100)
    assert together.value == alone.value == 0.5
    assert together.n_prompts == 10
    assert together.low is not None
    assert alone.low is not None
    assert together.low < alone.low - 0.1
    assert share_by_prompts([(0, 0)]) == Share(n_prompts=0)


def test_it_is_below_or_above_only_where_the_interval_leaves_no_doubt() -> None:
    share = share_of(30, 100)
    assert share.is_below(0.5)
    assert not share.is_below(0.31)
    assert share.is_above(0.1)
    assert not share.is_above(None)
    assert not Share().is_below(0.5)


def test_a_median_s_interval_lies_between_two_values() -> None:
    """n = 100: ranks 50 -+ 1.96 * 10 / 2, from the 41st value to the 61st (Conover, 1999)."""
    median = median_of([float(value) for value in range(1, 101)])
    assert (median.value, median.low, median.high, median.n) == (50.5, 41.0, 61.0, 100)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], (None, None, None)), ([7.0], (7.0, None, None)), ([1.0, 2.0, 9.0, 10.0], (5.5, None, None)),
     ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (3.5, 1.0, 6.0))],
)  # fmt: skip
def test_a_median_of_few_has_no_interval(values: list[float], expected: tuple[float | None, ...]) -> None:
    median = median_of(values)
    assert (median.value, median.low, median.high) == expected
