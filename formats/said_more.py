"""What a recorded ranking says beyond its order: the acceptable tiers, reasons, attributes. Each may be left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from formats import fields, values
from formats.limits import Limits
from formats.refusals import Refused

KEYS = dict.fromkeys(("acceptable", "reasons", "attributes", "rewrite"))
OF_REWRITE = dict.fromkeys(("of", "text"))
MAX_REASONS, MAX_REASON = 20, 40  # names, and letters of one
MAX_REWRITE = 20_000  # characters
LARGEST_RATING, FURTHEST = 10, 3  # of a rating from 1 on, and of a comparison of two to either side
Ratings = tuple[dict[str, int], ...]


class SaidMore(NamedTuple):
    acceptable: int | None = None  # how many tiers are good enough, from the best on; None where it was not said
    reasons: tuple[str, ...] = ()
    # By the completions' places, or empty: ratings from 1 on, or of two completions by how much each is ahead.
    attributes: Ratings = ()
    rewrite: tuple[int, str] | None = None  # the place of one that is ranked first, and a text better than it


NOTHING = SaidMore()


def parse_more(
    value: dict[str, object], ranks: tuple[int, ...], ids: Sequence[str], bounds: Limits, *, tiers: int
) -> SaidMore:
    """Parses those keys of a ranking of completions with these ids, in so many tiers. Raises Refused."""
    if KEYS.keys().isdisjoint(value):
        return NOTHING
    return SaidMore(
        acceptable=_acceptable(value.get("acceptable"), tiers),
        reasons=_reasons(value.get("reasons")),
        attributes=_attributes(value.get("attributes"), len(ranks), bounds),
        rewrite=_rewrite(value.get("rewrite"), ranks, ids, bounds),
    )


def _acceptable(value: object, tiers: int) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value <= tiers):
        raise Refused("acceptable", value, "acceptable", most=tiers)
    return value


def _reasons(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    names = [
        fields.text(name, f"reasons[{index}]", "reason", limit=MAX_REASON)
        for index, name in enumerate(fields.some(value, "reasons", "reasons", MAX_REASONS))
    ]
    return tuple(dict.fromkeys(names))


def _attributes(value: object, k: int, bounds: Limits) -> Ratings:
    """Frozen versions hold them as JSON text, for the names are each project's own."""
    if isinstance(value, str):
        try:
            value = values.parse(value)
        except ValueError as error:
            raise Refused("attributes", value, "not_json", error=error) from error
    if value is None or value == []:
        return ()
    if not isinstance(value, list) or len(value) != k:
        raise Refused("attributes", value, "attributes", k=k)
    for index, named in enumerate(value):
        try:
            _check_names(named, bounds)
        except Refused as error:
            raise error.within(f"attributes[{index}]") from None
    for name in dict.fromkeys(name for named in value for name in named):
        _check_values(name, value)
    return tuple(value) if any(value) else ()


def _rewrite(value: object, ranks: tuple[int, ...], ids: Sequence[str], bounds: Limits) -> tuple[int, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refused("rewrite", value, "rewrite")
    try:
        fields.check_keys(value, OF_REWRITE, others=bounds.other_keys)
        of = value.get("of")
        if not isinstance(of, str) or of not in ids or ranks[ids.index(of)] > 1:
            raise Refused("of", of, "rewrite_of")
        return ids.index(of), fields.text(value.get("text"), "text", "rewrite_text", limit=MAX_REWRITE)
    except Refused as error:
        raise error.within("rewrite") from None


def _check_names(named: object, bounds: Limits) -> None:
    if not isinstance(named, dict):
        raise Refused("", named, "attributes_of_one")
    fields.check_repeated(named)
    if bounds.max_flags is not None and len(named) > bounds.max_flags:
        raise Refused("", named, "too_many", n=len(named), most=bounds.max_flags)
    for name in named:
        fields.sound(name, "", limit=bounds.max_id)


def _check_values(name: str, value: list[dict[str, object]]) -> None:
    """Takes ratings, or what is said of two: as much ahead as the other is behind."""
    said = [named[name] for named in value if name in named]
    whole = [each for each in said if type(each) is int]
    is_rating = all(1 <= each <= LARGEST_RATING for each in whole)
    is_comparison = len(value) == len(whole) == 2 and not sum(whole) and max(whole) <= FURTHEST
    if len(whole) < len(said) or not (is_rating or is_comparison):
        raise Refused(f"attributes[].{name}", said, "rating", most=LARGEST_RATING)
