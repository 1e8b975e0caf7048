r"""Transcripts: turns as one text, "\n\nHuman: ...\n\nAssistant: ...", as HH-RLHF and Nectar have them."""

from __future__ import annotations

import re

from formats.messages import Message
from formats.refusals import Refused

ROLES = {"Human": "user", "Assistant": "assistant"}
TURN = re.compile(r"\n\n(Human|Assistant):")  # begins with what rarely stands in a text, to be found fast


def is_transcript(value: object) -> bool:
    """Tells whether a text begins with a human's turn."""
    return isinstance(value, str) and value[:100].lstrip().startswith("Human:") and "Assistant:" in value


def turns_of(text: str, field: str) -> list[Message]:
    """Reads the turns of a transcript. Raises Refused."""
    before, *parts = TURN.split("\n\n" + text.strip("\n"))
    if before.strip() or not parts:
        raise Refused(field, text, "no_transcript")
    return [
        {"role": ROLES[speaker], "content": said.removeprefix(" ")}
        for speaker, said in zip(parts[::2], parts[1::2], strict=True)
    ]
