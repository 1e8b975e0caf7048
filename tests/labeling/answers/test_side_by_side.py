"""A prompt's rankings side by side: where they differ, and how far two people agree on it."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import combinations

import pytest

from labeling.answers.side_by_side import answering_otherwise, compared, ordering_otherwise, side_by_side
from labeling.models import Project
from labeling.queue import claims
from tests.factories import answer, claimed, join, make_project, make_prompt, rank

FLAGS = ({"name": "rude", "label": "Rude"}, {"name": "wrong", "label": "Wrong"})


@pytest.mark.parametrize(
    ("rankings", "differ"),
    [
        ([], []),
        ([{1: 1, 2: 2}], [set()]),
        ([{1: 1, 2: 2}, {1: 1, 2: 2}], [set(), set()]),
        ([{1: 1, 2: 2}, {1: 2, 2: 1}], [{1, 2}, {1, 2}]),
        ([{1: 1, 2: 2}, {1: 2, 2: 1}, {1: 1, 2: 2}], [set(), {1, 2}, set()]),
        ([{1: 1, 2: 2}, {1: 1, 2: 1}], [set(), set()]),  # a tie contradicts nobody
        ([{1: 1, 2: 2, 3: 3}, {1: 1, 2: 3, 3: 2}], [{2, 3}, {2, 3}]),
        ([{1: 1, 2: 2}] * 2 + [{1: 2, 2: 1}] * 2, [{1, 2}] * 4),  # two against two: neither side is most
    ],
)
def test_whoever_orders_two_otherwise_than_most_of_the_others_differs_there(
    rankings: list[dict[int, int]], differ: list[set[int]]
) -> None:
    assert ordering_otherwise(rankings) == differ


@pytest.mark.parametrize("seed", range(50))
def test_comparisons_are_those_of_each_two_people(seed: int) -> None:
    draw = random.Random(seed)
    k = draw.randint(2, 5)
    rankings = [[draw.randint(1, k) for _ in range(k)] for _ in range(draw.randint(0, 5))]
    both = [
        (a[i] < a[j]) == (b[i] < b[j])
        for a, b in combinations(rankings, 2)
        for i, j in combinations(range(len(a)), 2)
        if a[i] != a[j] and b[i] != b[j]
    ]
    assert compared([dict(enumerate(ranks)) for ranks in rankings]) == (len(both), sum(both))


def test_a_question_that_most_others_answered_otherwise_is_marked() -> None:
    answers = [{1: {"rude": True}}, {1: {"rude": False}}, {1: {"rude": True}}]
    assert answering_otherwise(answers) == [set(), {1}, set()]
    assert answering_otherwise(answers[:2]) == [{1}, {1}]


@pytest.fixture
def project(db: None) -> Project:
    return make_project(overlap=3)


def test_a_prompt_s_rankings_stand_side_by_side_with_its_skips(
    project: Project, django_assert_num_queries: Callable
) -> None:
    prompt = make_prompt(project, k=3)
    keys = list(prompt.completions.values_list("pk", flat=True))
    first, second, third = (join(project, username=name) for name in ("ada", "bo", "cy"))
    rank(project, first, (1, 2, 2))
    rank(project, second, (3, 1, 2))
    claims.skip(claimed(project, third), "I can't read the language")
    with django_assert_num_queries(3):
        found = side_by_side(prompt, keys)
    assert [said.ranking.labeler.username for said in found.said] == ["ada", "bo"]
    assert [[place.rank for place in said.places] for said in found.said] == [[1, 2, 2], [3, 1, 2]]
    assert [[place.is_tied for place in said.places] for said in found.said] == [[False, True, True], [False] * 3]
    assert [said.differs for said in found.said] == [True, True]
    assert [(skip.labeler.username, skip.skip_reason) for skip in found.skips] == [("cy", "I can't read the language")]
    assert (found.n, found.agreed, found.has_more) == (2, 0, False)


def test_of_many_the_newest_are_read(project: Project) -> None:
    prompt = make_prompt(project, k=2)
    for name in ("ada", "bo", "cy"):
        rank(project, join(project, username=name))
    found = side_by_side(prompt, list(prompt.completions.values_list("pk", flat=True)), most=2)
    assert [said.ranking.labeler.username for said in found.said] == ["bo", "cy"]
    assert found.has_more


def test_answers_to_questions_differ_where_most_said_otherwise(db: None) -> None:
    project = make_project(kind="classification", flags=FLAGS, overlap=3)
    prompt = make_prompt(project, k=1)
    for name, rude in (("ada", True), ("bo", True), ("cy", False)):
        answer(project, join(project, username=name), rude=rude, wrong=False)
    found = side_by_side(prompt, list(prompt.completions.values_list("pk", flat=True)))
    assert [said.differs for said in found.said] == [False, False, True]
    assert found.n == 0
