"""A prompt as a list of messages. Plain values, no database."""

from __future__ import annotations

from collections.abc import Sequence

from formats import fields, limits
from formats.limits import Limits
from formats.refusals import Refused
from formats.values import flaw_of_text

Message = dict[str, str]
ROLES = ("system", "user", "assistant")
KEYS = dict.fromkeys(("role", "content"))


def parse_prompt(value: object, field: str = "prompt", *, bounds: Limits = limits.NONE) -> tuple[Message, ...]:
    """Reads a row's prompt: a text is one turn of the user. A turn may be empty, and so may all where the bounds allow
    it.

    Raises Refused.
    """
    if isinstance(value, str):
        fields.sound(value, field, limit=bounds.max_text)
        messages: tuple[Message, ...] = ({"role": "user", "content": "" if value.isspace() else value},)
    else:
        messages = _messages(_turns(value, field, bounds.max_messages), field, bounds)
        if messages[-1]["role"] == "assistant":
            assert isinstance(value, list)
            raise Refused(field, value[-1], "ends_with_assistant")
    if bounds.needs_prompt and not any(message["content"].strip() for message in messages):
        raise Refused(field, value, "no_text", remedy="question")
    return messages


def _messages(turns: list[object], field: str, bounds: Limits) -> tuple[Message, ...]:
    messages = []
    for index, value in enumerate(turns):
        try:
            turn = _object(value)
            fields.check_keys(turn, KEYS, others=bounds.other_keys)
            message = _message(turn)
            fields.sound(message["content"], "content", limit=bounds.max_text)
        except Refused as error:
            raise error.within(f"{field}[{index}]") from None
        messages.append(message)
    return tuple(messages)


def parse_foreign(value: object, field: str = "prompt") -> tuple[Message, ...]:
    """Reads the prompt of a request or of another project's file, which is read once and stored nowhere.

    Other keys of a message are left alone, it may end with the assistant, and a NUL is a character. Raises Refused.
    """
    if isinstance(value, str):
        return ({"role": "user", "content": check_characters(value, field)},)
    messages = []
    for index, each in enumerate(_turns(value, field, None)):
        try:
            turn = _object(each)
            fields.check_repeated(turn)
            message = _message(turn)
            check_characters(message["content"], "content")
        except Refused as error:
            raise error.within(f"{field}[{index}]") from None
        messages.append(message)
    return tuple(messages)


def check_characters(text: str, field: str) -> str:
    """Checks that it is a text that a tokenizer reads: JSON can say half of a surrogate pair, which is no character.
    Raises Refused."""
    if flaw_of_text(text.replace("\x00", "")):
        raise Refused(field, text, "surrogate")
    return text


def _turns(value: object, field: str, limit: int | None) -> list[object]:
    if not isinstance(value, list) or not value:
        raise Refused(field, value, "prompt")
    return fields.some(value, field, "prompt", limit)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Refused("", value, "message")
    return value


def _message(turn: dict[str, object]) -> Message:
    role, content = turn.get("role"), turn.get("content")
    if not isinstance(role, str) or role not in ROLES:
        raise Refused("role", role, "role", roles=", ".join(ROLES))
    if not isinstance(content, str):
        raise Refused("content", content, "content")
    return {"role": role, "content": content}


def as_text(messages: Sequence[Message]) -> str:
    """Writes a dialogue as one string: a lone question as it is, else each turn under its speaker."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in messages)
