"""A pair of a chosen and a rejected completion: what the layouts of training libraries have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from formats.layouts.conversation import Conversation, conversation_of
from formats.layouts.layout import Record, Row
from formats.layouts.reading import id_of, make_row, ranking, text_of
from formats.messages import Message
from formats.refusals import Refused

# What a pair may say of itself beside its texts, in every layout that leaves room for other keys.
MODEL_KEYS = (("chosen_model", "chosen-model"), ("rejected_model", "rejected-model"))  # each as two hubs write it
OWN_KEYS = ("id", "split", "labeler", "strength", *MODEL_KEYS[0], *MODEL_KEYS[1])


class Pair(NamedTuple):
    """A ranking of two completions of a row, as it is written."""

    row: Row
    prompt: list[Message]
    texts: tuple[str, str]  # the better one first
    models: tuple[str, str]
    labeler: str
    strength: int | None


def pair_row(
    prompt: object,
    chosen: str,
    rejected: str,
    *,
    record: Record,
    labeler: str,
    metadata: Mapping[str, object],
    fields: tuple[str, str],
    tie: bool = False,
) -> Row:
    """Makes a row of two completions, of which the first is the better one unless they tie."""
    if chosen.strip() == rejected.strip():
        raise Refused(fields[0], chosen, "same_texts", other=fields[1])
    said = record.get("labeler")
    strength = record.get("strength")
    row = make_row(
        prompt,
        (chosen, rejected),
        id="" if record.get("id") is None else id_of(record["id"], "id"),
        models=[_model(record, keys) for keys in MODEL_KEYS],
        rankings=[ranking(labeler if said is None else id_of(said, "labeler"), (1, 1) if tie else (1, 2))],
        metadata=metadata,
    )
    if strength is not None and not tie:
        row["rankings"][0]["strength"] = strength  # type: ignore[index]
    return row if record.get("split") is None else {**row, "split": record["split"]}


def _model(record: Record, keys: tuple[str, ...]) -> str:
    field = next((key for key in keys if record.get(key) is not None), None)
    return "" if field is None else text_of(record[field], field)


def pairs_of(row: Row, title: str) -> Iterator[Pair]:
    """Yields each pair of two completions that a row's rankings say, ties left out.

    row: one that formats.rows.parse_row takes. Raises Refused where it has no ranking at all.
    """
    completions, rankings = row["completions"], row.get("rankings") or []
    assert isinstance(completions, list)
    assert isinstance(rankings, list)
    if not rankings:
        raise Refused("rankings", rankings, "written_so", title=title)
    prompt = row["prompt"]
    messages: list[Message] = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)  # type: ignore[call-overload]
    for each in rankings:
        ranks = each["ranks"]
        for better, first in enumerate(completions):
            for worse, second in enumerate(completions):
                if ranks[better] < ranks[worse]:
                    yield Pair(
                        row, messages, (first["text"], second["text"]),
                        (first.get("model", ""), second.get("model", "")), each["labeler"], each.get("strength"),
                    )  # fmt: skip


def own_of(pair: Pair, labeler: str) -> dict[str, object]:
    """Gives what a record may say beside its texts. The id of a row of two belongs to its only pair."""
    row = pair.row
    completions, rankings = row["completions"], row["rankings"]
    assert isinstance(completions, list)
    assert isinstance(rankings, list)
    alone = len(completions) == 2 and len(rankings) == 1
    said: dict[str, object] = {
        "id" if alone else "prompt_id": row["id"],
        "split": row.get("split"),
        "labeler": None if pair.labeler == labeler else pair.labeler,
        "strength": pair.strength,
        "chosen_model": pair.models[0],
        "rejected_model": pair.models[1],
    }
    return {key: value for key, value in said.items() if value not in (None, "")}


def original(pair: Pair, key: str, shown: object) -> object | None:
    """Gives the conversation as its file had it, where the row kept it and it still says what the row shows."""
    metadata = pair.row.get("metadata")
    kept = metadata.get(key) if isinstance(metadata, Mapping) else None
    if not isinstance(kept, list):
        return None
    try:
        read: Conversation = conversation_of(kept, key)
    except Refused:
        return None
    return kept if shown in (read.messages, read.text) else None
