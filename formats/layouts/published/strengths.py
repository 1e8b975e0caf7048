"""Preferences between two completions on a scale with a sign, by several annotators: a ranking of each."""

from __future__ import annotations

from collections.abc import Mapping

from formats.layouts.reading import ranking, text_of, whole_of
from formats.refusals import Refused


def strength_of(value: object, field: str, *, most: int = 3) -> int:
    """Takes -3 to 3: below zero the first completion is the better one, above it the second."""
    number = whole_of(value, field)
    if abs(number) > most:
        raise Refused(field, value, "one_of", known=", ".join(map(str, range(-most, most + 1))))
    return number


def ranking_by(labeler: str, strength: int) -> dict[str, object]:
    """Ranks two completions by a strength with a sign; 0 is a tie."""
    if not strength:
        return ranking(labeler, (1, 1))
    return ranking(labeler, (1, 2) if strength < 0 else (2, 1), strength=abs(strength))


def choices(said: Mapping[str, object], key: str, field: str, known: Mapping[str, int]) -> int:
    """Takes one of the texts that say a strength."""
    value = text_of(said.get(key), f"{field}.{key}")
    if value.casefold() not in known:
        raise Refused(f"{field}.{key}", value, "one_of", known=", ".join(known))
    return known[value.casefold()]
