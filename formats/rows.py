"""A row: a prompt, its completions and the recorded rankings of them. The one parser of files and frozen versions.

The format and what each door adds to it are in docs/import.md. Sizes are checked before anything is made of what they
count.
"""

from __future__ import annotations

import contextlib
import json
from typing import NamedTuple

from formats import fields, limits, values
from formats.gold import GoldRow, parse_gold
from formats.limits import Limits
from formats.messages import Message, parse_prompt
from formats.prompts import SPLITS
from formats.rankings import RankingRow, parse_rankings
from formats.refusals import Refused

KEYS = dict.fromkeys(("id", "split", "prompt", "completions", "rankings", "gold", "tags", "metadata"))
COMPLETION_KEYS = dict.fromkeys(("id", "text", "model"))


class CompletionRow(NamedTuple):
    id: str  # its place where the row gives none
    text: str
    model: str  # empty where the row doesn't say


class Row(NamedTuple):
    id: str
    split: str  # empty where the row doesn't say
    messages: tuple[Message, ...]
    completions: tuple[CompletionRow, ...]
    rankings: tuple[RankingRow, ...]
    metadata: dict[str, object]
    tags: tuple[str, ...] = ()  # sorted, each once
    gold: GoldRow | None = None


def read_json(line: bytes) -> object:
    """Gives what a line of JSON Lines says. Raises Refused."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        seen = line[max(error.start - 10, 0) : error.start + 10].decode("latin-1")
        raise Refused("line", seen, "not_utf8", n=error.start) from error
    try:
        return values.parse(text)
    except ValueError as error:
        raise Refused("line", text.strip(), "not_json", error=error) from error


def parse_row(value: object, bounds: Limits = limits.NONE) -> Row:
    """Makes a row of what JSON or a table's row says. Raises Refused."""
    if not isinstance(value, dict):
        raise Refused("line", value, "not_object")
    fields.check_keys(value, KEYS, others=bounds.other_keys)
    completions = _completions(value.get("completions"), bounds)
    rankings = parse_rankings(value.get("rankings"), [completion.id for completion in completions], bounds)
    return Row(
        id=fields.text(value.get("id"), "id", "row_id", limit=bounds.max_id),
        split=_split(value.get("split")),
        messages=parse_prompt(value.get("prompt"), bounds=bounds),
        completions=completions,
        rankings=rankings,
        metadata=_metadata(value.get("metadata"), bounds.max_metadata),
        tags=_tags(value["tags"], bounds) if value.get("tags") is not None else (),
        gold=parse_gold(value.get("gold"), len(completions), bounds),
    )


def _split(value: object) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or value not in SPLITS:
        raise Refused("split", value, "split", splits=", ".join(SPLITS))
    return value


def _tags(value: object, bounds: Limits) -> tuple[str, ...]:
    """Reads a list of words, or a text of words between commas, as a table's cell has them."""
    if isinstance(value, str):
        value = [word for word in value.split(",") if word.strip()]
    found = set()
    for index, item in enumerate(fields.some(value, "tags", "tags", None)):
        place = f"tags[{index}]"
        tag = " ".join(fields.sound(item, place).split()) if isinstance(item, str) else ""
        if not tag or not tag.isprintable():
            raise Refused(place, item, "tag")
        if bounds.max_tag is not None and len(tag) > bounds.max_tag:
            raise Refused(place, item, "too_long", n=len(tag), limit=bounds.max_tag)
        found.add(tag)
    if bounds.max_tags is not None and len(found) > bounds.max_tags:
        raise Refused("tags", value, "too_many", n=len(found), most=bounds.max_tags)
    return tuple(sorted(found))


def _completions(value: object, bounds: Limits) -> tuple[CompletionRow, ...]:
    low, high = bounds.min_completions, bounds.max_completions
    if not isinstance(value, list) or len(value) < low or (high is not None and len(value) > high):
        code = "some_completions" if high is None else "completions"
        raise Refused("completions", value, code, low=low, high=high)
    rows: list[CompletionRow] = []
    by_id: dict[str, int] = {}
    by_text: dict[str, int] = {}
    for index, item in enumerate(value):
        try:
            row = _completion(item, index, bounds)
            if (other := by_id.setdefault(row.id, index)) != index:
                raise Refused("id", row.id, "repeated_id", other=other)
            if bounds.differing_texts and (other := by_text.setdefault(row.text.strip(), index)) != index:
                raise Refused("text", row.text, "repeated_text", other=other)
        except Refused as error:
            raise error.within(f"completions[{index}]") from None
        rows.append(row)
    return tuple(rows)


def _completion(value: object, index: int, bounds: Limits) -> CompletionRow:
    if not isinstance(value, dict):
        raise Refused("", value, "completion")
    fields.check_keys(value, COMPLETION_KEYS, others=bounds.other_keys)
    name = value.get("id")
    return CompletionRow(
        id=str(index) if name is None else fields.text(name, "id", "completion_id", limit=bounds.max_id),
        text=fields.text(value.get("text"), "text", "completion_text", limit=bounds.max_text),
        model=fields.optional(value.get("model"), "model", "model", limit=bounds.max_id),
    )


def _metadata(value: object, limit: int | None) -> dict[str, object]:
    if value is None:
        return {}
    if isinstance(value, str):  # as a Parquet file has it, whose columns have one type
        with contextlib.suppress(ValueError):
            value = values.parse(value)
    if not isinstance(value, dict):
        raise Refused("metadata", value, "metadata")
    if flaw := values.flaw_of(value, "metadata"):
        raise Refused(flaw.path, flaw.value, flaw.kind, most=values.MAX_DEPTH)
    if limit is not None and (size := len(json.dumps(value, ensure_ascii=False).encode())) > limit:
        raise Refused("metadata", value, "large_metadata", size=-(-size // 1024), limit=limit // 1024)
    return value
