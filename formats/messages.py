"""A prompt as a list of messages. Plain values, no database."""

from __future__ import annotations

from collections.abc import Sequence

Message = dict[str, str]
ROLES = ("system", "user", "assistant")


def as_text(messages: Sequence[Message]) -> str:
    """A dialogue as one string: a lone question as it is, else each turn under its speaker."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in messages)
