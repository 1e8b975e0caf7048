"""Completions of one prompt in one row: a decoder reads the prompt once, however many completions follow.

A row is [prompt][completion 1]...[completion K]. A token attends to the tokens before it in the prompt and in its own
completion, and positions start again after the prompt, so each completion's hidden states are those it has alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rewardtrain.core.data.encoding import Encoded


def shared_rows(sequences: Sequence[Encoded], *, token_budget: int, hidden: int) -> list[list[int]]:
    """Gives the indices of sequences that share a row: those of one prompt, cut alike, while that is cheaper than
    another row.

    In units of a token's linear layers (24 * hidden^2 operations a layer) a row of L tokens costs
    L + L^2 / (6 * hidden), the latter for attention (4 * hidden a pair of tokens), which is paid for masked pairs too.
    """
    by_prompt: dict[bytes, list[int]] = {}
    for index, sequence in enumerate(sequences):
        by_prompt.setdefault(sequence.ids[: sequence.start].tobytes(), []).append(index)

    def cost(tokens: int) -> float:
        return tokens + tokens**2 / (6 * hidden)

    rows: list[list[int]] = []
    for indices in by_prompt.values():
        length = 0
        for index in indices:
            longer = length + len(sequences[index]) - sequences[index].start
            if length and longer <= token_budget and cost(longer) - cost(length) < cost(len(sequences[index])):
                rows[-1].append(index)
                length = longer
            else:
                rows.append([index])
                length = len(sequences[index])
    return rows


def row_length(row: Sequence[Encoded]) -> int:
    """Counts the tokens of a row: the prompt's once."""
    return sum(map(len, row)) - sum(sequence.start for sequence in row[1:])


def packed_states(trunk: Any, rows: Sequence[Sequence[Encoded]], *, pad_id: int, device: str) -> Tensor:
    """Gives the (N, hidden) state of each sequence's last token, in the order of the rows, by a decoder without its
    head."""
    inputs, places = pack(rows, pad_id=pad_id)
    inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
    if trunk.config._attn_implementation == "eager":  # adds the mask, as Gemma 2 and GPT-OSS can't do otherwise
        lowest = torch.finfo(trunk.dtype).min
        inputs["attention_mask"] = torch.zeros(1, device=device).where(inputs["attention_mask"], lowest)
    states: Tensor = trunk(**inputs, use_cache=False).last_hidden_state
    return states[places[:, 0].to(device), places[:, 1].to(device)]


def pack(rows: Sequence[Sequence[Encoded]], *, pad_id: int) -> tuple[dict[str, Tensor], Tensor]:
    """Lays out the input of rows, R by L tokens, and the place of each sequence's last token.

    Returns input_ids and position_ids (R, L) int64, attention_mask (R, 1, L, L) bool that is True where a token (dim 2)
    attends to another (dim 3), and places (N, 2): row and column. The last token is the last that isn't padding, which
    is what Hugging Face's classifiers read: where padding is the end token too, that is the one before the end.
    """
    shape = (len(rows), max(map(row_length, rows)))
    ids, positions = np.full(shape, pad_id), np.zeros(shape, np.int64)
    segments = np.full(shape, -1)  # 0 is the prompt, then one number a completion; what pads the row is its own
    places = []
    for number, row in enumerate(rows):
        start = row[0].start
        ids[number, :start], positions[number, :start], segments[number, :start] = row[0].ids[:start], range(start), 0
        column = start
        for segment, sequence in enumerate(row, start=1):
            part = slice(column, column + len(sequence) - start)
            ids[number, part] = sequence.ids[start:]
            positions[number, part] = range(start, len(sequence))
            segments[number, part] = segment
            last = int(np.flatnonzero(sequence.ids != pad_id).max(initial=0))
            places.append((number, last if last < start else column + last - start))
            column = part.stop
    inputs = {"input_ids": torch.from_numpy(ids), "position_ids": torch.from_numpy(positions)}
    return inputs | {"attention_mask": _mask(torch.from_numpy(segments))}, torch.tensor(places)


def _mask(segments: Tensor) -> Tensor:
    """Turns (R, L) numbers of segments into (R, 1, L, L)."""
    asking, asked_of = segments[:, :, None], segments[:, None, :]
    earlier = torch.ones(segments.shape[1], segments.shape[1], dtype=torch.bool).tril()
    return (((asked_of == 0) | (asked_of == asking)) & earlier)[:, None]
