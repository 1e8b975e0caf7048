"""A recorded ranking of a row: who ranked, the completions' ranks, how much better, and the flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from formats import fields, values
from formats.limits import Limits
from formats.refusals import Refused
from formats.said_more import KEYS as MORE
from formats.said_more import NOTHING, SaidMore, parse_more

STRENGTHS = (1, 2, 3)
# The id is that of a frozen version's ranking in the database that it comes from: read, and of no use elsewhere.
KEYS = dict.fromkeys(("id", "labeler", "ranks", "flags", "strength", "top_k", *MORE))


class RankingRow(NamedTuple):
    labeler: str
    ranks: tuple[int, ...]  # parallel to the completions, dense, 1 is best
    flags: tuple[dict[str, bool], ...]  # parallel to them too; a name left out was not said
    strength: int | None  # of two completions: 1 slightly, 2 clearly, 3 much better; None where it was not said
    more: SaidMore = NOTHING  # what else was said
    # How many were ranked above the rest, which all have the last rank and no order among themselves; None: all were.
    top_k: int | None = None

    @property
    def unranked(self) -> int:
        """Counts the rest below the best; 0 where all are ranked."""
        return unranked_of(self.ranks, self.top_k)


def unranked_of(ranks: Sequence[int], top_k: int | None) -> int:
    return 0 if top_k is None else len(ranks) - top_k


def parse_rankings(value: object, ids: Sequence[str], bounds: Limits) -> tuple[RankingRow, ...]:
    """Parses rankings of completions with these ids; each labeler ranks once. Raises Refused."""
    if value is None:
        return ()
    rows: list[RankingRow] = []
    labelers: set[str] = set()
    for index, item in enumerate(fields.some(value, "rankings", "rankings", bounds.max_rankings)):
        try:
            row = _ranking(item, ids, bounds)
            if row.labeler in labelers:
                raise Refused("labeler", row.labeler, "repeated_labeler")
        except Refused as error:
            raise error.within(f"rankings[{index}]") from None
        labelers.add(row.labeler)
        rows.append(row)
    return tuple(rows)


def _ranking(value: object, ids: Sequence[str], bounds: Limits) -> RankingRow:
    if not isinstance(value, dict):
        raise Refused("", value, "ranking")
    fields.check_keys(value, KEYS, others=bounds.other_keys)
    fields.optional(value.get("id"), "id", "ranking_id")
    ranks = parse_ranks(value.get("ranks"), len(ids))
    top_k = parse_top_k(value.get("top_k"), ranks)
    return RankingRow(
        labeler=fields.text(value.get("labeler"), "labeler", "labeler", limit=bounds.max_labeler),
        ranks=ranks,
        flags=parse_flags(value.get("flags"), len(ids), bounds),
        strength=_strength(value.get("strength"), ranks),
        more=parse_more(value, ranks, ids, bounds, tiers=max(ranks) - (top_k is not None)),
        top_k=top_k,
    )


def parse_ranks(value: object, k: int) -> tuple[int, ...]:
    """Takes a rank for each of k completions. Gaps are closed: 7, 3 means 2, 1. Raises Refused."""
    if not isinstance(value, list) or len(value) != k:
        raise Refused("ranks", value, "ranks", k=k)
    for index, rank in enumerate(value):
        if type(rank) is not int or rank < 1:
            raise Refused(f"ranks[{index}]", rank, "rank")
    distinct = sorted(set(value))
    if distinct[-1] == len(distinct):
        return tuple(value)
    dense = {rank: place for place, rank in enumerate(distinct, start=1)}
    return tuple(dense[rank] for rank in value)


def parse_top_k(value: object, ranks: tuple[int, ...]) -> int | None:
    """Takes how many are above the last rank. A rest of one has its place like any other: then all are ranked.
    Raises Refused."""
    if value is None:
        return None
    above = len(ranks) - ranks.count(max(ranks, default=0))
    if type(value) is not int or value < 1 or value != above:
        raise Refused("top_k", value, "top_k", above=above)
    return value if len(ranks) - value > 1 else None


def _strength(value: object, ranks: tuple[int, ...]) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value not in STRENGTHS:
        raise Refused("strength", value, "strength")
    if len(ranks) != 2:
        raise Refused("strength", value, "strength_of_more", k=len(ranks))
    if ranks[0] == ranks[1]:
        raise Refused("strength", value, "strength_of_tie")
    return value


def parse_flags(value: object, k: int, bounds: Limits) -> tuple[dict[str, bool], ...]:
    """Takes what is said of each of k completions. Frozen versions hold it as JSON text, for the names are each
    project's own. Raises Refused."""
    if isinstance(value, str):
        try:
            value = values.parse(value)
        except ValueError as error:
            raise Refused("flags", value, "not_json", error=error) from error
    if value is None or value == []:
        return ({},) * k
    if not isinstance(value, list) or len(value) != k:
        raise Refused("flags", value, "flags", k=k)
    parsed = []
    for index, flags in enumerate(value):
        try:
            parsed.append(_flags_of_one(flags, bounds))
        except Refused as error:
            raise error.within(f"flags[{index}]") from None
    return tuple(parsed)


def _flags_of_one(flags: object, bounds: Limits) -> dict[str, bool]:
    if not isinstance(flags, dict):
        raise Refused("", flags, "flags_of_one")
    fields.check_repeated(flags)
    if bounds.max_flags is not None and len(flags) > bounds.max_flags:
        raise Refused("", flags, "many_flags", n=len(flags), most=bounds.max_flags)
    for name, answer in flags.items():
        if not isinstance(answer, bool):
            raise Refused("", flags, "flags_of_one")
        fields.sound(name, "", limit=bounds.max_id)
    return flags
