"""Finding one's own answers again by their words."""

from __future__ import annotations

import pytest

from labeling.answers import rankings
from labeling.models import Prompt, Ranking
from tests.factories import claimed, ids_of, join, make_project, make_prompt, tiers_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ranking() -> Ranking:
    project = make_project()
    prompt = make_prompt(project, texts=["Grüße aus KÖLN", "100 % sure", 'snake_case \\ "quoted"', "二番目の答え"])
    Prompt.objects.filter(pk=prompt.pk).update(
        messages=[
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": 'She said "hello";\nwhere is the Rhine?'},
        ]
    )
    assignment = claimed(project, join(project))
    note = {ids_of(assignment)[0]: "Wrong year."}
    answer = {"tiers": tiers_of(assignment), "comment": "Hard to tell apart.", "notes": note}
    return rankings.submit(assignment, answer).ranking


@pytest.mark.parametrize(
    "words",
    [
        "",
        "   ",
        "rhine",
        "BRIEFLY",
        '"hello"',
        "köln",
        "grü",
        "答え",
        "apart.",
        "wrong YEAR",
        "rhine köln apart year",
        "100 %",
        "snake_case",
        "\\",
        '"quoted"',
        "rhine\0köln",
    ],
)
def test_every_word_is_found_wherever_it_stands(ranking: Ranking, words: str) -> None:
    assert list(rankings.search(Ranking.objects.all(), words)) == [ranking]


@pytest.mark.parametrize(
    "words",
    [
        "danube",
        "rhine danube",
        "snakeXcase",
        "snake%case",
        "r_ine",
        "%%",
        "user",
        "content",
        "nwhere",
        "secret-model-0",
    ],
)
def test_what_no_word_of_it_says_is_not_found(ranking: Ranking, words: str) -> None:
    assert not rankings.search(Ranking.objects.all(), words)


def test_it_looks_only_at_the_rankings_it_is_given(ranking: Ranking) -> None:
    assert not rankings.search(Ranking.objects.exclude(pk=ranking.pk), "rhine")
    assert not rankings.search(Ranking.objects.none(), "")


def test_a_pasted_text_is_searched_by_its_first_words(ranking: Ranking) -> None:
    assert list(rankings.search(Ranking.objects.all(), "rhine " * 20 + "danube " * 5_000)) == [ranking]
