"""Whose sequences go together, and in which order."""

import numpy as np
import pytest

from rewardtrain.core.data.groups import parse_texts
from rewardtrain.core.device import choose_device
from rewardtrain.core.score import Scorer
from rewardtrain.core.serving import batcher as batching
from rewardtrain.core.serving.batcher import Batcher, Busy, Request, fill
from tests.core.finished import Save
from tests.core.serving.conftest import held

SHORT, LONG = (
    parse_texts("", "chess", ["answer"]),
    parse_texts("", "learn", ["please help you with this " * 3, "never"]),
)


@pytest.fixture
def scorer(save: Save) -> Scorer:
    return Scorer(save("model", 1)[0], choose_device(1))


def lengths(taken: list[tuple[Request, list[int]]]) -> list[list[int]]:
    return [[len(request.sequences[index]) for index in indices] for request, indices in taken]


def test_a_batch_is_the_longest_of_whose_turn_it_is_and_what_is_nearest_below(scorer: Scorer) -> None:
    one, other = Request(scorer, scorer.encode(LONG)), Request(scorer, scorer.encode(SHORT))
    longest, short = len(one.sequences[0]), len(other.sequences[0])
    taken = fill(one, [one, other], budget=2 * longest)
    assert lengths(taken) == [[longest, len(one.sequences[1])]]
    assert (one.left, other.left) == ([], [0])

    one = Request(scorer, scorer.encode(LONG))
    assert lengths(fill(other, [one, other], budget=10**6)) == [[len(one.sequences[1])], [short]] or short < 4
    assert one.left == [0]


def test_a_sequence_over_the_budget_goes_alone(scorer: Scorer) -> None:
    one = Request(scorer, scorer.encode(LONG))
    assert lengths(fill(one, [one], budget=1)) == [[len(one.sequences[0])]]
    assert one.left == [1]


def test_many_completions_of_one_do_not_keep_out_one_of_another(scorer: Scorer) -> None:
    batcher = Batcher(token_budget=16)
    many = parse_texts("", "chess", [f"{one} {other}" for one in "abcdefghijklmno" for other in "abcdefghijklmno"])
    with held(batcher):
        first = batcher.submit(scorer, scorer.encode(many))
        second = batcher.submit(scorer, scorer.encode(LONG))
        second.add_done_callback(lambda _: order.append(first.done()))
        order: list[bool] = []
    first.result(60)
    assert order == [False]
    batcher.end()


def test_outputs_come_in_the_order_of_the_sequences(scorer: Scorer) -> None:
    batcher = Batcher(token_budget=16)
    sequences = scorer.encode(parse_texts("", "chess", ["a", "please help you", "never " * 9, "go", "away stupid"]))
    got = batcher.submit(scorer, sequences).result(60)
    np.testing.assert_allclose(got.logits, scorer.forward(sequences).logits, atol=1e-5)
    batcher.end()


def test_a_fault_is_told_to_those_it_met_and_the_next_are_answered(scorer: Scorer) -> None:
    batcher = Batcher()
    sequences = scorer.encode(SHORT)
    wrong = [sequences[0].__class__(sequences[0].ids + 10**6, sequences[0].types, *[False] * 2)]
    with pytest.raises(Exception, match="out of"):
        batcher.submit(scorer, wrong).result(60)
    assert len(batcher.submit(scorer, sequences).result(60).logits) == 1
    assert batcher.tokens_waiting == 0
    batcher.end()


def test_where_too_much_waits_the_next_is_refused(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_WAITING", 10)
    batcher = Batcher()
    sequences = scorer.encode(parse_texts("", "chess", ["answer this question"] * 4))
    with held(batcher):
        first = batcher.submit(scorer, sequences)  # alone it may be any size
        with pytest.raises(Busy, match="tokens wait already"):
            batcher.submit(scorer, sequences)
    assert len(first.result(60).logits) == 4
    batcher.end()
