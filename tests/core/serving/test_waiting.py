"""What goes into a batch, whose turn comes next, and what choosing costs."""

import random
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.score import Scorer
from rewardtrain.core.serving.waiting import Request, Taken, Waiting
from tests.growth import calls_of


@dataclass(eq=False)
class Model:
    """What is looked at of a scorer."""

    packs: bool


def model(*, packs: bool = False) -> Scorer:
    return cast(Scorer, Model(packs))


MODEL, PACKING = model(), model(packs=True)


def request(*lengths: int, scorer: Any = MODEL) -> Request:
    """Sequences of these lengths, of which no two are equal."""
    sequences = []
    for index, length in enumerate(lengths):
        ids = np.full(length, index, dtype=np.int32)
        sequences.append(Encoded(ids, np.zeros(length, dtype=np.int8), False, False))
    return Request(scorer, sequences)


def lengths(taken: Taken) -> list[list[int]]:
    return [[len(request.sequences[index]) for index in indices] for request, indices in taken]


def waiting(*requests: Request) -> Waiting:
    all_ = Waiting()
    for each in requests:
        all_.add(each)
    return all_


def test_a_batch_is_the_longest_of_whose_turn_it_is_and_what_is_nearest_below() -> None:
    all_ = waiting(request(9, 4), request(3, 12, 8))
    assert lengths(all_.take(18)) == [[9], [8]]
    assert lengths(all_.take(100)) == [[12, 3], [4]]
    assert (len(all_), all_.tokens) == (0, 0)


def test_a_sequence_over_the_budget_goes_alone() -> None:
    all_ = waiting(request(9, 4))
    assert [lengths(all_.take(1)), lengths(all_.take(1))] == [[[9]], [[4]]]


def test_where_a_prompts_pass_is_shared_its_own_completions_go_first() -> None:
    all_ = waiting(request(9, 2, 3, scorer=PACKING), request(8, 7, scorer=PACKING))
    assert lengths(all_.take(36)) == [[9, 3, 2], [8]]


def test_each_caller_alone_where_the_benchmark_asks_for_it() -> None:
    all_ = waiting(request(9, 2), request(9))
    assert lengths(all_.take(100, across=False)) == [[9, 2]]


@pytest.mark.parametrize("packs", [False, True])
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_batches_are_those_that_a_look_at_all_that_waits_gives(seed: int, across: bool, packs: bool) -> None:
    """Callers of two models come, go and are served; every batch is the sorted beginning of all that waits."""
    random_ = random.Random(seed)
    models = [model(packs=packs) for _ in range(2)]
    all_, plain = Waiting(), list[tuple[Request, list[int]]]()
    for _ in range(60):
        if random_.random() < 0.6:
            new = request(*random_.choices(range(1, 9), k=random_.randint(1, 12)), scorer=random_.choice(models))
            all_.add(new)
            plain.append((new, list(new.distinct[0])))
        elif plain and random_.random() < 0.3:
            gone = random_.choice(plain)
            all_.drop(gone[0].done)
            plain.remove(gone)
        elif plain:
            budget = random_.randint(1, 60)
            assert all_.take(budget, across=across) == wanted(plain, budget, across)
        assert len(all_) == len(plain)
        assert all_.tokens == sum(len(each.sequences[index]) for each, left in plain for index in left)
    assert not (all_ and all_.first is not plain[0][0])


def wanted(plain: list[tuple[Request, list[int]]], budget: int, across: bool) -> Taken:
    """The rule as it is said: sort everything, take the beginning, and go behind the others."""
    first = plain[0][0]
    longest = max(len(first.sequences[index]) for index in plain[0][1])
    places = sorted(
        (first.scorer.packs and each is not first, -len(each.sequences[index]), turn, index)
        for turn, (each, left) in enumerate(plain)
        if each is first or (across and each.scorer is first.scorer)
        for index in left
        if len(each.sequences[index]) <= longest
    )
    chosen = dict[int, list[int]]()
    for *_, turn, index in places[: max(1, budget // longest)]:
        chosen.setdefault(turn, []).append(index)
        plain[turn][1].remove(index)
    taken = [(plain[turn][0], indices) for turn, indices in chosen.items()]
    plain.append(plain.pop(0))
    plain[:] = [each for each in plain if each[1]]
    return taken


@pytest.mark.parametrize("packs", [False, True])
@pytest.mark.parametrize("each", [1, 64])
def test_to_choose_batches_costs_in_proportion_to_what_is_chosen(each: int, packs: bool) -> None:
    """However many wait: of four times as many the calls are four times as many."""

    def serve(number: int) -> None:
        all_, scorer = Waiting(), model(packs=packs)
        for _ in range(number // each):
            all_.add(request(*(4 + index % 13 for index in range(each)), scorer=scorer))
        while all_:
            all_.take(64)

    few, many = calls_of(lambda: serve(1024)), calls_of(lambda: serve(4096))
    assert many < 4.4 * few
