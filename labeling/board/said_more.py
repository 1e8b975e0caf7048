"""What a ranking says beyond its order, in words: in lists of answers, side by side, in the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from labeling.answers.asks.stored import are_of_two
from labeling.content.word_difference import compared
from labeling.models import Project, Ranking


class HasRank(Protocol):
    @property
    def rank(self) -> int: ...


@dataclass(frozen=True)
class Rewrite:
    """of: the completion's letter or number. html: the text, with what that one lacks marked."""

    of: str
    html: SafeString


@dataclass(frozen=True)
class SaidMore:
    """acceptable: where the line is, in a sentence. reasons: their labels."""

    acceptable: str = ""
    reasons: Sequence[str] = ()
    rewrite: Rewrite | None = None


def said_more(
    ranking: Ranking, project: Project, places: Sequence[HasRank], texts: Mapping[int, tuple[str, str]]
) -> SaidMore:
    """Says what is of the whole answer. A reason that the project has no more is shown by its name.

    texts: of each completion by its key: the name that this page has for it, and its text.
    """
    labels = {reason["name"]: reason["label"] for reason in project.ask_reasons}
    return SaidMore(
        acceptable=_acceptable(ranking.acceptable, max((place.rank for place in places), default=0), ranking.unranked),
        reasons=[labels.get(name, name) for name in ranking.reasons],
        rewrite=_rewrite(ranking, texts),
    )


def _rewrite(ranking: Ranking, texts: Mapping[int, tuple[str, str]]) -> Rewrite | None:
    if not ranking.rewrite or ranking.rewrite_of_id is None:
        return None
    name, text = texts[ranking.rewrite_of_id]
    return Rewrite(name, compared(text, ranking.rewrite).two)


def _acceptable(tiers: int | None, of: int, unranked: int) -> str:
    """Says nothing of a rest: whether one of it is acceptable too was not asked."""
    if tiers is None:
        return ""
    if tiers == 0:
        return _("none acceptable")
    if unranked and tiers >= of - 1:
        return _("all ranked ones acceptable")
    if tiers >= of:
        return _("all acceptable")
    return _("acceptable down to rank %(rank)d") % {"rank": tiers}


def ratings_in_words(place: Mapping[str, int], project: Project, places: Sequence[Mapping[str, int]]) -> list[str]:
    """Says of one completion 'Helpful 4/5', or of one of two 'Helpful +2': by how much it is ahead."""
    asked = {each["name"]: each for each in project.attributes}
    words = []
    for name, value in place.items():
        label = asked.get(name, {}).get("label", name)
        if are_of_two(other[name] for other in places if name in other):
            words.append(f"{label} {value:+d}" if value else f"{label} =")
        else:
            scale = asked.get(name, {}).get("scale")
            words.append(f"{label} {value}/{scale}" if scale else f"{label} {value}")
    return words
