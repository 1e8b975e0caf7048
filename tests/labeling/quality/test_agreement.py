"""Agreement between people, its interval and its n."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.wilson import wilson
from labeling.quality.agreement import project_agreement
from labeling.quality.comparisons import agreement_of
from rewardtrain.core.measures import intervals
from tests.factories import join, make_project, make_prompt, rank


def test_it_is_unknown_until_two_people_ranked_one_prompt() -> None:
    assert agreement_of([]).value is None


def test_a_share_of_comparisons_with_its_interval() -> None:
    agreement = agreement_of([(6, 6), (6, 3), (6, 4), (6, 5)])
    assert agreement.value == pytest.approx(18 / 24)
    assert agreement.low is not None
    assert agreement.high is not None
    assert 0 < agreement.low < 0.75 < agreement.high < 1
    assert (agreement.n_pairs, agreement.n_prompts) == (24, 4)


def test_full_agreement_on_few_prompts_is_not_certainty() -> None:
    agreement = agreement_of([(6, 6), (6, 6)])
    assert agreement.value == 1
    assert agreement.low is not None
    assert agreement.low < 0.5


def test_wilson_s_interval_is_the_published_one() -> None:
    """p = 0.5, n = 10: centre 0.5, half = 1.96 / (1 + 0.38416) * sqrt(0.025 + 0.009604) = 0.26341."""
    assert wilson(0.5, 10) == pytest.approx((0.23659, 0.76341), abs=1e-4)


@pytest.mark.django_db
def test_ties_are_left_out_and_opposite_choices_disagree() -> None:
    project = make_project(overlap=2)
    make_prompt(project, k=3)
    rank(project, join(project), [1, 2, 3])
    rank(project, join(project), [2, 1, 2])  # b > a, b > c, a = c: disagrees on ab, agrees on bc, ac left out
    agreement = project_agreement(project)
    assert (agreement.value, agreement.n_pairs) == (0.5, 2)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=8))
def test_people_s_agreement_has_the_interval_that_every_share_of_a_report_has(prompts: list[tuple[int, int]]) -> None:
    rows = [(n, min(n, agreed)) for n, agreed in prompts]
    people = agreement_of(rows)
    hits = np.array([float(place < agreed) for n, agreed in rows for place in range(n)])
    share = intervals.share_estimate(hits, np.repeat(np.arange(len(rows)), [n for n, _ in rows]))
    assert (people.value, people.low, people.high) == pytest.approx(tuple(share.values()), abs=1e-9)
