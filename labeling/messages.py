"""A prompt as a list of messages: its checks, its hash and its split. Plain values, no database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from labeling.models.prompts import Split

Message = dict[str, str]
ROLES = ("system", "user", "assistant")
TEST_SHARE = 0.10
VALIDATION_SHARE = 0.10


def content_sha256(messages: Sequence[Message]) -> str:
    """Of the canonical JSON: the same dialogue has the same hash, wherever it was imported."""
    canonical = json.dumps(list(messages), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def what_is_split(messages: Sequence[Message], texts: Iterable[str]) -> Sequence[Message]:
    """What decides a prompt's split: its dialogue; or of texts that stand alone, whose dialogue is empty and equal for
    all, the texts themselves. As rewardtrain.core has it."""
    if any(message["content"].strip() for message in messages):
        return messages
    return [{"role": "assistant", "content": text} for text in texts]


def split_of(sha256: str) -> Split:
    """The split by hash: a prompt is in the same one in every project, version and run, for ever."""
    place = int(sha256[:16], 16) / 2**64
    if place < TEST_SHARE:
        return Split.TEST
    return Split.VALIDATION if place < TEST_SHARE + VALIDATION_SHARE else Split.TRAIN


def as_text(messages: Sequence[Message]) -> str:
    """A dialogue as one string: a lone question as it is, else each turn under its speaker."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in messages)
