"""Checks an answer against its task. Plain values, no database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from types import MappingProxyType

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.answers.asks.asked import Asked
from labeling.answers.asks.more import More, parse_more
from labeling.answers.asks.reading import completion_of, object_of, shown, text_of
from labeling.errors import Invalid
from labeling.models.rankings import MAX_ACTIVE_SECONDS

MAX_COMMENT = 5_000
MAX_NOTE = 1_000
NOTHING_MORE = Asked()


@dataclass(frozen=True)
class Submission:
    """A complete answer. `tiers` best first; completions of one tier are a tie.

    unranked: how many are in the last tier as the rest, which is below all others and no tie; 0: all are ranked.
    """

    tiers: tuple[tuple[str, ...], ...]
    flags: Mapping[str, Mapping[str, bool]]
    comment: str
    active_seconds: float | None
    notes: Mapping[str, str] = field(default_factory=dict)
    strength: int | None = None  # 1 slightly, 2 clearly, 3 much better
    more: More = field(default_factory=More)  # what the project asks beyond these
    unranked: int = 0

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
            more=self.more.under(names),
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
        more: dict[str, object] = {
            name: value
            for name, value in (("notes", self.notes), ("strength", self.strength), ("unranked", self.unranked))
            if value
        }
        more |= self.more.said()
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
    asked: Asked = NOTHING_MORE,
) -> Submission:
    """Checks an answer against its task. Raises Invalid naming the field, the value and what is expected.

    former_ids: other ids that are taken, each with the completion id that it stands for.
    ask_flags: each flag of each completion needs a yes or no, as in a classification.
    asked: what else the project asks (asks/).
    The time taken grows with the completions of the task, however much was sent: what is too much is refused by the
    first entry that can't be.
    """
    if not isinstance(payload, Mapping):
        message = _('An answer is an object such as {"tiers": [...]}, not %(value)s.')
        raise Invalid("not_an_object", message % {"value": shown(payload)})
    ids = dict(zip(completion_ids, completion_ids, strict=True)) | dict(former_ids)
    ranked = _parse_tiers(payload.get("tiers"), completion_ids, ids, asked)
    placed = [completion for completion in completion_ids if any(completion in tier for tier in ranked)]
    rest = tuple(completion for completion in completion_ids if completion not in placed)
    flags = _parse_flags(payload.get("flags"), ids, flag_names)
    if ask_flags:
        _check_answered(flags, completion_ids, flag_names)
    comment = _parse_comment(payload.get("comment"))
    return Submission(
        tiers=(*ranked, rest) if rest else ranked,
        unranked=len(rest) if len(rest) > 1 else 0,  # one alone is last, and so ranked
        flags=flags,
        notes=_parse_notes(payload.get("notes"), ids),
        comment=comment,
        strength=_parse_strength(payload.get("strength"), ranked, asked=ask_strength),
        active_seconds=_parse_seconds(payload.get("active_seconds")),
        more=parse_more(
            payload, asked, tiers=ranked, comment=comment, placed=placed, completion_ids=completion_ids, ids=ids
        ),
    )


def _parse_tiers(
    value: object, completion_ids: Sequence[str], ids: Mapping[str, str], asked: Asked
) -> tuple[tuple[str, ...], ...]:
    """Gives the tiers that were sent: of all completions, or of enough of them where the best alone are asked for."""
    if not isinstance(value, list) or not all(isinstance(tier, list) for tier in value):
        message = _('Tiers are a list of lists such as [["best"], ["next", "tied"]], not %(value)s.')
        raise Invalid("tiers_not_lists", message % {"value": shown(value)}, attr="tiers")
    # Of more entries than there are completions, one of the first is unknown or there twice.
    entries = islice(chain.from_iterable(value), len(completion_ids) + 1)
    placed = [completion_of(entry, ids, "tiers") for entry in entries]
    if not placed:
        message = _("Nothing is ranked yet: place every completion before submitting.")
        raise Invalid("nothing_ranked", message, attr="tiers")
    twice = sorted({completion for completion in placed if placed.count(completion) > 1})
    if twice:
        message = _("Ranked more than once: %(ids)s. Place each once.")
        raise Invalid("ranked_twice", message % {"ids": ", ".join(twice)}, attr="tiers")
    missing = [completion for completion in completion_ids if completion not in placed]
    if missing and asked.top_k:
        _check_best(len(placed), len(completion_ids), asked.top_k)
    elif missing:
        message = ngettext(
            "%(missing)d of %(all)d completions is not ranked yet (%(ids)s).",
            "%(missing)d of %(all)d completions are not ranked yet (%(ids)s).",
            len(missing),
        ) % {"missing": len(missing), "all": len(completion_ids), "ids": ", ".join(missing)}
        raise Invalid("not_all_ranked", message, attr="tiers")
    return tuple(tuple(ids[str(entry)] for entry in tier) for tier in value if tier)


def _check_best(placed: int, k: int, best: int) -> None:
    if placed < best:
        message = ngettext(
            "Rank the best %(best)d of %(all)d at least; %(placed)d is ranked. The rest counts as below.",
            "Rank the best %(best)d of %(all)d at least; %(placed)d are ranked. The rest counts as below.",
            placed,
        )
        raise Invalid("too_few_ranked", message % {"best": best, "all": k, "placed": placed}, attr="tiers")


def _parse_flags(value: object, ids: Mapping[str, str], flag_names: Sequence[str]) -> dict[str, dict[str, bool]]:
    flags: dict[str, dict[str, bool]] = {}
    for entry, named in object_of(value, "flags", '{"id": {"flag": true}}').items():
        completion = completion_of(entry, ids, "flags")
        answers = object_of(named, "flags", '{"flag": true}', attr=f"flags.{completion}")
        for name, answer in answers.items():
            if name not in flag_names:
                message = _("There is no flag %(name)s in this project; it has: %(known)s.")
                known = ", ".join(flag_names) or _("none")
                raise Invalid("unknown_flag", message % {"name": shown(name), "known": known}, attr="flags")
            if not isinstance(answer, bool):
                message = _("The flag %(name)s is true or false, not %(value)s.")
                raise Invalid("flag_not_boolean", message % {"name": name, "value": shown(answer)}, attr="flags")
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
    for entry, text in object_of(value, "notes", '{"id": "text"}').items():
        completion = completion_of(entry, ids, "notes")
        if note := text_of(text, "note_invalid", _("A note"), MAX_NOTE, attr=f"notes.{completion}"):
            notes[completion] = note
    return notes


def _parse_comment(value: object) -> str:
    return "" if value is None else text_of(value, "comment_invalid", _("A comment"), MAX_COMMENT, attr="comment")


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
    raise Invalid("strength_invalid", expected % {"value": shown(value)}, attr="strength")


def _parse_seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_ACTIVE_SECONDS:
        message = _("Active seconds are a number from 0 to %(most)d, a day, not %(value)s.")
        said = {"value": shown(value), "most": MAX_ACTIVE_SECONDS}
        raise Invalid("seconds_invalid", message % said, attr="active_seconds")
    return float(value)
