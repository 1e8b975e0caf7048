"""Attributes: ratings of each completion, and comparisons of two.

A comparison is kept as a number of each completion, 2 of the one and -2 of the other: it says the same whichever of
them stands first, and the difference of two completions means the same as that of two ratings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from labeling.answers.asks.asked import FURTHEST, Asked, Attribute
from labeling.answers.asks.reading import completion_of, is_whole, object_of, shown
from labeling.errors import Invalid

Given = dict[str, dict[str, int]]  # by completion


def parse(
    ratings: object,
    comparisons: object,
    completion_ids: Sequence[str],
    ids: Mapping[str, str],
    asked: Asked,
    *,
    rated: Sequence[str],
) -> Given:
    """Takes `attributes`, {"id": {"helpful": 4}}, and `comparisons`, {"id": {"helpful": 2}} towards that one of two.

    Each that is asked needs an answer. rated: the completions of which ratings are asked. Raises Invalid.
    """
    given: Given = {}
    known = {each.name: each for each in asked.ratings}
    for entry, named in object_of(ratings, "attributes", '{"id": {"helpful": 4}}').items():
        completion = completion_of(entry, ids, "attributes")
        given.setdefault(completion, {}).update(_ratings(named, known, f"attributes.{completion}"))
    if asked.is_complete:
        _check_rated(given, rated, asked)
    for name, towards in _comparisons(comparisons, ids, asked).items():
        for completion in completion_ids:
            given.setdefault(completion, {})[name] = towards.get(completion) or -sum(towards.values())
    return {completion: named for completion, named in given.items() if named}


def _ratings(named: object, known: Mapping[str, Attribute], attr: str) -> dict[str, int]:
    values = object_of(named, "attributes", '{"helpful": 4}', attr=attr)
    for name, value in values.items():
        if name not in known:
            raise _unknown(name, known, "attributes")
        if not is_whole(value, 1, known[name].scale):
            message = _("%(name)s is rated from 1 to %(scale)d, not %(value)s.")
            said = {"name": name, "scale": known[name].scale, "value": shown(value)}
            raise Invalid("rating_invalid", message % said, attr=attr)
    return dict(values)


def _check_rated(given: Given, completion_ids: Sequence[str], asked: Asked) -> None:
    for completion in completion_ids:
        missing = [each.name for each in asked.ratings if each.name not in given.get(completion, {})]
        if missing:
            message = _("Rate %(names)s of %(id)s: no rating is taken for granted.")
            said = {"names": ", ".join(missing), "id": completion}
            raise Invalid("not_all_rated", message % said, attr=f"attributes.{completion}")


def _comparisons(value: object, ids: Mapping[str, str], asked: Asked) -> dict[str, dict[str, int]]:
    """Gives of each attribute the completion that was named, and by how much it is ahead."""
    known = {each.name: each for each in asked.comparisons}
    found: dict[str, dict[str, int]] = {}
    for entry, named in object_of(value, "comparisons", '{"id": {"helpful": 2}}').items():
        completion = completion_of(entry, ids, "comparisons")
        attr = f"comparisons.{completion}"
        for name, ahead in object_of(named, "comparisons", '{"helpful": 2}', attr=attr).items():
            if name not in known:
                raise _unknown(name, known, "comparisons")
            if not is_whole(ahead, -FURTHEST, FURTHEST):
                message = _("%(name)s is compared from -3 (the other is much better) to 3, not %(value)s.")
                raise Invalid("comparison_invalid", message % {"name": name, "value": shown(ahead)}, attr=attr)
            if name in found:
                message = _("%(name)s is compared once, towards one of the two; it stands at both.")
                raise Invalid("compared_twice", message % {"name": name}, attr="comparisons")
            found[name] = {completion: int(ahead)}
    missing = [name for name in known if name not in found]
    if missing and asked.is_complete:
        message = _("Compare the two by %(names)s: no answer is taken for granted.")
        raise Invalid("not_all_compared", message % {"names": ", ".join(missing)}, attr="comparisons")
    return found


def _unknown(name: object, known: Mapping[str, Attribute], attr: str) -> Invalid:
    message = _("There is no such attribute %(name)s here; these are asked for: %(known)s.")
    said = {"name": shown(name), "known": ", ".join(known) or _("none")}
    return Invalid("unknown_attribute", message % said, attr=attr)
