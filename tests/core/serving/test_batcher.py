"""Whose sequences go together, and in which order."""

import numpy as np
import pytest

from rewardtrain.core.data.groups import parse_texts
from rewardtrain.core.device import choose_device
from rewardtrain.core.score import Scorer
from rewardtrain.core.serving import batcher as batching
from rewardtrain.core.serving.batcher import Batcher, Busy
from tests.core.serving.conftest import held
from tests.core.tiny.finished import Save

SHORT, LONG = (
    parse_texts("", "chess", ["answer"]),
    parse_texts("", "learn", ["please help you with this " * 3, "never"]),
)


@pytest.fixture
def scorer(save: Save) -> Scorer:
    return Scorer(save("model", 1)[0], choose_device(1))


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


def test_nothing_waits_any_more_where_texts_were_equal_or_their_caller_has_gone(scorer: Scorer) -> None:
    batcher = Batcher(token_budget=16)
    sequences = scorer.encode(parse_texts("", "chess", ["answer"] * 9 + ["never"]))
    with held(batcher):
        gone, asked = batcher.submit(scorer, sequences), batcher.submit(scorer, sequences)
        assert gone.cancel()
        assert batcher.requests_waiting == 1
    assert len(asked.result(60).logits) == 10
    assert (batcher.tokens_waiting, batcher.requests_waiting) == (0, 0)
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
