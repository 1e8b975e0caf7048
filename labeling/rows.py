"""One line of the import format: from bytes to a checked row, or an error that names field, value and remedy.

Pure: no database. The format is in docs/import.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from labeling.messages import ROLES, Message

MIN_COMPLETIONS, MAX_COMPLETIONS = 2, 10
MAX_ID, MAX_TEXT = 200, 1_000_000


@dataclass(frozen=True)
class CompletionRow:
    id: str
    text: str
    model: str


@dataclass(frozen=True)
class RankingRow:
    labeler: str
    ranks: tuple[int, ...]  # parallel to the completions, dense, 1 is best
    flags: tuple[dict[str, bool], ...]


@dataclass(frozen=True)
class Row:
    id: str
    messages: tuple[Message, ...]
    completions: tuple[CompletionRow, ...]
    rankings: tuple[RankingRow, ...]
    metadata: dict[str, object]


class BadRow(Exception):
    """Names the field, the value seen and what to do."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        text = json.dumps(value, ensure_ascii=False, default=str)
        self.field, self.value, self.remedy = field, text if len(text) <= 80 else text[:77] + "...", remedy
        super().__init__(f"{field}: {remedy} (got {self.value})")


def parse_row(line: bytes) -> Row:
    """Reads one line of JSON Lines. Raises BadRow."""
    row = _json_object(line)
    completions = _completions(row.get("completions"))
    return Row(
        id=_text(row.get("id"), "id", "give each row an id, unique in the file", limit=MAX_ID),
        messages=_messages(row.get("prompt")),
        completions=completions,
        rankings=_rankings(row.get("rankings"), len(completions)),
        metadata=_metadata(row.get("metadata")),
    )


def _json_object(line: bytes) -> dict[str, object]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        seen = line[max(error.start - 10, 0) : error.start + 10].decode("latin-1")
        raise BadRow("line", seen, f"not UTF-8 at byte {error.start}: save the file as UTF-8") from error
    try:
        row = json.loads(text, parse_constant=_no_constant)
    except (json.JSONDecodeError, RecursionError, ValueError) as error:
        raise BadRow("line", text.strip(), f"not valid JSON ({error}): one JSON object a line") from error
    if not isinstance(row, dict):
        raise BadRow("line", row, "each line must be a JSON object")
    return row


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text(value: object, field: str, remedy: str, *, limit: int = MAX_TEXT) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadRow(field, value, f"must be a text that is not empty: {remedy}")
    if len(value) > limit:
        raise BadRow(field, value, f"is {len(value)} characters long, {limit} at most")
    return _storable(value, field)


def _storable(value: str, field: str) -> str:
    if "\x00" in value:
        raise BadRow(field, value, "has a NUL character, which PostgreSQL can't store: remove it")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise BadRow(field, value.encode("utf-8", "replace").decode(), "has half a surrogate pair: repair the encoding")
    return value


def _messages(value: object) -> tuple[Message, ...]:
    if isinstance(value, str):
        return ({"role": "user", "content": _text(value, "prompt", "what is asked")},)
    if not isinstance(value, list) or not value:
        raise BadRow("prompt", value, 'must be a text or a list of {"role", "content"}')
    messages = []
    for index, message in enumerate(value):
        field = f"prompt[{index}]"
        if not isinstance(message, dict):
            raise BadRow(field, message, 'must be {"role", "content"}')
        if message.get("role") not in ROLES:
            raise BadRow(f"{field}.role", message.get("role"), f"must be one of {', '.join(ROLES)}")
        content = _text(message.get("content"), f"{field}.content", "what was said")
        messages.append({"role": str(message["role"]), "content": content})
    if messages[-1]["role"] == "assistant":
        raise BadRow("prompt", value[-1], "must not end with the assistant: its last turn is what the completions are")
    return tuple(messages)


def _completions(value: object) -> tuple[CompletionRow, ...]:
    if not isinstance(value, list) or not MIN_COMPLETIONS <= len(value) <= MAX_COMPLETIONS:
        raise BadRow("completions", value, f"must be a list of {MIN_COMPLETIONS} to {MAX_COMPLETIONS}")
    rows = [_completion(item, f"completions[{index}]") for index, item in enumerate(value)]
    by_id: dict[str, int] = {}
    by_text: dict[str, int] = {}
    for index, row in enumerate(rows):
        if row.id in by_id:
            raise BadRow(f"completions[{index}].id", row.id, f"is completions[{by_id[row.id]}]'s too: make ids unique")
        if row.text.strip() in by_text:
            other = by_text[row.text.strip()]
            raise BadRow(
                f"completions[{index}].text", row.text, f"is the same as completions[{other}]'s: keep one of them"
            )
        by_id[row.id] = by_text[row.text.strip()] = index
    return tuple(rows)


def _completion(value: object, field: str) -> CompletionRow:
    if not isinstance(value, dict):
        raise BadRow(field, value, 'must be {"id", "text"}')
    model = value.get("model")
    if model is not None and (not isinstance(model, str) or len(model) > MAX_ID):
        raise BadRow(f"{field}.model", model, f"must be a text of at most {MAX_ID} characters, or left out")
    return CompletionRow(
        id=_text(value.get("id"), f"{field}.id", "give each completion an id", limit=MAX_ID),
        text=_text(value.get("text"), f"{field}.text", "leave a completion without words out"),
        model=_storable(model or "", f"{field}.model"),
    )


def _rankings(value: object, k: int) -> tuple[RankingRow, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRow("rankings", value, 'must be a list of {"labeler", "ranks"}')
    rows = [_ranking(item, f"rankings[{index}]", k) for index, item in enumerate(value)]
    labelers = [row.labeler for row in rows]
    for index, labeler in enumerate(labelers):
        if labeler in labelers[:index]:
            raise BadRow(f"rankings[{index}].labeler", labeler, "ranked this prompt above already: one ranking each")
    return tuple(rows)


def _ranking(value: object, field: str, k: int) -> RankingRow:
    if not isinstance(value, dict):
        raise BadRow(field, value, 'must be {"labeler", "ranks"}')
    ranks = value.get("ranks")
    if not isinstance(ranks, list) or len(ranks) != k:
        raise BadRow(f"{field}.ranks", ranks, f"must be a list of {k} ranks, one for each completion")
    for index, rank in enumerate(ranks):
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise BadRow(f"{field}.ranks[{index}]", rank, "must be a whole number, 1 is best")
    dense = {rank: place for place, rank in enumerate(sorted(set(ranks)), start=1)}
    return RankingRow(
        labeler=_text(value.get("labeler"), f"{field}.labeler", "who ranked", limit=140),
        ranks=tuple(dense[rank] for rank in ranks),
        flags=_flags(value.get("flags"), f"{field}.flags", k),
    )


def _flags(value: object, field: str, k: int) -> tuple[dict[str, bool], ...]:
    if value is None:
        return ({},) * k
    if not isinstance(value, list) or len(value) != k:
        raise BadRow(field, value, f"must be a list of {k} objects, one for each completion")
    for index, flags in enumerate(value):
        if not isinstance(flags, dict) or not all(isinstance(answer, bool) for answer in flags.values()):
            raise BadRow(f"{field}[{index}]", flags, 'must be an object such as {"hateful": false}')
    return tuple({_storable(name, field): answer for name, answer in flags.items()} for flags in value)


def _metadata(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRow("metadata", value, "must be an object")
    _storable(json.dumps(value, ensure_ascii=False).replace("\\u0000", "\x00"), "metadata")
    return value
