r"""HH-RLHF transcripts: chosen and rejected as one text of turns, "\n\nHuman: ...\n\nAssistant: ...", that begin alike.

https://huggingface.co/datasets/Anthropic/hh-rlhf. Some of its copies have the beginning apart, as `prompt`.
"""

from __future__ import annotations

from collections.abc import Iterator

from formats.layouts.conversation import Conversation, common
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import others, text_of
from formats.layouts.training.pairs import OWN_KEYS, Pair, own_of, pair_row, pairs_of
from formats.layouts.transcripts import ROLES, TURN, is_transcript, turns_of
from formats.messages import Message
from formats.refusals import Refused

USED = ("prompt", "chosen", "rejected", *OWN_KEYS)
SPEAKERS = {role: speaker for speaker, role in ROLES.items()}


def recognises(record: Record) -> bool:
    said = [record.get(key) for key in ("chosen", "rejected")]
    if not all(isinstance(each, str) for each in said):
        return False
    return is_transcript(record["prompt"]) if record.get("prompt") is not None else all(map(is_transcript, said))


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    chosen, rejected = (text_of(record.get(key), key) for key in ("chosen", "rejected"))
    metadata = others(record, USED)
    if record.get("prompt") is None:
        prompt, chosen, rejected = _apart(chosen, rejected)
        if any(text.startswith("Assistant: ") for text in (chosen, rejected)):  # of several turns, shown as one text
            metadata |= {key: record[key] for key in ("chosen", "rejected")}
    else:
        prompt = turns_of(text_of(record["prompt"], "prompt"), "prompt")
        prompt = prompt[:-1] if prompt[-1] == {"role": "assistant", "content": ""} else prompt
        chosen, rejected = chosen.removeprefix(" "), rejected.removeprefix(" ")
    yield pair_row(
        prompt, chosen, rejected, record=record, labeler="hh-rlhf", metadata=metadata,
        fields=("chosen", "rejected"),
    )  # fmt: skip


def _apart(chosen: str, rejected: str) -> tuple[list[Message], str, str]:
    first, second = turns_of(chosen, "chosen"), turns_of(rejected, "rejected")
    n = common(first, second)
    if not n:
        raise Refused("chosen", chosen, "no_common_beginning", other="rejected")
    return first[:n], Conversation(first[n:], False).text, Conversation(second[n:], False).text


def write(row: Row) -> Iterator[dict[str, object]]:
    for pair in pairs_of(row, LAYOUT.title):
        yield {**(_whole(pair) or _joined(pair)), **own_of(pair, "hh-rlhf"), **_kept(pair)}


def _whole(pair: Pair) -> dict[str, object]:
    """Gives the transcripts as their file had them, where the row kept them and they still say what it shows."""
    kept = pair.row.get("metadata")
    said = [kept.get(key) for key in ("chosen", "rejected")] if isinstance(kept, dict) else []
    if not said or not all(map(is_transcript, said)):
        return {}
    try:
        same = _apart(str(said[0]), str(said[1])) == (pair.prompt, *pair.texts)
    except Refused:
        return {}
    return dict(zip(("chosen", "rejected"), said, strict=True)) if same else {}


def _joined(pair: Pair) -> dict[str, object]:
    before = _written(pair.prompt)
    return {
        key: before + _written([{"role": "assistant", "content": text}])
        for key, text in zip(("chosen", "rejected"), pair.texts, strict=True)
    }


def _kept(pair: Pair) -> dict[str, object]:
    metadata = pair.row.get("metadata")
    return {key: value for key, value in metadata.items() if key not in USED} if isinstance(metadata, dict) else {}


def _written(messages: list[Message]) -> str:
    """Writes turns. Raises Refused for a role that transcripts don't have, and for a text that reads as turns."""
    for message in messages:
        if message["role"] not in SPEAKERS or TURN.search(message["content"]):
            raise Refused("prompt", message["content"], "written_so", title=LAYOUT.title)
    return "".join(f"\n\n{SPEAKERS[message['role']]}: {message['content']}" for message in messages)


LAYOUT = Layout(name="hh-rlhf", title="HH-RLHF transcripts", recognises=recognises, rows=rows, write=write)
