"""OpenAI preference data: the conversation under `input`, then preferred_output and non_preferred_output as messages.

https://developers.openai.com/api/docs/guides/direct-preference-optimization
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from formats.layouts.conversation import conversation_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import object_of, others
from formats.layouts.training.pairs import OWN_KEYS, original, pair_row, pairs_of

OUTPUTS = ("preferred_output", "non_preferred_output")
KEPT = ("tools", "parallel_tool_calls")  # of the input, in the metadata under the same names


def recognises(record: Record) -> bool:
    said = record.get("input")
    return (
        isinstance(said, Mapping) and isinstance(said.get("messages"), list) and all(key in record for key in OUTPUTS)
    )


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    said = object_of(record.get("input"), "input")
    prompt = conversation_of(said.get("messages"), "input.messages")
    chosen, rejected = (conversation_of(record.get(key), key) for key in OUTPUTS)
    metadata = others(record, ("input", *OUTPUTS, *OWN_KEYS)) | others(said, ("messages",))
    metadata |= {"messages": said["messages"]} if prompt.changed else {}
    metadata |= {key: record[key] for key, each in zip(OUTPUTS, (chosen, rejected), strict=True) if each.changed}
    yield pair_row(
        prompt.messages, chosen.text, rejected.text, record=record, labeler="openai", metadata=metadata, fields=OUTPUTS
    )


def write(row: Row) -> Iterator[dict[str, object]]:
    """Gives pairs, with no other key than the service takes."""
    for pair in pairs_of(row, LAYOUT.title):
        metadata = pair.row.get("metadata")
        said = {key: metadata[key] for key in KEPT if key in metadata} if isinstance(metadata, Mapping) else {}
        outputs = {
            key: original(pair, key, text) or [{"role": "assistant", "content": text}]
            for key, text in zip(OUTPUTS, pair.texts, strict=True)
        }
        messages = original(pair, "messages", pair.prompt) or pair.prompt
        yield {"input": {"messages": messages, **said}, **outputs}


LAYOUT = Layout(name="openai-preference", title="OpenAI preference data", recognises=recognises, rows=rows, write=write)
