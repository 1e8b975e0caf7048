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

_TOLERANCE = 1e-4  # of a hidden state's norm; float32 alone gives 1e-6, another reading of the mask 1e-1


def shared_rows(sequences: Sequence[Encoded], *, token_budget: int, hidden: int) -> list[list[int]]:
    """Indices of sequences that share a row: those of one prompt, cut alike, while that is cheaper than another row.

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
    """Tokens of a row: the prompt's once."""
    return sum(map(len, row)) - sum(sequence.start for sequence in row[1:])


def packed_states(trunk: Any, rows: Sequence[Sequence[Encoded]], *, pad_id: int, device: str) -> Tensor:
    """(N, hidden) state of each sequence's last token, in the order of the rows, by a decoder without its head."""
    inputs, places = pack(rows, pad_id=pad_id)
    inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
    states: Tensor = trunk(**inputs, use_cache=False).last_hidden_state
    return states[places[:, 0].to(device), places[:, 1].to(device)]


def pack(rows: Sequence[Sequence[Encoded]], *, pad_id: int) -> tuple[dict[str, Tensor], Tensor]:
    """The input of rows, R by L tokens, and the place of each sequence's last token.

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
    """(R, L) numbers of segments to (R, 1, L, L)."""
    asking, asked = segments[:, :, None], segments[:, None, :]
    earlier = torch.ones(segments.shape[1], segments.shape[1], dtype=torch.bool).tril()
    return (((asked == 0) | (asked == asking)) & earlier)[:, None]


@torch.no_grad()
def can_pack(trunk: Any, *, pad_id: int, max_length: int, device: str) -> bool:
    """Whether a decoder gives packed completions the states they have alone, tried out on two of max_length tokens.

    Names don't tell: a window of attention, a recurrent layer or a position added by the mask's shape decides.
    """
    start = max_length // 2
    tokens = (7919 * np.arange(1, 2 * max_length, dtype=np.int64) % trunk.config.vocab_size).astype(np.int32)
    tokens[tokens == pad_id] = (pad_id + 1) % trunk.config.vocab_size
    row = [_probe(np.concatenate([tokens[:start], tokens[begin : begin + max_length - start]]), start)
           for begin in (start, max_length)]  # fmt: skip
    try:
        alone = torch.cat([_alone(trunk, sequence, device) for sequence in row])
        packed = packed_states(trunk, [row, row[:1]], pad_id=pad_id, device=device)[:2]
    except Exception:  # an architecture that knows no such mask or position raises what it likes
        return False
    return bool(torch.linalg.norm(packed - alone) < _TOLERANCE * torch.linalg.norm(alone))


def _alone(trunk: Any, sequence: Encoded, device: str) -> Tensor:
    ids = torch.from_numpy(sequence.ids.astype(np.int64))[None].to(device)
    states: Tensor = trunk(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).last_hidden_state
    return states[:, -1]


def _probe(ids: Any, start: int) -> Encoded:
    types = np.zeros(len(ids), np.int8)
    return Encoded(ids=ids, types=types, prompt_cut=False, completion_cut=False, start=start)
