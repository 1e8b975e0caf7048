"""A prompt that a decoder reads once for all its completions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import Batch, make_batch
from rewardtrain.core.data.comparisons import merge
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.data.packing import pack, row_length, shared_rows
from rewardtrain.core.device import choose_device
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.model.gradients import accumulate_gradients, predict
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.network import RewardModel

GROUPS = [
    Group("1", "train", (Message("user", "how do i bake bread with this"),),
          ("please help", "never", "go away you stupid", "gladly"), (Ranking("ann", (1, 3, 4, 2)),)),
    Group("2", "train", (Message("user", "learn chess"),), ("answer this question", ""), (Ranking("ann", (1, 2)),)),
    Group("3", "train", (Message("user", "learn " * 40),), ("gladly help you", "no", "go"),
          (Ranking("ann", (1, 2, 3)),)),
]  # fmt: skip


def load(folder: Path) -> tuple[RewardModel, Batch]:
    torch.manual_seed(3)
    model = load_backbone(str(folder), max_length=32, device=choose_device(1))
    encoded = [model.encoder.encode(group.prompt, group.completions) for group in GROUPS]
    return model, make_batch(encoded, [merge(group) for group in GROUPS])


def sequence(ids: list[int], start: int) -> Encoded:
    types = np.zeros(len(ids), np.int8)
    return Encoded(ids=np.array(ids, np.int32), types=types, prompt_cut=False, completion_cut=False, start=start)


@pytest.mark.parametrize("token_budget", [40, 64, 10**6])
def test_rewards_and_gradients_are_those_of_separate_sequences(tiny_llama: Path, token_budget: int) -> None:
    """The third prompt is cut to each completion's length, so that only the two of one length share theirs."""
    model, batch = load(tiny_llama)
    assert model.packs
    results = []
    for each in (model, replace(model, packs=False)):
        rewards = predict(each, batch.sequences, token_budget=token_budget)
        accumulate_gradients(each, batch, Objective(TrainConfig()), token_budget=token_budget, graph_budget=64)
        results.append((rewards, [parameter.grad.clone() for parameter in each.network.parameters()]))
    torch.testing.assert_close(*results, atol=1e-5, rtol=0)


def test_the_prompt_goes_through_the_model_once(tiny_llama: Path) -> None:
    """Sizes by hand: <s>, prompt, [UNK] and : are 10 and 5 tokens, completions 3, 2, 5, 2 and 4, 1 with </s>."""
    model, batch = load(tiny_llama)
    rows = shared_rows(batch.sequences, token_budget=64, hidden=32)
    assert rows == [[0, 1, 2, 3], [4, 5], [6], [7, 8]]
    assert [row_length([batch.sequences[index] for index in row]) for row in rows[:2]] == [10 + 12, 5 + 5]
    seen: list[int] = []
    model.network.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    predict(model, batch.sequences[:4], token_budget=64)
    assert seen == [22]


def test_a_row_has_restarted_positions_and_a_block_mask() -> None:
    """Prompt 5 6, completions 7 8 and 9; the second row is one sequence and padding (0)."""
    rows = [[sequence([5, 6, 7, 8], 2), sequence([5, 6, 9], 2)], [sequence([5, 6, 7], 2)]]
    inputs, places = pack(rows, pad_id=0)
    assert inputs["input_ids"].tolist() == [[5, 6, 7, 8, 9], [5, 6, 7, 0, 0]]
    assert inputs["position_ids"].tolist() == [[0, 1, 2, 3, 2], [0, 1, 2, 0, 0]]
    assert inputs["attention_mask"][0, 0].int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]
    assert places.tolist() == [[0, 3], [0, 4], [1, 2]]


def test_a_row_keeps_within_the_token_budget() -> None:
    """Prompt of 4, completions of 3: 4 + 3 + 3 are within 10, a third is not."""
    sequences = [sequence([1, 2, 3, 4, number, 6, 7], 4) for number in range(10, 13)]
    assert shared_rows(sequences, token_budget=10, hidden=64) == [[0, 1], [2]]


def test_long_completions_of_a_short_prompt_go_alone() -> None:
    """Sharing saves 1 token of 101 but makes the second completion's attention 201^2 - 101^2 instead of 101^2 wide."""
    sequences = [sequence([1, *[number] * 100], 1) for number in (5, 6)]
    assert shared_rows(sequences, token_budget=10**6, hidden=64) == [[0], [1]]


def test_an_encoder_is_not_packed(tiny_bert: Path) -> None:
    assert not load(tiny_bert)[0].packs
