"""Texts that somebody else has put together, prompt and completion in one, as a tokenizer alone reads them.

The name of a control token in one is that token, for their sender has written the chat template. So who sends them
answers for what a policy may have written into them; Encoder.encode, which is given the parts, needs no such care.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rewardtrain.core.data.encoding import Encoded, Frame
from rewardtrain.core.errors import DataError


@dataclass(frozen=True)
class WholeTexts:
    """Texts, and what is done to their tokens."""

    texts: tuple[str, ...]
    special: bool = True  # what the tokenizer puts around a text is put there
    most: int | None = None  # tokens that a longer text is cut to, -1 those that the model reads; None: it is refused
    cut_left: bool = False  # its beginning is cut, not its end


def encode_whole(tokenizer: Any, whole: WholeTexts, *, max_length: int) -> list[Encoded]:
    """Gives the ids that tokenizer(text) has for each. Raises DataError for one that is too long, or has no tokens."""
    frame = _frame(tokenizer) if whole.special else Frame((), (), (), (0, 0))
    read = tokenizer(list(whole.texts), add_special_tokens=False, verbose=False)["input_ids"]
    most = max_length if whole.most in (None, -1) else min(whole.most, max_length)
    if most <= frame.size:
        raise DataError(f"cut to {most} tokens nothing is left but {frame.size} special ones; give more")
    return [_encoded(index, ids, frame, whole, most) for index, ids in enumerate(read)]


def _encoded(index: int, ids: Sequence[int], frame: Frame, whole: WholeTexts, most: int) -> Encoded:
    if not ids and not frame.size:
        raise DataError(f"text {index} has no tokens at all, so there is nothing to read; leave it out")
    room = most - frame.size
    if len(ids) > room and whole.most is None:
        length = len(ids) + frame.size
        raise DataError(f"text {index} has {length} tokens, the model reads {most}; shorten it, or ask for cutting")
    kept = (ids[-room:] if whole.cut_left else ids[:room]) if len(ids) > room else ids
    tokens = [*frame.before, *((id_, frame.types[0]) for id_ in kept), *frame.after]
    return Encoded(
        ids=np.array([id_ for id_, _ in tokens], dtype=np.int32),
        types=np.array([type_ for _, type_ in tokens], dtype=np.int8),
        prompt_cut=False,
        completion_cut=len(kept) < len(ids),
    )


def _frame(tokenizer: Any) -> Frame:
    """Finds what the tokenizer puts before and after a text, by reading one."""
    probe = tokenizer(["a"])
    parts, ids = probe.sequence_ids(0), probe["input_ids"][0]
    types = probe["token_type_ids"][0] if "token_type_ids" in probe else [0] * len(ids)
    tokens = list(zip(ids, types, strict=True))
    first, end = parts.index(0), len(parts) - parts[::-1].index(0)
    return Frame(tuple(tokens[:first]), (), tuple(tokens[end:]), (types[first], types[first]))
