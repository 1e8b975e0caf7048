"""One line of the import format: from bytes to a checked row, or an error that names field, value and remedy.

Pure: no database. The format is in docs/import.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from labeling.messages import ROLES, Message

MIN_COMPLETIONS, MAX_COMPLETIONS = 2, 10
MIN_TEXTS = 1  # of a classification
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
        said = {"field": field, "remedy": remedy, "value": self.value}
        super().__init__(_("%(field)s: %(remedy)s (got %(value)s)") % said)


def parse_row(line: bytes, *, asked: Sequence[str] = ()) -> Row:
    """Reads one line of JSON Lines. Raises BadRow.

    asked: the flags of a classification, which takes single texts and texts without a prompt, and of whose recorded
    rankings each answers every one of them; none for a project that ranks.
    """
    row = _json_object(line)
    completions = _completions(row.get("completions"), MIN_TEXTS if asked else MIN_COMPLETIONS)
    rankings = _rankings(row.get("rankings"), len(completions))
    if asked:
        _check_answers(rankings, asked)
    return Row(
        id=_text(row.get("id"), "id", gettext_noop("give each row an id, unique in the file"), limit=MAX_ID),
        messages=_messages(row.get("prompt"), may_be_empty=bool(asked)),
        completions=completions,
        rankings=rankings,
        metadata=_metadata(row.get("metadata")),
    )


def _json_object(line: bytes) -> dict[str, object]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        seen = line[max(error.start - 10, 0) : error.start + 10].decode("latin-1")
        raise BadRow("line", seen, _("not UTF-8 at byte %(n)s: save the file as UTF-8") % {"n": error.start}) from error
    try:
        row = json.loads(text, parse_constant=_no_constant)
    except (json.JSONDecodeError, RecursionError, ValueError) as error:
        remedy = _("not valid JSON (%(error)s): one JSON object a line") % {"error": error}
        raise BadRow("line", text.strip(), remedy) from error
    if not isinstance(row, dict):
        raise BadRow("line", row, _("each line must be a JSON object"))
    return row


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text(value: object, field: str, remedy: str, *, limit: int = MAX_TEXT) -> str:
    """`remedy` is translated only where it is needed: this is called for each text of a file."""
    if not isinstance(value, str) or not value.strip():
        raise BadRow(field, value, _("must be a text that is not empty: %(remedy)s") % {"remedy": _(remedy)})
    if len(value) > limit:
        raise BadRow(field, value, _("is %(n)s characters long, %(limit)s at most") % {"n": len(value), "limit": limit})
    return _storable(value, field)


def _storable(value: str, field: str) -> str:
    if "\x00" in value:
        raise BadRow(field, value, _("has a NUL character, which PostgreSQL can't store: remove it"))
    if any("\ud800" <= character <= "\udfff" for character in value):
        seen = value.encode("utf-8", "replace").decode()
        raise BadRow(field, seen, _("has half a surrogate pair: repair the encoding"))
    return value


def _messages(value: object, *, may_be_empty: bool) -> tuple[Message, ...]:
    if may_be_empty and isinstance(value, str) and not value.strip():
        return ({"role": "user", "content": ""},)
    if isinstance(value, str):
        return ({"role": "user", "content": _text(value, "prompt", gettext_noop("what is asked"))},)
    if not isinstance(value, list) or not value:
        raise BadRow("prompt", value, _('must be a text or a list of {"role", "content"}'))
    messages = []
    for index, message in enumerate(value):
        field = f"prompt[{index}]"
        if not isinstance(message, dict):
            raise BadRow(field, message, _('must be {"role", "content"}'))
        if message.get("role") not in ROLES:
            remedy = _("must be one of %(roles)s") % {"roles": ", ".join(ROLES)}
            raise BadRow(f"{field}.role", message.get("role"), remedy)
        content = _text(message.get("content"), f"{field}.content", gettext_noop("what was said"))
        messages.append({"role": str(message["role"]), "content": content})
    if messages[-1]["role"] == "assistant":
        remedy = _("must not end with the assistant: its last turn is what the completions are")
        raise BadRow("prompt", value[-1], remedy)
    return tuple(messages)


def _completions(value: object, least: int) -> tuple[CompletionRow, ...]:
    if not isinstance(value, list) or not least <= len(value) <= MAX_COMPLETIONS:
        remedy = _("must be a list of %(low)s to %(high)s") % {"low": least, "high": MAX_COMPLETIONS}
        raise BadRow("completions", value, remedy)
    rows = [_completion(item, f"completions[{index}]") for index, item in enumerate(value)]
    by_id: dict[str, int] = {}
    by_text: dict[str, int] = {}
    for index, row in enumerate(rows):
        if row.id in by_id:
            remedy = _("is completions[%(other)s]'s too: make ids unique") % {"other": by_id[row.id]}
            raise BadRow(f"completions[{index}].id", row.id, remedy)
        if row.text.strip() in by_text:
            said = {"other": by_text[row.text.strip()]}
            remedy = _("is the same as completions[%(other)s]'s: keep one of them") % said
            raise BadRow(f"completions[{index}].text", row.text, remedy)
        by_id[row.id] = by_text[row.text.strip()] = index
    return tuple(rows)


def _completion(value: object, field: str) -> CompletionRow:
    if not isinstance(value, dict):
        raise BadRow(field, value, _('must be {"id", "text"}'))
    model = value.get("model")
    if model is not None and (not isinstance(model, str) or len(model) > MAX_ID):
        remedy = _("must be a text of at most %(limit)s characters, or left out") % {"limit": MAX_ID}
        raise BadRow(f"{field}.model", model, remedy)
    return CompletionRow(
        id=_text(value.get("id"), f"{field}.id", gettext_noop("give each completion an id"), limit=MAX_ID),
        text=_text(value.get("text"), f"{field}.text", gettext_noop("leave a completion without words out")),
        model=_storable(model or "", f"{field}.model"),
    )


def _rankings(value: object, k: int) -> tuple[RankingRow, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRow("rankings", value, _('must be a list of {"labeler", "ranks"}'))
    rows = [_ranking(item, f"rankings[{index}]", k) for index, item in enumerate(value)]
    labelers = [row.labeler for row in rows]
    for index, labeler in enumerate(labelers):
        if labeler in labelers[:index]:
            remedy = _("ranked this prompt above already: one ranking each")
            raise BadRow(f"rankings[{index}].labeler", labeler, remedy)
    return tuple(rows)


def _ranking(value: object, field: str, k: int) -> RankingRow:
    if not isinstance(value, dict):
        raise BadRow(field, value, _('must be {"labeler", "ranks"}'))
    ranks = value.get("ranks")
    if not isinstance(ranks, list) or len(ranks) != k:
        remedy = _("must be a list of %(k)s ranks, one for each completion") % {"k": k}
        raise BadRow(f"{field}.ranks", ranks, remedy)
    for index, rank in enumerate(ranks):
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise BadRow(f"{field}.ranks[{index}]", rank, _("must be a whole number, 1 is best"))
    dense = {rank: place for place, rank in enumerate(sorted(set(ranks)), start=1)}
    return RankingRow(
        labeler=_text(value.get("labeler"), f"{field}.labeler", gettext_noop("who ranked"), limit=140),
        ranks=tuple(dense[rank] for rank in ranks),
        flags=_flags(value.get("flags"), f"{field}.flags", k),
    )


def _flags(value: object, field: str, k: int) -> tuple[dict[str, bool], ...]:
    if value is None:
        return ({},) * k
    if not isinstance(value, list) or len(value) != k:
        raise BadRow(field, value, _("must be a list of %(k)s objects, one for each completion") % {"k": k})
    for index, flags in enumerate(value):
        if not isinstance(flags, dict) or not all(isinstance(answer, bool) for answer in flags.values()):
            raise BadRow(f"{field}[{index}]", flags, _('must be an object such as {"hateful": false}'))
    return tuple({_storable(name, field): answer for name, answer in flags.items()} for flags in value)


def _check_answers(rankings: Sequence[RankingRow], asked: Sequence[str]) -> None:
    """Every flag of every text with yes or no, and no other flag, which would be trained on unseen."""
    for place, ranking in enumerate(rankings):
        for index, flags in enumerate(ranking.flags):
            if set(flags) != set(asked):
                remedy = _("must answer just the flags of the project, with true or false: %(asked)s")
                raise BadRow(f"rankings[{place}].flags[{index}]", flags, remedy % {"asked": ", ".join(asked)})


def _metadata(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRow("metadata", value, _("must be an object"))
    _storable(json.dumps(value, ensure_ascii=False).replace("\\u0000", "\x00"), "metadata")
    return value
