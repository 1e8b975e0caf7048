"""HelpSteer2 and HelpSteer3 preference data: two responses, and how much better one of them is, from -3 to 3.

https://huggingface.co/datasets/nvidia/HelpSteer3 and https://huggingface.co/datasets/nvidia/HelpSteer2, "preference".
What the annotators wrote stays in the metadata, as it is in the file and in the order of the rankings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from formats.layouts.conversation import conversation_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.published.strengths import ranking_by, strength_of
from formats.layouts.reading import id_of, list_of, make_row, object_of, others, text_of
from formats.messages import Message

_turn = re.compile(r"\n*<extra_id_1>(User|Assistant)\n")  # in HelpSteer2's prompts of several turns


def recognises_third(record: Record) -> bool:
    return {"context", "response1", "response2", "overall_preference"} <= record.keys()


def third(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    context = conversation_of(record.get("context"), "context")
    metadata = others(record, ("id", "context", "response1", "response2"))
    metadata |= {"context": record["context"]} if context.changed else {}
    yield make_row(
        context.messages,
        [text_of(record.get(key), key) for key in ("response1", "response2")],
        id=_id(record),
        rankings=_rankings(record, "individual_preference", "score", "overall_preference", "helpsteer3"),
        metadata=metadata,
    )


def recognises_second(record: Record) -> bool:
    return {"prompt", "response_1", "response_2", "preference_strength"} <= record.keys()


def second(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    yield make_row(
        prompt_of(text_of(record.get("prompt"), "prompt")),
        [text_of(record.get(key), key) for key in ("response_1", "response_2")],
        id=_id(record),
        rankings=_rankings(record, "three_most_similar_preferences", "strength", "preference_strength", "helpsteer2"),
        metadata=others(record, ("id", "prompt", "response_1", "response_2")),
    )


def _rankings(record: Record, several: str, key: str, overall: str, name: str) -> list[Mapping[str, object]]:
    """Gives a ranking of each annotator, who are numbered; of a record without them, the overall one."""
    strength = strength_of(record.get(overall), overall)
    each = [] if record.get(several) is None else list_of(record[several], several, least=0)
    said = [
        strength_of(object_of(one, f"{several}[{place}]").get(key), f"{several}[{place}].{key}")
        for place, one in enumerate(each)
    ]
    return [ranking_by(f"{name}-{number}", one) for number, one in enumerate(said, start=1)] or [
        ranking_by(name, strength)
    ]


def prompt_of(text: str) -> object:
    """Reads the turns that a prompt of several marks; any other is one turn of the user."""
    first, *parts = _turn.split(text)
    if not parts or parts[-2] == "Assistant":
        return text
    turns: list[Message] = [{"role": "user", "content": first}]
    turns += [
        {"role": speaker.casefold(), "content": said} for speaker, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    return turns


def _id(record: Record) -> str:
    return "" if record.get("id") is None else id_of(record["id"], "id")


HELPSTEER3 = Layout(name="helpsteer3", title="HelpSteer3", recognises=recognises_third, rows=third)
HELPSTEER2 = Layout(name="helpsteer2", title="HelpSteer2", recognises=recognises_second, rows=second)
