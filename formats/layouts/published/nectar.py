"""Ranked lists, as Nectar has them: a prompt and answers, each with its rank and its model.

https://huggingface.co/datasets/berkeley-nest/Nectar. Its prompts are transcripts that end where the assistant begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from formats.layouts.conversation import conversation_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.ranked import beside_each, ids_kept, own_of, rankings_of, written_metadata, written_own
from formats.layouts.reading import id_of, list_of, make_row, number_of, object_of, others, ranking, ranks_of, text_of
from formats.layouts.transcripts import is_transcript, turns_of

IN_ANSWER = ("answer", "rank", "model", "id")


def recognises(record: Record) -> bool:
    answers = record.get("answers")
    return (
        "prompt" in record
        and isinstance(answers, list)
        and answers != []
        and all(isinstance(each, Mapping) and {"answer", "rank"} <= each.keys() for each in answers)
    )


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    given = list_of(record.get("answers"), "answers")
    said = [object_of(each, f"answers[{place}]") for place, each in enumerate(given)]
    who = record.get("labeler")
    ranks = ranks_of(
        [number_of(each.get("rank"), f"answers[{place}].rank") for place, each in enumerate(said)], best="lowest"
    )
    own = own_of(record, ranks)
    made = ranking("nectar" if who is None else id_of(who, "labeler"), ranks, has_a_rest="top_k" in own)
    beside = [others(each, IN_ANSWER) for each in said]
    metadata = others(record, ("prompt", "answers", *own)) | ({"answers": beside} if any(beside) else {})
    row = make_row(
        _prompt(record.get("prompt"), metadata),
        [text_of(each.get("answer"), f"answers[{place}].answer") for place, each in enumerate(said)],
        id="" if record.get("id") is None else id_of(record["id"], "id"),
        models=[
            "" if each.get("model") is None else text_of(each["model"], f"answers[{place}].model")
            for place, each in enumerate(said)
        ],
        rankings=[made],
        metadata=metadata,
    )
    yield ids_kept(row, record, [each.get("id") for each in said], "answers")


def _prompt(value: object, metadata: dict[str, object]) -> object:
    if isinstance(value, list):
        said = conversation_of(value, "prompt")
        metadata |= {"prompt": value} if said.changed else {}
        return said.messages
    text = text_of(value, "prompt")
    if not is_transcript(text):
        return text
    turns = turns_of(text, "prompt")
    while len(turns) > 1 and turns[-1]["role"] == "assistant" and not turns[-1]["content"].strip():
        turns.pop()
    return turns


def write(row: Row) -> Iterator[dict[str, object]]:
    """Gives a record for each ranking, whose labeler stands beside it unless the layout names it."""
    beside = beside_each(row, "answers")
    for completions, each in rankings_of(row, LAYOUT.title):
        answers = [
            {"answer": completion["text"], "rank": rank}
            | {key: completion[key] for key in ("model", "id") if key in completion}
            | dict(more)
            for completion, rank, more in zip(completions, each["ranks"], beside, strict=True)  # type: ignore[call-overload]
        ]
        own = written_own(each, "nectar")
        yield {"id": row["id"], "prompt": row["prompt"], "answers": answers, **own, **written_metadata(row, "answers")}


LAYOUT = Layout(name="nectar", title="Nectar", recognises=recognises, rows=rows, write=write)
