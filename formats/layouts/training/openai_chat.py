"""OpenAI chat data: `messages` of which the last is the completion. It says no preference, unless beside it stands a
`rejected_response`, as some libraries have it.

https://developers.openai.com/api/docs/guides/supervised-fine-tuning
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from formats.layouts.conversation import Conversation, conversation_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import id_of, make_row, others
from formats.layouts.training.pairs import OWN_KEYS, pair_row
from formats.refusals import Refused

REJECTED = "rejected_response"
USED = ("messages", REJECTED, *OWN_KEYS)


def recognises(record: Record) -> bool:
    messages = record.get("messages")
    return (
        isinstance(messages, list)
        and all(isinstance(each, Mapping) and "role" in each for each in messages)
        and not {"chosen", "rejected", "completions", "responses", "prompt"} & record.keys()
    )


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    said = conversation_of(record.get("messages"), "messages")
    if said.messages[-1]["role"] != "assistant":
        raise Refused("messages", record.get("messages"), "no_completion")
    metadata = others(record, USED) | ({"messages": record["messages"]} if said.changed else {})
    start = _start(said)
    prompt, completion = said.messages[:start], Conversation(said.messages[start:], False).text
    rejected = record.get(REJECTED)
    if rejected is None:
        name = "" if record.get("id") is None else id_of(record["id"], "id")
        row = make_row(prompt or "", (completion,), id=name, metadata=metadata)
        yield row if record.get("split") is None else {**row, "split": record["split"]}
        return
    if not isinstance(rejected, str):
        other = conversation_of(rejected, REJECTED)
        metadata |= {REJECTED: rejected} if other.changed else {}
        rejected = other.text
    yield pair_row(
        prompt or "", completion, rejected, record=record, labeler="openai", metadata=metadata,
        fields=("messages", REJECTED),
    )  # fmt: skip


def _start(said: Conversation) -> int:
    """Finds where the answer begins that ends the conversation: no prompt ends with the assistant."""
    start = len(said.messages) - 1
    while start and said.messages[start - 1]["role"] == "assistant":
        start -= 1
    return start


LAYOUT = Layout(name="openai-chat", title="OpenAI chat data", recognises=recognises, rows=rows)
