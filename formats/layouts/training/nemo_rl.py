"""NeMo-RL preference data: a context of messages and completions, each with a rank, of which 0 is the best.

https://docs.nvidia.com/nemo/rl/latest/guides/dpo, under "Datasets".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from formats.layouts.conversation import Conversation, conversation_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.ranked import beside_each, ids_kept, own_of, rankings_of, written_metadata, written_own
from formats.layouts.reading import id_of, list_of, make_row, number_of, object_of, others, ranking, ranks_of

IN_COMPLETION = ("rank", "completion", "model", "id")


def recognises(record: Record) -> bool:
    completions = record.get("completions")
    return (
        isinstance(record.get("context"), list | str)
        and isinstance(completions, list)
        and completions != []
        and all(isinstance(each, Mapping) and {"rank", "completion"} <= each.keys() for each in completions)
    )


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    context = _conversation(record.get("context"), "context", "user")
    given = list_of(record.get("completions"), "completions")
    said = [object_of(each, f"completions[{place}]") for place, each in enumerate(given)]
    answers = [
        _conversation(each.get("completion"), f"completions[{place}].completion", "assistant")
        for place, each in enumerate(said)
    ]
    ranks = ranks_of(
        [number_of(each.get("rank"), f"completions[{place}].rank") for place, each in enumerate(said)], best="lowest"
    )
    who = record.get("labeler")
    own = own_of(record, ranks)
    metadata = others(record, ("context", "completions", *own))
    metadata |= {"context": record["context"]} if context.changed else {}
    beside = [
        others(each, IN_COMPLETION) | ({"completion": each["completion"]} if answer.changed else {})
        for each, answer in zip(said, answers, strict=True)
    ]
    row = make_row(
        context.messages,
        [answer.text for answer in answers],
        id="" if record.get("id") is None else id_of(record["id"], "id"),
        models=["" if each.get("model") is None else id_of(each["model"], "model") for each in said],
        rankings=[ranking("nemo-rl" if who is None else id_of(who, "labeler"), ranks, has_a_rest="top_k" in own)],
        metadata=metadata | ({"completions": beside} if any(beside) else {}),
    )
    yield ids_kept(row, record, [each.get("id") for each in said], "completions")


def _conversation(value: object, field: str, speaker: str) -> Conversation:
    """Reads messages, or a text that somebody says."""
    if isinstance(value, str):
        return Conversation([{"role": speaker, "content": value}], False)
    return conversation_of(value, field)


def write(row: Row) -> Iterator[dict[str, object]]:
    """Gives a record for each ranking, whose labeler stands beside it unless the layout names it."""
    beside = beside_each(row, "completions")
    for completions, each in rankings_of(row, LAYOUT.title):
        ranked = [
            {"rank": rank - 1, "completion": [{"role": "assistant", "content": completion["text"]}]}
            | {key: completion[key] for key in ("model", "id") if key in completion}
            | dict(more)
            for completion, rank, more in zip(completions, each["ranks"], beside, strict=True)  # type: ignore[call-overload]
        ]
        own = written_own(each, "nemo-rl")
        context = _context(row)
        kept = written_metadata(row, "completions")
        yield {**kept, "id": row["id"], "context": context, "completions": ranked, **own}


def _context(row: Row) -> object:
    """Gives the context as its file had it, where the row kept it."""
    prompt, metadata = row["prompt"], row.get("metadata")
    if isinstance(metadata, Mapping) and isinstance(metadata.get("context"), list):
        return metadata["context"]
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


LAYOUT = Layout(name="nemo-rl", title="NeMo-RL preference data", recognises=recognises, rows=rows, write=write)
