from itertools import chain

from rewardtrain.core.data.batching import micro_batches, prompt_batches


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
