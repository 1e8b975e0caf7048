"""One line of the import format: from bytes to a checked row, or an error that names field, value and remedy.

Pure: no database. The format and its limits are in docs/import.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from formats import values
from formats.messages import ROLES, Message
from labeling.data import row_fields
from labeling.data.row_fields import MAX_ID, BadRow

MIN_COMPLETIONS, MAX_COMPLETIONS = 2, 10
MIN_TEXTS = 1  # of a classification
MAX_LABELER = 140  # characters
MAX_MESSAGES = 2_000
MAX_RANKINGS = 10_000  # of one prompt
MAX_FLAGS = 100  # of one completion
MAX_METADATA = 2**20  # bytes as JSON
# The keys of each object; in metadata any may stand.
ROW = ("id", "prompt", "completions", "rankings", "metadata")
MESSAGE = ("role", "content")
COMPLETION = ("id", "text", "model")
RANKING = ("labeler", "ranks", "flags")


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


def parse_row(line: bytes, *, flags: Sequence[str] = (), classifies: bool = False) -> Row:
    """Reads one line of JSON Lines. Raises BadRow. Sizes are checked before anything is made of what they count.

    flags: the project's. classifies: single texts and texts without a prompt are taken, and each recorded ranking
    answers every one of the flags.
    """
    row = _json_object(line)
    row_fields.check_keys(row, "", ROW)
    completions = _completions(row.get("completions"), MIN_TEXTS if classifies else MIN_COMPLETIONS)
    rankings = _rankings(row.get("rankings"), len(completions))
    if classifies:
        _check_answers(rankings, flags)
    else:
        _check_names(rankings, flags)
    return Row(
        id=row_fields.text(row.get("id"), "id", gettext_noop("give each row an id, unique in the file"), limit=MAX_ID),
        messages=_messages(row.get("prompt"), may_be_empty=classifies),
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
        row = values.parse(text)
    except ValueError as error:
        remedy = _("not valid JSON (%(error)s): one JSON object a line") % {"error": error}
        raise BadRow("line", text.strip(), remedy) from error
    if not isinstance(row, dict):
        raise BadRow("line", row, _("each line must be a JSON object"))
    return row


def _messages(value: object, *, may_be_empty: bool) -> tuple[Message, ...]:
    if may_be_empty and isinstance(value, str) and not value.strip():
        return ({"role": "user", "content": ""},)
    if isinstance(value, str):
        return ({"role": "user", "content": row_fields.text(value, "prompt", gettext_noop("what is asked"))},)
    if not isinstance(value, list) or not value:
        raise BadRow("prompt", value, _('must be a text or a list of {"role", "content"}'))
    if len(value) > MAX_MESSAGES:
        raise BadRow("prompt", value, row_fields.too_many(len(value), MAX_MESSAGES))
    messages = []
    for index, message in enumerate(value):
        field = f"prompt[{index}]"
        if not isinstance(message, dict):
            raise BadRow(field, message, _('must be {"role", "content"}'))
        row_fields.check_keys(message, field, MESSAGE)
        if message.get("role") not in ROLES:
            remedy = _("must be one of %(roles)s") % {"roles": ", ".join(ROLES)}
            raise BadRow(f"{field}.role", message.get("role"), remedy)
        content = row_fields.text(message.get("content"), f"{field}.content", gettext_noop("what was said"))
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
    row_fields.check_keys(value, field, COMPLETION)
    model = value.get("model")
    if model is not None and (not isinstance(model, str) or len(model) > MAX_ID):
        remedy = _("must be a text of at most %(limit)s characters, or left out") % {"limit": MAX_ID}
        raise BadRow(f"{field}.model", model, remedy)
    return CompletionRow(
        id=row_fields.text(value.get("id"), f"{field}.id", gettext_noop("give each completion an id"), limit=MAX_ID),
        text=row_fields.text(value.get("text"), f"{field}.text", gettext_noop("leave a completion without words out")),
        model=row_fields.storable(model or "", f"{field}.model"),
    )


def _rankings(value: object, k: int) -> tuple[RankingRow, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRow("rankings", value, _('must be a list of {"labeler", "ranks"}'))
    if len(value) > MAX_RANKINGS:
        raise BadRow("rankings", value, row_fields.too_many(len(value), MAX_RANKINGS))
    rows = [_ranking(item, f"rankings[{index}]", k) for index, item in enumerate(value)]
    labelers: set[str] = set()
    for index, row in enumerate(rows):
        if row.labeler in labelers:
            remedy = _("ranked this prompt above already: one ranking each")
            raise BadRow(f"rankings[{index}].labeler", row.labeler, remedy)
        labelers.add(row.labeler)
    return tuple(rows)


def _ranking(value: object, field: str, k: int) -> RankingRow:
    if not isinstance(value, dict):
        raise BadRow(field, value, _('must be {"labeler", "ranks"}'))
    row_fields.check_keys(value, field, RANKING)
    ranks = value.get("ranks")
    if not isinstance(ranks, list) or len(ranks) != k:
        remedy = _("must be a list of %(k)s ranks, one for each completion") % {"k": k}
        raise BadRow(f"{field}.ranks", ranks, remedy)
    for index, rank in enumerate(ranks):
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise BadRow(f"{field}.ranks[{index}]", rank, _("must be a whole number, 1 is best"))
    dense = {rank: place for place, rank in enumerate(sorted(set(ranks)), start=1)}
    return RankingRow(
        labeler=row_fields.text(
            value.get("labeler"), f"{field}.labeler", gettext_noop("who ranked"), limit=MAX_LABELER
        ),
        ranks=tuple(dense[rank] for rank in ranks),
        flags=_flags(value.get("flags"), f"{field}.flags", k),
    )


def _flags(value: object, field: str, k: int) -> tuple[dict[str, bool], ...]:
    if value is None:
        return ({},) * k
    if not isinstance(value, list) or len(value) != k:
        raise BadRow(field, value, _("must be a list of %(k)s objects, one for each completion") % {"k": k})
    return tuple(_flags_of_one(flags, f"{field}[{index}]") for index, flags in enumerate(value))


def _flags_of_one(flags: object, field: str) -> dict[str, bool]:
    if not isinstance(flags, dict):
        raise BadRow(field, flags, _('must be an object such as {"hateful": false}'))
    row_fields.check_repeated(flags, field)
    if len(flags) > MAX_FLAGS:
        raise BadRow(field, flags, _("has %(n)s flags, %(most)s at most") % {"n": len(flags), "most": MAX_FLAGS})
    for name, answer in flags.items():
        if not isinstance(answer, bool):
            raise BadRow(field, flags, _('must be an object such as {"hateful": false}'))
        if len(row_fields.storable(name, field)) > MAX_ID:
            raise BadRow(field, name, row_fields.too_long(len(name), MAX_ID))
    return dict(flags)


def _check_names(rankings: Sequence[RankingRow], known: Sequence[str]) -> None:
    """Recorded flags may be others than the project's, but none that is one of the project's in another spelling."""
    for place, ranking in enumerate(rankings):
        for index, flags in enumerate(ranking.flags):
            for name in flags:
                if name not in known and (meant := row_fields.nearest(name, known)):
                    remedy = _("unknown key; did you mean %(meant)s?") % {"meant": meant}
                    raise BadRow(f"rankings[{place}].flags[{index}].{name}", flags[name], remedy)


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
    if flaw := values.flaw_of(value, "metadata"):
        raise BadRow(flaw.path, flaw.value, row_fields.remedy(flaw.kind))
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > MAX_METADATA:
        remedy = _("has %(size)s KiB as JSON, %(limit)s at most")
        raise BadRow("metadata", value, remedy % {"size": -(-size // 1024), "limit": MAX_METADATA // 1024})
    return value
