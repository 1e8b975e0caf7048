"""A stored answer as one that could be sent again: what it says beyond its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labeling.answers.asks.asked import Asked
from labeling.models import RankedCompletion, Ranking

Said = dict[str, Any]


def said_again(ranking: Ranking, ranked: Mapping[str, RankedCompletion]) -> Said:
    """Gives it by the fields of an answer; what wasn't said is left out. ranked: by the ids that the answer has."""
    rated: dict[str, dict[str, int]] = {}
    compared: dict[str, dict[str, int]] = {}
    for attribute in dict.fromkeys(name for place in ranked.values() for name in place.attributes):
        values = {key: place.attributes[attribute] for key, place in ranked.items() if attribute in place.attributes}
        if are_of_two(values.values()):
            ahead = max(values, key=lambda key: values[key])
            compared.setdefault(ahead, {})[attribute] = values[ahead]
        else:
            for key, value in values.items():
                rated.setdefault(key, {})[attribute] = value
    said = {
        "acceptable": ranking.acceptable,
        "reasons": list(ranking.reasons),
        "attributes": rated,
        "comparisons": compared,
        "rewrite": _rewrite(ranking, ranked),
    }
    return {name: value for name, value in said.items() if value not in (None, [], {})}


def _rewrite(ranking: Ranking, ranked: Mapping[str, RankedCompletion]) -> Said | None:
    if not ranking.rewrite:
        return None
    [of] = (name for name, place in ranked.items() if place.completion_id == ranking.rewrite_of_id)
    return {"of": of, "text": ranking.rewrite}


def are_of_two(values: Iterable[int]) -> bool:
    """Tells a comparison of two, 2 and -2, from ratings, which begin at 1."""
    return not sum(values)


def still_asked(said: Said, asked: Asked) -> Said:
    """Leaves out what the project asks no more."""
    scales = {each.name: each.scale for each in asked.ratings}
    reasons = {reason["name"] for reason in asked.reasons}
    compared = {each.name for each in asked.comparisons}
    kept = {
        "acceptable": said.get("acceptable") if asked.acceptable else None,
        "rewrite": said.get("rewrite") if asked.rewrite else None,
        "reasons": [name for name in said.get("reasons", ()) if name in reasons],
        "attributes": {
            key: {name: value for name, value in named.items() if value <= scales.get(name, 0)}
            for key, named in said.get("attributes", {}).items()
        },
        "comparisons": {
            key: {name: value for name, value in named.items() if name in compared}
            for key, named in said.get("comparisons", {}).items()
        },
    }
    return {name: value for name, value in kept.items() if value is not None}
