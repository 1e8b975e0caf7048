"""LLaMA-Factory's preference data: conversations (ShareGPT's, or messages) with a chosen and a rejected turn, and
instructions with a history.

https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md. Instructions without a history are a wide table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from formats.layouts.conversation import ROLES, Conversation, conversation_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import list_of, object_of, one_of, others, text_of
from formats.layouts.training.pairs import OWN_KEYS, pair_row
from formats.messages import Message
from formats.refusals import Refused

SPEAKERS = {
    "human": "user",
    "gpt": "assistant",
    "observation": "tool",
    "function_call": "assistant",
    **{role: role for role in ROLES},
}
DIALOGUES = ("conversations", "messages")
OUTPUTS = ("chosen", "rejected")
USED = ("system", *DIALOGUES, *OUTPUTS, *OWN_KEYS)
ASKED = ("instruction", "input", "history", "output", "system", *OUTPUTS, *OWN_KEYS)


def recognises(record: Record) -> bool:
    if any(isinstance(record.get(key), list) for key in DIALOGUES):
        return all(isinstance(record.get(key), Mapping) for key in OUTPUTS)
    if not isinstance(record.get("instruction"), str):
        return False
    output = record.get("output")
    if isinstance(output, list):  # as older files have it
        return len(output) == 2 and all(isinstance(each, str) for each in output)
    return isinstance(record.get("history"), list) and all(isinstance(record.get(key), str) for key in OUTPUTS)


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    dialogue = next((key for key in DIALOGUES if key in record), "")
    prompt, outputs, metadata = _of_dialogue(record, dialogue) if dialogue else _of_instruction(record)
    yield pair_row(
        _system(record) + prompt, *outputs, record=record, labeler="llama-factory", metadata=metadata, fields=OUTPUTS
    )


def _of_dialogue(record: Record, key: str) -> tuple[list[Message], tuple[str, str], dict[str, object]]:
    prompt = _conversation(record.get(key), key)
    chosen, rejected = (_conversation([record.get(each)], each) for each in OUTPUTS)
    metadata = others(record, USED)
    metadata |= {
        name: record[name]
        for name, said in ((key, prompt), *zip(OUTPUTS, (chosen, rejected), strict=True))
        if said.changed
    }
    return prompt.messages, (chosen.text, rejected.text), metadata


def _conversation(value: object, field: str) -> Conversation:
    turns = []
    for place, each in enumerate(list_of(value, field)):
        at = f"{field}[{place}]" if field in DIALOGUES else field
        turn = object_of(each, at)
        if "from" not in turn:
            turns.append(turn)
            continue
        role = SPEAKERS[one_of(turn["from"], f"{at}.from", SPEAKERS)]
        said = {"role": role, "content": text_of(turn.get("value"), f"{at}.value")}
        turns.append({**{name: more for name, more in turn.items() if name not in ("from", "value")}, **said})
    return conversation_of(turns, field)


def _of_instruction(record: Record) -> tuple[list[Message], tuple[str, str], dict[str, object]]:
    messages: list[Message] = []
    given = record.get("history")
    for place, turn in enumerate([] if given is None else list_of(given, "history", least=0)):
        at = f"history[{place}]"
        pair = list_of(turn, at, least=2)
        if len(pair) != 2:
            raise Refused(at, pair, "as_many", n=2, other="a question with its answer")
        asked, answered = (text_of(each, f"{at}[{side}]") for side, each in enumerate(pair))
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    asked = text_of(record.get("instruction"), "instruction")
    about = "" if record.get("input") is None else text_of(record["input"], "input")
    messages.append({"role": "user", "content": f"{asked}\n{about}" if about else asked})
    return messages, _outputs(record), others(record, ASKED)


def _outputs(record: Record) -> tuple[str, str]:
    if record.get("output") is None:
        chosen, rejected = (text_of(record.get(key), key) for key in OUTPUTS)
        return chosen, rejected
    output = list_of(record["output"], "output", least=2)
    if len(output) != 2:
        raise Refused("output", output, "as_many", n=2, other="chosen and rejected")
    return text_of(output[0], "output[0]"), text_of(output[1], "output[1]")


def _system(record: Record) -> list[Message]:
    said = record.get("system")
    return [{"role": "system", "content": text_of(said, "system")}] if said not in (None, "") else []


LAYOUT = Layout(name="llama-factory", title="LLaMA-Factory preference data", recognises=recognises, rows=rows)
