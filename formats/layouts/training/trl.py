"""TRL preference data: prompt, chosen and rejected as texts or messages, or chosen and rejected that begin alike.

https://huggingface.co/docs/trl/dataset_formats, under "Preference" and "Tool calling".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from formats.layouts.conversation import Conversation, common, conversation_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import list_of, others, text_of
from formats.layouts.training.pairs import OWN_KEYS, Pair, original, own_of, pair_row, pairs_of
from formats.layouts.transcripts import is_transcript
from formats.messages import Message
from formats.refusals import Refused

USED = ("prompt", "chosen", "rejected", *OWN_KEYS)
# What is asked where it isn't `prompt`: a table's, for texts that begin alike by chance are no implicit prompt then.
ASKED_ELSEWHERE = {"context", "conversation", "conversations", "history", "input", "instruction", "query", "question"}
SCORES = (
    ("score_chosen", "score_rejected"),
    ("chosen_score", "rejected_score"),
    ("chosen-rating", "rejected-rating"),  # as Argilla's copies of UltraFeedback have them
)


def recognises(record: Record) -> bool:
    chosen, rejected, prompt = (record.get(key) for key in ("chosen", "rejected", "prompt"))
    if prompt is None and ASKED_ELSEWHERE & record.keys():
        return False
    if isinstance(chosen, str) and isinstance(rejected, str):
        said = (chosen, rejected) if prompt is None else (prompt,)
        return (prompt is None or isinstance(prompt, str) or _are_messages(prompt)) and not any(
            map(is_transcript, said)
        )
    return _are_messages(chosen) and _are_messages(rejected) and (prompt is None or isinstance(prompt, str | list))


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) and "role" in each for each in value)


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    metadata = others(record, USED)
    if record.get("messages") == record.get("chosen"):  # as some files repeat it
        metadata.pop("messages", None)
    prompt: object
    if isinstance(record.get("chosen"), str):
        prompt, chosen, rejected = _texts(record, metadata)
    else:
        prompt, chosen, rejected = _conversations(record, metadata)
    yield pair_row(
        prompt, chosen, rejected, record=record, labeler="trl", metadata=metadata, fields=("chosen", "rejected"),
        tie=any(record.get(a) is not None and record.get(a) == record.get(b) for a, b in SCORES),
    )  # fmt: skip


def _texts(record: Record, metadata: dict[str, object]) -> tuple[object, str, str]:
    chosen, rejected = (text_of(record.get(key), key) for key in ("chosen", "rejected"))
    prompt = record.get("prompt")
    if isinstance(prompt, str):
        return prompt, chosen, rejected
    if prompt is not None:
        said = _prompt(prompt)
        metadata |= {"prompt": prompt} if said.changed else {}
        return said.messages, chosen, rejected
    end = _common_words(chosen, rejected)
    return chosen[:end], chosen[end:], rejected[end:]


def _common_words(first: str, second: str) -> int:
    """Counts the characters that both begin with, up to the end of a word, leaving each a word of its own."""
    end, most = 0, max(min(len(first.rstrip()), len(second.rstrip())) - 1, 0)
    while end < most:  # by halves: a step a character takes longer than all the rest
        middle = (end + most + 1) // 2
        end, most = (middle, most) if first[end:middle] == second[end:middle] else (end, middle - 1)
    while end and not (first[end].isspace() and second[end].isspace()):
        end -= 1
    return end


def _prompt(value: object) -> Conversation:
    return conversation_of(list_of(value, "prompt"), "prompt")


def _conversations(record: Record, metadata: dict[str, object]) -> tuple[list[Message], str, str]:
    """Reads messages; what they don't say as texts goes into the metadata under the key that it has in the file."""
    said = {key: conversation_of(record.get(key), key) for key in ("chosen", "rejected")}
    prompt = record.get("prompt")
    if isinstance(prompt, str):
        said["prompt"] = Conversation([{"role": "user", "content": prompt}], False)
    elif prompt is not None:
        said["prompt"] = _prompt(prompt)
    metadata |= {key: record[key] for key, each in said.items() if each.changed}
    chosen, rejected = said["chosen"].messages, said["rejected"].messages
    before = said["prompt"].messages if "prompt" in said else []
    n = common(chosen, rejected)
    if n and chosen[:n] == before[-n:]:  # the prompt again, or the end of it
        before = before[:-n]
    elif before and before == chosen[:n][-len(before) :]:
        before = []
    if not before and not n:
        raise Refused("chosen", record.get("chosen"), "no_common_beginning", other="rejected")
    return before + chosen[:n], Conversation(chosen[n:], False).text, Conversation(rejected[n:], False).text


def write(row: Row) -> Iterator[dict[str, object]]:
    """Gives pairs with an explicit prompt: texts where the prompt is one, else messages."""
    for pair in pairs_of(row, LAYOUT.title):
        metadata = pair.row.get("metadata")
        kept = {
            key: value for key, value in (metadata if isinstance(metadata, Mapping) else {}).items() if key not in USED
        }
        yield {**_said(pair), **own_of(pair, "trl"), **kept}


def _said(pair: Pair) -> dict[str, object]:
    if isinstance(pair.row["prompt"], str):
        return {"prompt": pair.row["prompt"], "chosen": pair.texts[0], "rejected": pair.texts[1]}
    said: dict[str, object] = {"prompt": original(pair, "prompt", pair.prompt) or pair.prompt}
    for key, text in zip(("chosen", "rejected"), pair.texts, strict=True):
        said[key] = original(pair, key, text) or [{"role": "assistant", "content": text}]
    return said


LAYOUT = Layout(name="trl-preference", title="TRL preference data", recognises=recognises, rows=rows, write=write)
