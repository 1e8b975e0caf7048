"""A prompt says whether people disagree about it, whatever is done to its rankings and by whom."""

from __future__ import annotations

import random
import threading
from collections import defaultdict

import pytest
from django.db import connection

from labeling.answers import rankings
from labeling.answers.side_by_side import compared, side_by_side
from labeling.data.revising import revisions
from labeling.data.withdrawing import withdrawals
from labeling.models import Assignment, Project, Prompt, RankedCompletion, Ranking, User
from labeling.queue import claims
from tests.factories import answer, claimed, join, make_import, make_project, make_prompt, rank, tiers_of

FLAGS = ({"name": "rude", "label": "Rude"},)


def disagree(prompt: Prompt) -> bool:
    """Says it anew from the live rankings: some two orders, or some two answers where nothing is ordered, differ."""
    ranks: defaultdict[int, dict[int, int]] = defaultdict(dict)
    answers: defaultdict[tuple[int, str], set[bool]] = defaultdict(set)
    rows = list(RankedCompletion.objects.filter(prompt=prompt, ranking__live=True))
    for row in rows:
        ranks[row.ranking_id][row.completion_id] = row.rank
    for row in rows:
        if len(set(ranks[row.ranking_id].values())) == 1:
            for name, said in row.flags.items():
                answers[row.completion_id, name].add(said)
    n, agreed = compared(list(ranks.values()))
    return n != agreed or any(len(said) > 1 for said in answers.values())


def noted(project: Project) -> list[bool]:
    return list(Prompt.objects.filter(project=project).order_by("pk").values_list("disagrees", flat=True))


@pytest.fixture
def project(db: None) -> Project:
    return make_project(overlap=3, flags=FLAGS)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((1, 2, 3), (1, 2, 3), False),
        ((1, 2, 3), (1, 3, 2), True),
        ((1, 2, 2), (1, 3, 2), False),  # a tie contradicts nobody
        ((1, 1, 1), (3, 2, 1), False),
        ((1, 2, 2), (2, 1, 1), True),
    ],
)
def test_people_disagree_where_two_completions_stand_in_opposite_orders(
    project: Project, first: tuple[int, ...], second: tuple[int, ...], expected: bool
) -> None:
    make_prompt(project, k=3)
    rank(project, join(project), first)
    assert noted(project) == [False]
    rank(project, join(project), second)
    assert noted(project) == [expected]


def test_answers_to_questions_disagree_where_one_says_yes_and_one_no(db: None) -> None:
    project = make_project(kind="classification", overlap=3, flags=FLAGS)
    prompt = make_prompt(project, k=1)
    people = [join(project) for _ in range(3)]
    answer(project, people[0], rude=True)
    answer(project, people[1], rude=True)
    assert noted(project) == [False]
    last = answer(project, people[2], rude=False)
    assert noted(project) == [True]
    rankings.withdraw(last.assignment)
    assert noted(project) == [False]
    assert disagree(prompt) is False


def test_of_two_who_rank_at_once_the_later_sees_the_earlier(transactional_db: None) -> None:
    project = make_project(overlap=2)
    make_prompt(project, k=2)
    tasks = [claimed(project, join(project)) for _ in range(2)]
    ready = threading.Barrier(2)

    def submit(place: int) -> None:
        try:
            tiers = tiers_of(tasks[place])
            ready.wait()
            rankings.submit(tasks[place], {"tiers": tiers if place else tiers[::-1]})
        finally:
            connection.close()

    # Each sees an order of their own: both put the completion first that has the lower key, then the other way round.
    threads = [threading.Thread(target=submit, args=[place]) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [prompt] = project.prompts.all()
    assert prompt.disagrees == disagree(prompt)
    assert prompt.ranked == 2


def test_imported_rankings_say_so_at_once(db: None) -> None:
    project = make_project(overlap=1)
    row = (
        '{"id": "%s", "prompt": "Say it.", "completions": [{"id": "a", "text": "One %s"}, {"id": "b", "text": "Two"}],'
        ' "rankings": [{"labeler": "x", "ranks": [1, 2]}, {"labeler": "y", "ranks": %s}]}'
    )
    make_import(project, "\n".join(row % (name, name, ranks) for name, ranks in (("p", [2, 1]), ("q", [1, 2]))))
    assert dict(project.prompts.values_list("external_id", "disagrees")) == {"p": True, "q": False}


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_done_to_its_rankings_a_prompt_says_what_they_say(project: Project, seed: int) -> None:
    draw = random.Random(seed)
    people = [join(project) for _ in range(4)]
    prompt = make_prompt(project, k=3)
    for _ in range(25):
        act = draw.choice([_rank, _rank, _change, _change, _withdraw, _take_out, _put_back])
        act(project, people, draw)
        [prompt] = project.prompts.all()
        assert prompt.disagrees == disagree(prompt), act
        keys = list(prompt.completions.values_list("pk", flat=True))
        assert prompt.disagrees == any(said.differs for said in side_by_side(prompt, keys).said)


def _rank(project: Project, people: list[User], draw: random.Random) -> None:
    if (assignment := claims.claim(project, draw.choice(people))) is not None:
        rankings.submit(assignment, _answer(assignment, draw))


def _change(project: Project, _people: list[User], draw: random.Random) -> None:
    if (chosen := _live(project, draw)) is not None:
        rankings.amend(chosen.assignment, _answer(chosen.assignment, draw))


def _withdraw(project: Project, _people: list[User], draw: random.Random) -> None:
    if (chosen := _live(project, draw)) is not None:
        rankings.withdraw(chosen.assignment)


def _take_out(project: Project, _people: list[User], _draw: random.Random) -> None:
    withdrawals.withdraw(project, [project.prompts.get().external_id])


def _put_back(project: Project, _people: list[User], _draw: random.Random) -> None:
    withdrawals.restore(project, [project.prompts.get().external_id])


def _live(project: Project, draw: random.Random) -> Ranking | None:
    stored = list(Ranking.objects.filter(project=project, live=True))
    return draw.choice(stored) if stored else None


def _answer(assignment: Assignment, draw: random.Random) -> dict[str, object]:
    orders = [tuple(draw.randint(1, 3) for _ in range(3)), (1, 1, 1), (1, 2, 3)]
    tiers = tiers_of(assignment, draw.choice(orders))
    return {"tiers": tiers, "flags": {key: {"rude": draw.random() < 0.5} for tier in tiers for key in tier}}


def test_corrected_texts_have_nobody_who_disagrees_about_them(project: Project) -> None:
    prompt = make_prompt(project, k=2)
    for ranks in ((1, 2), (2, 1)):
        rank(project, join(project), ranks)
    prompt.refresh_from_db()
    assert prompt.disagrees
    revisions.revise(project, prompt, base=1, messages=[{"role": "user", "content": "Say it otherwise."}], by=None)
    prompt.refresh_from_db()
    assert not prompt.disagrees
