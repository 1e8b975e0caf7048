"""Checks an answer against its task. Plain values, no database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.errors import Invalid
from labeling.models.rankings import MAX_ACTIVE_SECONDS

MAX_COMMENT = 5_000
MAX_NOTE = 1_000


@dataclass(frozen=True)
class Submission:
    """A complete answer. `tiers` best first; completions of one tier are a tie."""

    tiers: tuple[tuple[str, ...], ...]
    flags: Mapping[str, Mapping[str, bool]]
    comment: str
    active_seconds: float | None
    notes: Mapping[str, str] = field(default_factory=dict)
    strength: int | None = None  # 1 slightly, 2 clearly, 3 much better

    def rank_of(self) -> dict[str, int]:
        """Gives dense ranks, 1 is best."""
        return {completion: rank for rank, tier in enumerate(self.tiers, start=1) for completion in tier}

    def under(self, names: Mapping[str, str]) -> Submission:
        """Gives the same answer with other names for the completions."""
        return replace(
            self,
            tiers=tuple(tuple(names[completion] for completion in tier) for tier in self.tiers),
            flags={names[completion]: named for completion, named in self.flags.items()},
            notes={names[completion]: note for completion, note in self.notes.items()},
        )

    def digest(self) -> str:
        """Hashes what makes two submissions the same answer. Time spent does not: a retry may have waited."""
        flags = {key: sorted(name for name, value in named.items() if value) for key, named in self.flags.items()}
        answer: list[object] = [
            [sorted(tier) for tier in self.tiers],
            {key: names for key, names in flags.items() if names},
            self.comment,
        ]
        # Only where they were given, so that answers from before there were any keep their digest.
        more = {name: value for name, value in (("notes", self.notes), ("strength", self.strength)) if value}
        answer += [more] if more else []
        return hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()


def parse(
    payload: object,
    *,
    completion_ids: Sequence[str],
    flag_names: Sequence[str],
    former_ids: Mapping[str, str] = MappingProxyType({}),
    ask_strength: bool = False,
    ask_flags: bool = False,
) -> Submission:
    """Checks an answer against its task. Raises Invalid naming the field, the value and what is expected.

    former_ids: other ids that are taken, each with the completion id that it stands for.
    ask_flags: each flag of each completion needs a yes or no, as in a classification.
    The time taken grows with the completions of the task, however much was sent: what is too much is refused by the
    first entry that can't be.
    """
    if not isinstance(payload, Mapping):
        message = _('An answer is an object such as {"tiers": [...]}, not %(value)s.')
        raise Invalid("not_an_object", message % {"value": _shown(payload)})
    ids = dict(zip(completion_ids, completion_ids, strict=True)) | dict(former_ids)
    tiers = _parse_tiers(payload.get("tiers"), completion_ids, ids)
    flags = _parse_flags(payload.get("flags"), ids, flag_names)
    if ask_flags:
        _check_answered(flags, completion_ids, flag_names)
    return Submission(
        tiers=tiers,
        flags=flags,
        notes=_parse_notes(payload.get("notes"), ids),
        comment=_parse_comment(payload.get("comment")),
        strength=_parse_strength(payload.get("strength"), tiers, asked=ask_strength),
        active_seconds=_parse_seconds(payload.get("active_seconds")),
    )


def _parse_tiers(value: object, completion_ids: Sequence[str], ids: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list) or not all(isinstance(tier, list) for tier in value):
        message = _('Tiers are a list of lists such as [["best"], ["next", "tied"]], not %(value)s.')
        raise Invalid("tiers_not_lists", message % {"value": _shown(value)}, attr="tiers")
    # Of more entries than there are completions, one of the first is unknown or there twice.
    entries = islice(chain.from_iterable(value), len(completion_ids) + 1)
    placed = [_completion(entry, ids, "tiers") for entry in entries]
    if not placed:
        message = _("Nothing is ranked yet: place every completion before submitting.")
        raise Invalid("nothing_ranked", message, attr="tiers")
    twice = sorted({completion for completion in placed if placed.count(completion) > 1})
    if twice:
        message = _("Ranked more than once: %(ids)s. Place each once.")
        raise Invalid("ranked_twice", message % {"ids": ", ".join(twice)}, attr="tiers")
    missing = [completion for completion in completion_ids if completion not in placed]
    if missing:
        message = ngettext(
            "%(missing)d of %(all)d completions is not ranked yet (%(ids)s).",
            "%(missing)d of %(all)d completions are not ranked yet (%(ids)s).",
            len(missing),
        ) % {"missing": len(missing), "all": len(completion_ids), "ids": ", ".join(missing)}
        raise Invalid("not_all_ranked", message, attr="tiers")
    return tuple(tuple(ids[str(entry)] for entry in tier) for tier in value if tier)


def _parse_flags(value: object, ids: Mapping[str, str], flag_names: Sequence[str]) -> dict[str, dict[str, bool]]:
    flags: dict[str, dict[str, bool]] = {}
    for entry, named in _object(value, "flags", '{"id": {"flag": true}}').items():
        completion = _completion(entry, ids, "flags")
        answers = _object(named, "flags", '{"flag": true}', attr=f"flags.{completion}")
        for name, answer in answers.items():
            if name not in flag_names:
                message = _("There is no flag %(name)s in this project; it has: %(known)s.")
                known = ", ".join(flag_names) or _("none")
                raise Invalid("unknown_flag", message % {"name": _shown(name), "known": known}, attr="flags")
            if not isinstance(answer, bool):
                message = _("The flag %(name)s is true or false, not %(value)s.")
                raise Invalid("flag_not_boolean", message % {"name": name, "value": _shown(answer)}, attr="flags")
        flags[completion] = dict(answers)
    return flags


def _check_answered(
    flags: Mapping[str, Mapping[str, bool]], completion_ids: Sequence[str], flag_names: Sequence[str]
) -> None:
    for completion in completion_ids:
        missing = [name for name in flag_names if name not in flags.get(completion, {})]
        if missing:
            message = _("Answer %(names)s of %(id)s with true or false: no answer is taken for granted.")
            values = {"names": ", ".join(missing), "id": completion}
            raise Invalid("not_all_answered", message % values, attr=f"flags.{completion}")


def _parse_notes(value: object, ids: Mapping[str, str]) -> dict[str, str]:
    notes: dict[str, str] = {}
    for entry, text in _object(value, "notes", '{"id": "text"}').items():
        completion = _completion(entry, ids, "notes")
        if note := _parse_text(text, "note_invalid", _("A note"), MAX_NOTE, attr=f"notes.{completion}"):
            notes[completion] = note
    return notes


def _parse_comment(value: object) -> str:
    return "" if value is None else _parse_text(value, "comment_invalid", _("A comment"), MAX_COMMENT, attr="comment")


def _parse_strength(value: object, tiers: Sequence[Sequence[str]], *, asked: bool) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 3:
        expected = _("A strength is 1 (slightly), 2 (clearly) or 3 (much better), not %(value)s.")
    elif not asked:
        expected = _("This project asks for no strength; leave %(value)s out.")
    elif sum(map(len, tiers)) != 2:
        expected = _("A strength is between two completions, and this task has more; leave %(value)s out.")
    elif len(tiers) == 1:
        expected = _("The two are tied, so neither is better by %(value)s; leave the strength out.")
    else:
        return value
    raise Invalid("strength_invalid", expected % {"value": _shown(value)}, attr="strength")


def _parse_seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_ACTIVE_SECONDS:
        message = _("Active seconds are a number from 0 to %(most)d, a day, not %(value)s.")
        shown = {"value": _shown(value), "most": MAX_ACTIVE_SECONDS}
        raise Invalid("seconds_invalid", message % shown, attr="active_seconds")
    return float(value)


def _parse_text(value: object, code: str, what: str, limit: int, *, attr: str) -> str:
    if not isinstance(value, str):
        message, said = _("%(what)s is text, not %(value)s."), _shown(value)
    elif "\x00" in value:
        message, said = _("%(what)s can't hold a NUL character: %(value)s."), _shown(value)
    elif len(value.strip()) > limit:
        message, said = _("%(what)s has at most %(limit)d characters; this has %(value)s."), str(len(value.strip()))
    else:
        return value.strip()
    raise Invalid(code, message % {"what": what, "value": said, "limit": limit}, attr=attr)


def _object(value: object, field: str, expected: str, *, attr: str = "") -> Mapping[str, Any]:
    if value is None and not attr:
        return {}
    if not isinstance(value, Mapping):
        message = _("The %(field)s are an object such as %(expected)s, not %(value)s.")
        shown = {"field": field, "expected": expected, "value": _shown(value)}
        raise Invalid(f"{field}_not_an_object", message % shown, attr=attr or field)
    return value


def _completion(entry: object, ids: Mapping[str, str], attr: str) -> str:
    """Finds the completion that an entry stands for; a whole number is taken for its digits."""
    completion = ids.get(str(entry)) if isinstance(entry, str | int) else None
    if completion is None:
        message = _("%(id)s is not a completion of this task; its completions are %(ids)s.")
        shown = {"id": _shown(entry), "ids": ", ".join(dict.fromkeys(ids.values()))}
        raise Invalid("unknown_completion", message % shown, attr=attr)
    return completion


def _shown(value: object) -> str:
    """Shows a value in an error message: enough of it to be recognised, and no more of it looked at."""
    pieces = json.JSONEncoder(ensure_ascii=False, default=str).iterencode(_begun(value))
    text = "".join(islice(pieces, 81)).encode(errors="backslashreplace").decode()
    return text if len(text) <= 80 else text[:77] + "..."


def _begun(value: object) -> object:
    return value[:81] if isinstance(value, str) else value
