"""What training libraries and services read and write: TRL, HH-RLHF, OpenAI, NeMo-RL, LLaMA-Factory."""

from __future__ import annotations

from formats.layouts.layout import Layout
from formats.layouts.training import hh, llama_factory, nemo_rl, openai_chat, openai_preference, trl

LAYOUTS: tuple[Layout, ...] = (
    trl.LAYOUT,
    hh.LAYOUT,
    openai_preference.LAYOUT,
    openai_chat.LAYOUT,
    nemo_rl.LAYOUT,
    llama_factory.LAYOUT,
)
