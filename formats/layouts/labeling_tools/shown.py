"""What a task showed: its prompt and its completions among fields that each project names as it likes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from formats.layouts.conversation import conversation_of
from formats.layouts.reading import json_of, text_of
from formats.refusals import Refused

PROMPTS = ("prompt", "instruction", "question", "query", "context", "input", "messages", "conversation", "chat", "text")
PAIRS = (
    ("text1", "text2"), ("text_1", "text_2"), ("text_a", "text_b"), ("left", "right"), ("answer1", "answer2"),
    ("answer_1", "answer_2"), ("answer_a", "answer_b"), ("response1", "response2"), ("response_1", "response_2"),
    ("response_a", "response_b"), ("completion1", "completion2"), ("completion_1", "completion_2"),
    ("completion_a", "completion_b"), ("option1", "option2"), ("option_a", "option_b"),
)  # fmt: skip
_other_signs = re.compile(r"[^0-9a-z]+")


def plain(name: str) -> str:
    """Writes a name as names are compared: reply-1, Reply 1 and reply_1 are one."""
    return _other_signs.sub("", name.casefold())


def prompt_of(shown: Mapping[str, object], used: Collection[str], field: str) -> tuple[str, object, bool]:
    """Gives the field that asks, what it asks, and whether it says more than that; no field where none is known."""
    names = {key.casefold(): key for key in shown if isinstance(key, str) and key not in used}
    name = next((names[each] for each in PROMPTS if each in names), None)
    if name is None:
        return "", "", False
    value = shown[name]
    if isinstance(value, list):
        said = conversation_of(value, f"{field}{name}")
        return name, said.messages, said.changed
    return name, text_of(value, f"{field}{name}"), False


def pair_of(shown: Mapping[str, object], field: str) -> tuple[str, str]:
    """Gives the names of the two texts that were compared. Raises Refused where it isn't clear which."""
    names = {key.casefold(): key for key in shown if isinstance(key, str)}
    found = next(((names[a], names[b]) for a, b in PAIRS if a in names and b in names), None)
    if found is None:
        known = "; ".join(", ".join(pair) for pair in PAIRS[:4])
        raise Refused(field, list(map(str, shown)), "no_two_texts", known=known)
    return found


def words_of(item: object, field: str) -> str:
    """Gives the text of an item of a list: itself, or what an object has of title and body."""
    if isinstance(item, str):
        return item
    if not isinstance(item, Mapping):
        raise Refused(field, item, "text")
    said = [item[key] for key in ("title", "text", "body", "html") if isinstance(item.get(key), str) and item[key]]
    return "\n\n".join(said) if said else json_of(item)
