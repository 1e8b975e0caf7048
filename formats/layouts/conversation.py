"""Conversations as chat services have them: roles tool and developer, tool calls and parts become text of our messages.

A tool call is its JSON in a fence, a tool's answer a user's turn that says so, a developer is the system, the texts of
parts follow each other, an image is a link to it. What is not said by that text is kept beside it: `changed` tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from formats.layouts.reading import json_of, list_of, object_of, one_of, text_of
from formats.messages import Message, as_text
from formats.refusals import Refused

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "user",
    "function": "user",
}
LONGEST_LINK = 2000  # characters; what is longer holds the picture itself


class Conversation(NamedTuple):
    messages: list[Message]
    changed: bool  # whether the original says more than these messages

    @property
    def text(self) -> str:
        """The conversation as a completion: an answer by itself, else each turn under its speaker."""
        if len(self.messages) == 1 and self.messages[0]["role"] == "assistant":
            return self.messages[0]["content"]
        return as_text(self.messages)


def conversation_of(value: object, field: str) -> Conversation:
    """Reads a list of messages. Raises Refused."""
    messages = []
    changed = False
    for index, each in enumerate(list_of(value, field)):
        try:
            turn = object_of(each, "")
            message = _message(turn)
        except Refused as error:
            raise error.within(f"{field}[{index}]") from None
        messages.append(message)
        changed = changed or {key: said for key, said in turn.items() if said is not None} != message
    return Conversation(messages, changed)


def uses_tools(value: object) -> bool:
    """Tells whether these are messages, and one of them is more than a text by a system, a user or an assistant."""
    return (
        isinstance(value, list)
        and all(isinstance(each, Mapping) for each in value)
        and all(isinstance(role := each.get("role"), str) and role in ROLES for each in value)
        and any(
            ROLES[each["role"]] != each["role"] or isinstance(each.get("content"), list) or "tool_calls" in each
            for each in value
        )
    )


def _message(turn: Mapping[str, object]) -> Message:
    role = one_of(turn.get("role"), "role", ROLES)
    said = [_content(turn.get("content"), absent=_calls(turn) != [] or isinstance(turn.get("refusal"), str))]
    said += [text_of(turn["refusal"], "refusal")] if turn.get("refusal") is not None else []
    said += [f"```json\n{json_of(call)}\n```" for call in _calls(turn)]
    content = said[0] if len(said) == 1 else "\n\n".join(filter(None, said))
    if ROLES[role] == "user" and role != "user":
        name = turn.get("name")
        content = f"[{role}{f' {name}' if isinstance(name, str) and name else ''}]\n\n{content}"
    return {"role": ROLES[role], "content": content}


def _calls(turn: Mapping[str, object]) -> list[object]:
    """Gives what the turn calls, each as name and arguments where it is a function."""
    calls = turn.get("tool_calls")
    found = [] if calls is None else list(list_of(calls, "tool_calls", least=0))
    found = [call["function"] if isinstance(call, Mapping) and call.get("function") else call for call in found]
    return found + ([turn["function_call"]] if turn.get("function_call") is not None else [])


def _content(value: object, *, absent: bool) -> str:
    if isinstance(value, str):
        return value
    if value is None and absent:
        return ""
    if not isinstance(value, list):
        raise Refused("content", value, "part")
    return "\n\n".join(_part(part, f"content[{index}]") for index, part in enumerate(value))


def _part(part: object, field: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        raise Refused(field, part, "part")
    if isinstance(text := part.get("text"), str):
        return text
    if isinstance(part.get("refusal"), str):
        return text_of(part["refusal"], field)
    if "image" in str(part["type"]):
        return _image(part)
    if part["type"] == "text":
        raise Refused(f"{field}.text", part.get("text"), "text")
    return f"```json\n{json_of(part)}\n```"


def _image(part: Mapping[str, object]) -> str:
    at: object = next((part[key] for key in ("image_url", "url", "image", "path") if part.get(key)), None)
    link = at.get("url") or at.get("path") if isinstance(at, Mapping) else at
    if not isinstance(link, str) or len(link) > LONGEST_LINK or any(sign in link for sign in "<>\n\r"):
        return "[image]"
    return f"![image](<{link}>)"


def common(first: Sequence[Message], second: Sequence[Message]) -> int:
    """Counts the turns that two conversations begin with alike and that a prompt can be: it ends before an answer."""
    n = 0
    while n < min(len(first), len(second)) - 1 and first[n] == second[n]:
        n += 1
    while n and first[n - 1]["role"] == "assistant":
        n -= 1
    return n
