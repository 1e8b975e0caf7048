"""Which sequences go through the model together. It decides speed and memory, never the loss."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.device import move


def distinct(sequences: Sequence[Encoded]) -> tuple[list[int], list[int]]:
    """Gives the indices of sequences of which no two are equal, and for each sequence the place of its equal among
    these.

    Equal ones go through a network once: in two micro-batches they would get two rewards, apart by rounding.
    """
    seen, firsts, places = dict[bytes, int](), list[int](), list[int]()
    for index, sequence in enumerate(sequences):
        place = seen.setdefault(sequence.key, len(firsts))
        if place == len(firsts):
            firsts.append(index)
        places.append(place)
    return firsts, places


def micro_batches(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Gives the indices of sequences, sorted by length and packed to at most token_budget tokens a micro-batch, padding
    included.

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


@dataclass(frozen=True)
class MicroBatch:
    """What goes through the model at once: rows of one sequence, or of several that share their prompt."""

    rows: list[list[int]]  # indices of sequences
    tokens: int
    slots: int  # tokens and padding

    @property
    def indices(self) -> list[int]:
        return [index for row in self.rows for index in row]


def plan(rows: Sequence[list[int]], lengths: Sequence[int], token_budget: int) -> list[MicroBatch]:
    """Makes micro_batches of rows; lengths has the tokens of each."""
    return [
        MicroBatch(
            rows=[rows[place] for place in places],
            tokens=sum(lengths[place] for place in places),
            slots=len(places) * lengths[places[0]],
        )
        for places in micro_batches(lengths, token_budget)
    ]


def padding_share(planned: Sequence[MicroBatch]) -> float:
    """Gives the part of what goes through the model that is padding."""
    return 1 - sum(batch.tokens for batch in planned) / sum(batch.slots for batch in planned)


def prompt_batches(n_prompts: int, size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Gives the random batches of one epoch. They follow from (seed, epoch) alone, so a resumed run needs only its
    step."""
    order = list(range(n_prompts))
    random.Random(f"{seed}:{epoch}").shuffle(order)
    return [order[start : start + size] for start in range(0, n_prompts, size)]


@dataclass(frozen=True)
class Batch:
    """B prompts: their N completions, where each stands in a (B, K) matrix, and what was said of them.

    sequences has those that are equal within a prompt once, n in all; the network's values of them are (n, ...).
    """

    sequences: list[Encoded]
    places: Tensor  # (N,) of each completion among the sequences
    rows: Tensor  # (N,)
    columns: Tensor  # (N,)
    weights: Tensor  # (B, K, K) how many preferred i to j
    ties: Tensor | None  # (B, K, K) how many tied i and j, each at i < j alone; None where no tie is kept
    margins: Tensor | None  # (B, K, K) mean margin of those who preferred i to j; None without margins
    scales: Tensor | None  # (B, K, K) how many times each of these counts, in the mean; None: each counts once
    votes: Tensor | None  # (B, K, 2) how many gave a completion each class; None without flags

    def matrix(self, values: Tensor) -> Tensor:
        """Lays (n, ...) out as (B, K, ...), zeros on padding; differentiable."""
        shape = (*self.weights.shape[:2], *values.shape[1:])
        return values.new_zeros(shape).index_put((self.rows, self.columns), values[self.places])

    @property
    def prompts(self) -> Tensor:
        """Gives the (n,) prompts of the sequences."""
        return torch.zeros(len(self.sequences), dtype=torch.long).index_put((self.places,), self.rows)


def make_batch(encoded: Sequence[Sequence[Encoded]], comparisons: Sequence[Comparisons]) -> Batch:
    """Lay the completions of several prompts side by side."""
    cells = [(row, column) for row, completions in enumerate(encoded) for column in range(len(completions))]
    rows, columns = torch.tensor(cells).T
    sequences, places = list[Encoded](), list[int]()
    for completions in encoded:
        firsts, among = distinct(completions)
        places += [len(sequences) + place for place in among]
        sequences += [completions[index] for index in firsts]
    size = max(map(len, encoded))
    scaled = any(merged.scales for merged in comparisons)
    ties, margins, scales, votes = (
        [merged.ties for merged in comparisons],
        [merged.margins for merged in comparisons],
        [merged.scales or (dict.fromkeys(merged.weights, 1.0) if scaled else {}) for merged in comparisons],
        [merged.votes for merged in comparisons],
    )
    return Batch(
        sequences=sequences,
        places=torch.tensor(places),
        rows=rows,
        columns=columns,
        weights=pair_matrix([merged.weights for merged in comparisons], size),
        ties=pair_matrix(ties, size) if any(ties) else None,
        margins=pair_matrix(margins, size) if any(margins) else None,
        scales=pair_matrix(scales, size) if scaled else None,
        votes=vote_matrix(votes, size) if any(votes) else None,
    )


def pair_matrix(prompts: Sequence[Mapping[tuple[int, int], float]], size: int) -> Tensor:
    """Gives (B, size, size) float32 of values by pair, zero where there is none."""
    matrix = np.zeros((len(prompts), size, size), dtype=np.float32)
    for row, values in enumerate(prompts):
        for (i, j), value in values.items():
            matrix[row, i, j] = value
    return torch.from_numpy(matrix)


def vote_matrix(prompts: Sequence[Mapping[int, tuple[int, int]]], size: int) -> Tensor:
    """Gives (B, size, 2) float32 of votes by completion, zero where nobody voted."""
    matrix = np.zeros((len(prompts), size, 2), dtype=np.float32)
    for row, votes in enumerate(prompts):
        for column, counts in votes.items():
            matrix[row, column] = counts
    return torch.from_numpy(matrix)


def collate(
    sequences: Sequence[Encoded], *, pad_id: int, with_types: bool, device: str, side: str = "right"
) -> dict[str, Tensor]:
    """Pad on one side: input_ids, attention_mask and perhaps token_type_ids, each (n, longest) int64."""
    shape = (len(sequences), max(map(len, sequences)))
    ids = torch.full(shape, pad_id)
    mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        own = slice(len(sequence)) if side == "right" else slice(shape[1] - len(sequence), None)
        ids[row, own] = torch.from_numpy(sequence.ids)
        types[row, own] = torch.from_numpy(sequence.types)
        mask[row, own] = 1
    inputs = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": types} if with_types else {})
    return {name: move(tensor, device) for name, tensor in inputs.items()}


def within(planned: Sequence[MicroBatch], budget: int) -> Iterator[tuple[MicroBatch, bool]]:
    """Yields each micro-batch with whether it and those before it hold at most `budget` tokens together."""
    used = 0
    for batch in planned:
        used += batch.slots
        yield batch, used <= budget
