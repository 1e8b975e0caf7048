"""What every layout takes of a record: texts, lists, objects, numbers and ids, each with a Refused that names it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence

from formats import values
from formats.fields import check_repeated
from formats.layouts.layout import Record, Row
from formats.refusals import Refused
from formats.values import Repeated


def text_of(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Refused(field, value, "text")
    return value


def list_of(value: object, field: str, *, least: int = 1) -> list[object]:
    if not isinstance(value, list) or len(value) < least:
        raise Refused(field, value, "list", low=least)
    return value


def object_of(value: object, field: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Refused(field, value, "object")
    if isinstance(value, Repeated):
        check_repeated(value)
    return value


def number_of(value: object, field: str) -> float:
    """Takes a number, or a text that is one, as tables have it."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise Refused(field, value, "number_wanted")
    return number


def whole_of(value: object, field: str) -> int:
    number = number_of(value, field)
    if number != int(number):
        raise Refused(field, value, "whole_number")
    return int(number)


def one_of(value: object, field: str, known: Collection[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise Refused(field, value, "one_of", known=", ".join(known))
    return value


def id_of(value: object, field: str) -> str:
    """Takes a text or a whole number as an id."""
    if type(value) is int:
        return written(value, field)
    if not isinstance(value, str) or not value.strip():
        raise Refused(field, value, "no_text", remedy="row_id")
    return value


def written(number: int, field: str) -> str:
    try:
        return str(number)
    except ValueError:  # of more digits than Python writes
        raise Refused(field, "...", "number") from None


def made_id(prompt: object, texts: Sequence[str]) -> str:
    """Makes the id of a record that has none, of what it asks and answers: the same file twice changes nothing."""
    said = json.dumps([prompt, list(texts)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def ranks_of(scores: Sequence[float], *, best: str = "highest") -> list[int]:
    """Ranks scores, 1 for the best; equal ones are a tie. best: highest or lowest."""
    places = {score: place for place, score in enumerate(sorted(set(scores), reverse=best == "highest"), start=1)}
    return [places[score] for score in scores]


def others(record: Record, used: Collection[str]) -> dict[str, object]:
    """Gives what a layout doesn't use, for the row's metadata: nothing that a file says is dropped."""
    return {key: value for key, value in record.items() if key not in used and value is not None}


def make_row(
    prompt: object,
    texts: Sequence[str],
    *,
    id: str = "",
    models: Sequence[str] = (),
    rankings: Sequence[Mapping[str, object]] = (),
    metadata: Mapping[str, object] | None = None,
) -> Row:
    """Makes a row; without an id, one of its own. models are parallel to the texts, empty where nobody says."""
    completions = [
        {"text": text} | ({"model": models[at]} if models and models[at] else {}) for at, text in enumerate(texts)
    ]
    row: Row = {"id": id or made_id(prompt, texts), "prompt": prompt, "completions": completions}
    if rankings:
        row["rankings"] = [dict(ranking) for ranking in rankings]
    if metadata:
        row["metadata"] = dict(metadata)
    return row


def ranking(
    labeler: str, ranks: Sequence[int], *, strength: int | None = None, has_a_rest: bool = False
) -> dict[str, object]:
    """Makes a ranking. has_a_rest: of those of the last rank nobody said which is better, so that they are no tie."""
    said: dict[str, object] = {"labeler": labeler, "ranks": list(ranks)}
    if strength is not None:
        said["strength"] = strength
    if has_a_rest and (top_k := top_k_of(ranks)) is not None:
        said["top_k"] = top_k
    return said


def top_k_of(ranks: Sequence[int]) -> int | None:
    """Counts those above the last rank, where it has several: of one alone, or where all are in it, nobody asks."""
    n_last = ranks.count(max(ranks))
    return len(ranks) - n_last if 1 < n_last < len(ranks) else None


def json_of(value: object) -> str:
    """Writes a value as JSON in one line, whatever it is."""
    flaw = values.flaw_of(value, "")
    if flaw:
        raise Refused(flaw.path, flaw.value, flaw.kind, most=values.MAX_DEPTH)
    return json.dumps(value, ensure_ascii=False, default=str)
