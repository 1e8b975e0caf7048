import random
from itertools import chain, pairwise

import numpy as np
import pytest
import torch

from rewardtrain.core.data.batching import (
    collate,
    distinct,
    make_batch,
    micro_batches,
    padding_share,
    plan,
    prompt_batches,
    within,
)
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.data.encoding import Encoded


def test_micro_batches_hold_every_sequence_once_within_the_budget() -> None:
    lengths = [7, 30, 3, 12, 12, 29, 8, 1]
    packed = micro_batches(lengths, 40)
    assert sorted(chain(*packed)) == list(range(8))
    assert all(len(indices) * max(lengths[index] for index in indices) <= 40 for indices in packed)


def test_micro_batches_are_sorted_by_length_longest_first() -> None:
    """30 alone (2 * 30 > 60 is not over: exactly 60 fits), then 12 and shorter, five a batch at most."""
    assert micro_batches([3, 30, 12, 30, 5], 60) == [[1, 3], [2, 4, 0]]


def test_a_sequence_over_the_budget_goes_alone() -> None:
    assert micro_batches([100, 2, 2], 10) == [[0], [1, 2]]


def test_prompt_batches_cover_an_epoch_and_follow_from_the_seed() -> None:
    batches = prompt_batches(10, 4, seed=1, epoch=0)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(chain(*batches)) == list(range(10))
    assert batches == prompt_batches(10, 4, seed=1, epoch=0)
    assert batches != prompt_batches(10, 4, seed=1, epoch=1)
    assert batches != prompt_batches(10, 4, seed=2, epoch=0)


@pytest.mark.parametrize("seed", range(5))
def test_micro_batches_of_any_lengths_hold_each_once_and_fill_their_budget(seed: int) -> None:
    """Each batch is padded to its first; what begins the next would not have fitted."""
    draw = random.Random(seed)
    lengths = [draw.randint(1, 60) for _ in range(50)]
    packed = micro_batches(lengths, 100)
    assert sorted(chain(*packed)) == list(range(50))
    flat = [lengths[index] for index in chain(*packed)]
    assert flat == sorted(lengths, reverse=True)
    assert all(len(batch) * lengths[batch[0]] <= 100 for batch in packed)
    assert all((len(batch) + 1) * lengths[batch[0]] > 100 for batch, _ in pairwise(packed))


def sequence(*ids: int, types: tuple[int, ...] | None = None, start: int = 0) -> Encoded:
    return Encoded(np.array(ids, np.int32), np.array(types or [0] * len(ids), np.int8), False, False, start)


def test_a_plan_counts_tokens_and_padding() -> None:
    """Rows of 5 and 3 tokens go together in 2 x 5 slots, and 1 alone: 9 tokens in 11 slots."""
    batches = plan([[0, 4], [1], [2, 3]], [3, 1, 5], 10)
    assert [(batch.indices, batch.tokens, batch.slots) for batch in batches] == [([2, 3, 0, 4], 8, 10), ([1], 1, 1)]
    assert padding_share(batches) == pytest.approx(1 - 9 / 11)
    assert padding_share(plan([[0], [1]], [4, 4], 8)) == 0


def test_batches_are_within_the_budget_as_long_as_all_before_them_are() -> None:
    """Slots of 6, 4, 4 and 2: with 10 the first two are, and the small last one isn't, though it would fit alone."""
    batches = plan([[0], [1], [2], [3]], [6, 4, 4, 2], 6)
    assert [fits for _, fits in within(batches, 10)] == [True, True, False, False]
    assert [fits for _, fits in within(batches, 16)] == [True] * 4
    assert [batch for batch, _ in within(batches, 0)] == batches


def test_sequences_are_padded_on_either_side_with_a_mask_of_what_is_theirs() -> None:
    two = [sequence(7, 8, 9, types=(0, 0, 1)), sequence(5)]
    right = collate(two, pad_id=2, with_types=True, device="cpu")
    assert right["input_ids"].tolist() == [[7, 8, 9], [5, 2, 2]]
    assert right["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert right["token_type_ids"].tolist() == [[0, 0, 1], [0, 0, 0]]
    left = collate(two, pad_id=2, with_types=True, device="cpu", side="left")
    assert left["input_ids"].tolist() == [[7, 8, 9], [2, 2, 5]]
    assert left["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]
    assert left["token_type_ids"].tolist() == [[0, 0, 1], [0, 0, 0]]
    assert set(collate(two, pad_id=2, with_types=False, device="cpu")) == {"input_ids", "attention_mask"}


def test_only_sequences_of_equal_ids_and_segments_are_equal() -> None:
    some = [sequence(1, 2), sequence(1, 2, types=(0, 1)), sequence(1, 2), sequence(2, 1), sequence(1, 2)]
    assert distinct(some) == ([0, 1, 3], [0, 1, 0, 2, 0])
    assert distinct([]) == ([], [])


def test_a_batch_lays_prompts_side_by_side_and_padding_is_zero() -> None:
    """The first prompt's second and third completion are one input; the same text under another prompt is its own."""
    first = [sequence(1, 5), sequence(1, 6), sequence(1, 6)]
    second = [sequence(1, 6), sequence(1, 7)]
    said = [
        Comparisons({(0, 2): 3.0}, 3, 1, ties={(0, 1): 1.0}, votes={2: (1, 4)}),
        Comparisons({(1, 0): 1.0}, 1, 0, margins={(1, 0): 2.5}),
    ]
    batch = make_batch([first, second], said)
    assert [each.ids.tolist() for each in batch.sequences] == [[1, 5], [1, 6], [1, 6], [1, 7]]
    assert batch.prompts.tolist() == [0, 0, 1, 1]
    values = torch.tensor([10.0, 20.0, 30.0, 40.0], requires_grad=True)
    matrix = batch.matrix(values)
    assert matrix.tolist() == [[10, 20, 20], [30, 40, 0]]
    matrix.sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [1, 2, 1, 1]
    assert batch.matrix(torch.ones(4, 2)).shape == (2, 3, 2)
    assert batch.weights[0].tolist() == [[0, 0, 3], [0, 0, 0], [0, 0, 0]]
    assert batch.weights[1].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert batch.ties is not None
    assert batch.ties.nonzero().tolist() == [[0, 0, 1]]
    assert batch.margins is not None
    assert (batch.margins[1, 1, 0], batch.margins.count_nonzero()) == (2.5, 1)
    assert batch.votes is not None
    assert (batch.votes[0, 2].tolist(), batch.votes.count_nonzero()) == ([1, 4], 2)


def test_what_nobody_said_is_no_matrix() -> None:
    batch = make_batch([[sequence(1), sequence(2)]], [Comparisons({(0, 1): 1.0}, 1, 0)])
    assert batch.ties is batch.margins is batch.votes is None
