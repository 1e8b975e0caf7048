"""What is known of a row's completions: its gold, by which the answers of people are checked."""

from __future__ import annotations

from typing import NamedTuple

from formats import fields
from formats.limits import Limits
from formats.rankings import parse_flags, parse_ranks, parse_top_k
from formats.refusals import Refused

KEYS = dict.fromkeys(("ranks", "top_k", "flags", "explanation"))


class GoldRow(NamedTuple):
    ranks: tuple[int, ...]  # parallel to the completions, dense, 1 is best; empty where no order is known
    flags: tuple[dict[str, bool], ...]  # parallel to them too; a name left out is not known
    explanation: str
    # How many are above the rest, which has the last rank and no order in itself; None: all are ranked.
    top_k: int | None = None


def parse_gold(value: object, k: int, bounds: Limits) -> GoldRow | None:
    """Reads the gold of k completions; none where the row has none. Raises Refused, also where it says nothing by which
    answers could be told apart."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refused("gold", value, "gold")
    try:
        fields.check_keys(value, KEYS, others=bounds.other_keys)
        ranks = () if value.get("ranks") is None else parse_ranks(value["ranks"], k)
        top_k = parse_top_k(value.get("top_k"), ranks)
        flags = parse_flags(value.get("flags"), k, bounds)
        explanation = fields.optional(value.get("explanation"), "explanation", "text", limit=bounds.max_explanation)
    except Refused as error:
        raise error.within("gold") from None
    if len(set(ranks)) < 2 and not any(flags):
        raise Refused("gold", value, "gold_says_nothing")
    return GoldRow(ranks, flags, explanation.strip(), top_k)
