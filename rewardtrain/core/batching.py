"""Which sequences go through the model together. It decides speed and memory, never the loss."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rewardtrain.core.comparisons import Comparisons
from rewardtrain.core.encoding import Encoded
from rewardtrain.core.loss import weight_matrix


def micro_batches(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Indices of sequences, sorted by length and packed to at most token_budget tokens a micro-batch, padding included.

    A sequence longer than the budget goes alone. The longest come first, so that too little memory shows at once.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    packed: list[list[int]] = []
    for index in order:
        if packed and (len(packed[-1]) + 1) * lengths[packed[-1][0]] <= token_budget:
            packed[-1].append(index)
        else:
            packed.append([index])
    return packed


def prompt_batches(n_prompts: int, size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """The random batches of one epoch. They follow from (seed, epoch) alone, so a resumed run needs only its step."""
    order = list(range(n_prompts))
    random.Random(f"{seed}:{epoch}").shuffle(order)
    return [order[start : start + size] for start in range(0, n_prompts, size)]


@dataclass(frozen=True)
class Batch:
    """B prompts: their N completions in one list, and where each stands in a (B, K) matrix of rewards."""

    sequences: list[Encoded]
    rows: Tensor  # (N,)
    columns: Tensor  # (N,)
    weights: Tensor  # (B, K, K)

    def matrix(self, rewards: Tensor) -> Tensor:
        """(N,) to (B, K), zeros on padding; differentiable."""
        shape = self.weights.shape[:2]
        return rewards.new_zeros(shape).index_put((self.rows, self.columns), rewards)


def make_batch(encoded: Sequence[Sequence[Encoded]], comparisons: Sequence[Comparisons]) -> Batch:
    """Lay the completions of several prompts side by side."""
    places = [(row, column) for row, completions in enumerate(encoded) for column in range(len(completions))]
    rows, columns = torch.tensor(places).T
    return Batch(
        sequences=[sequence for completions in encoded for sequence in completions],
        rows=rows,
        columns=columns,
        weights=weight_matrix([merged.weights for merged in comparisons], max(map(len, encoded))),
    )


def collate(sequences: Sequence[Encoded], *, pad_id: int, with_types: bool, device: str) -> dict[str, Tensor]:
    """Pad on the right: input_ids, attention_mask and perhaps token_type_ids, each (n, longest) int64."""
    shape = (len(sequences), max(map(len, sequences)))
    ids = torch.full(shape, pad_id)
    mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.from_numpy(sequence.ids)
        types[row, : len(sequence)] = torch.from_numpy(sequence.types)
        mask[row, : len(sequence)] = 1
    inputs = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": types} if with_types else {})
    return {name: tensor.to(device) for name, tensor in inputs.items()}


def within(lengths: Sequence[int], packed: list[list[int]], budget: int) -> Iterator[tuple[list[int], bool]]:
    """Each micro-batch with whether it and those before it hold at most `budget` tokens together."""
    used = 0
    for indices in packed:
        used += len(indices) * lengths[indices[0]]
        yield indices, used <= budget
