"""How prompts and completions are laid out in a file, by the library that reads it.

TRL: https://huggingface.co/docs/trl/dataset_formats. OpenRLHF: conversations under `chosen` and `rejected`, with
--apply_chat_template. NeMo-RL: https://docs.nvidia.com/nemo/rl/latest/guides/dpo, under "Datasets".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from formats import messages
from labeling.data.exporting.tables import MESSAGES

STANDARD, CONVERSATIONAL, OPENRLHF, NEMO_RL = "standard", "conversational", "openrlhf", "nemo-rl"
LAYOUTS = (STANDARD, CONVERSATIONAL, OPENRLHF, NEMO_RL)

RANKED = pa.list_(pa.struct([("rank", pa.int32()), ("completion", MESSAGES)]))


def text_type(layout: str) -> pa.DataType:
    return pa.string() if layout == STANDARD else MESSAGES


def prompt_cell(turns: Sequence[messages.Message], layout: str) -> Any:
    """Gives a prompt as a text, or as its messages."""
    if layout == STANDARD:
        return messages.as_text(turns)
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def completion_cell(text: str, layout: str) -> Any:
    return text if layout == STANDARD else [{"role": "assistant", "content": text}]


def ranked_cell(texts: Sequence[str], ranks: Sequence[int]) -> list[dict[str, Any]]:
    """Gives NeMo-RL's completions with their ranks, of which 0 is the best."""
    return [
        {"rank": rank - 1, "completion": completion_cell(text, NEMO_RL)}
        for text, rank in zip(texts, ranks, strict=True)
    ]
