"""A ranking's small picture: which completion stands at which rank, on one line, and the same in a sentence.

On pages of reviewers a completion is its number on the prompt's page, for that is the same for everybody, and beside it
may stand the letter under which this person saw it, which comments name. On a person's own pages it is that letter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import ascii_uppercase

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.models import Completion, GoldAnswer, Project, RankedCompletion, Ranking

MOST_FLAGS = 3  # that are named; the others are counted


@dataclass(frozen=True)
class Spot:
    """A completion in the picture. name: its number or letter. seen: its letter, where the name is another."""

    name: str
    seen: str = ""

    @property
    def words(self) -> str:
        named = _("completion %(name)s") % {"name": self.name}
        return (
            _("%(completion)s, seen as %(letter)s") % {"completion": named, "letter": self.seen} if self.seen else named
        )


@dataclass(frozen=True)
class Picture:
    """tiers: best first, several in one are a tie; none of a text alone. flags: of a classification, in short.

    rest: what was left unranked below the tiers, without an order in itself. labeler: who said it, where that is
    shown. live: false where it was replaced or withdrawn.
    """

    tiers: Sequence[Sequence[Spot]] = ()
    flags: Sequence[str] = ()
    rest: Sequence[Spot] = ()
    labeler: str = ""
    live: bool = True

    @property
    def words(self) -> str:
        """Says the order for who can't see it: "Rank 1: completion 2; rank 2, tied: completion 1, completion 3."."""
        said = []
        for rank, tier in enumerate(self.tiers, start=1):
            place = _("rank %(rank)s, tied: %(names)s") if len(tier) > 1 else _("rank %(rank)s: %(names)s")
            said.append(place % {"rank": rank, "names": ", ".join(spot.words for spot in tier)})
        if self.rest:
            said.append(_("below, not ranked: %(names)s") % {"names": ", ".join(spot.words for spot in self.rest)})
        sentence = "; ".join(said)
        return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def picture_of(
    ranking: Ranking, project: Project, *, own: bool = False, seen: bool = False, who: bool = False, flags: bool = False
) -> Picture:
    """Draws a ranking, whose `ranked__completion` was fetched before.

    own: for its labeler, by the letters that they saw. seen: for others, with these letters beside the numbers. who:
    with the labeler, fetched before too. flags: with a classification's answers, of a page that doesn't list them.
    """
    places = sorted(ranking.ranked.all(), key=lambda place: (place.rank, _order(place, own=own)))
    alone = len(places) < 2
    rest = ranking.rank_of_the_rest(places)
    spots = {place.completion_id: _spot(place, own=own, seen=seen) for place in places}
    answers = {"" if alone else spots[place.completion_id].name: place.flags for place in places}
    return Picture(
        tiers=[]
        if alone
        else [[spots[place.completion_id] for place in tier] for tier in _tiers(places) if tier[0].rank != rest],
        rest=[spots[place.completion_id] for place in places if place.rank == rest],
        flags=flags_in_short(answers, project.flags) if flags and project.judgement.asks_every_flag else (),
        labeler=str(ranking.labeler) if who else "",
        live=ranking.stands or own,  # one's history tells revisions apart in words
    )


def picture_of_gold(gold: GoldAnswer, completions: Iterable[Completion]) -> Picture:
    """Draws what is known of a prompt's completions, these; an empty one where no order is."""
    tiers: dict[int, list[Spot]] = {}
    known = [(gold.ranks.get(str(each.pk)), each.position) for each in completions]
    for rank, position in sorted((rank, position) for rank, position in known if rank is not None):
        tiers.setdefault(rank, []).append(Spot(str(position + 1)))
    rest = tiers.popitem()[1] if gold.unranked and tiers else ()
    return Picture(list(tiers.values()), rest=rest)


def flags_in_short(answers: Mapping[str, Mapping[str, bool]], flags: Sequence[Mapping[str, str]]) -> list[str]:
    """Names the flags that are true, of which of several texts, and counts those that are of none.

    answers: by the texts' names, or "" of one alone. Gives ["Hateful", "no to 2"] of that, ["Rude: 1, 3"] of several.
    """
    labels = {flag["name"]: flag["label"] for flag in flags}
    found: dict[str, list[str]] = {}
    for name, answer in answers.items():
        for flag, said in answer.items():
            found.setdefault(labels.get(flag, flag), []).extend([name] if said else [])
    yes = {label: names for label, names in found.items() if names}
    short = [label if names == [""] else f"{label}: {', '.join(names)}" for label, names in yes.items()]
    if more := max(len(short) - MOST_FLAGS, 0):
        short[MOST_FLAGS:] = [ngettext("%(n)s more", "%(n)s more", more) % {"n": more}]
    if no := len(found) - len(yes):
        words = _("no to %(n)s") if yes else _("no to all %(n)s") if no > 1 else _("no")
        short.append(words % {"n": no})
    return short


def _tiers(places: Iterable[RankedCompletion]) -> list[list[RankedCompletion]]:
    return [list(tier) for _rank, tier in groupby(places, key=lambda place: place.rank)]


def _order(place: RankedCompletion, *, own: bool) -> int:
    return place.shown_position if own and place.shown_position is not None else place.completion.position


def _spot(place: RankedCompletion, *, own: bool, seen: bool) -> Spot:
    if own:
        return Spot(ascii_uppercase[_order(place, own=True)])
    letter = "" if place.shown_position is None else ascii_uppercase[place.shown_position]
    return Spot(str(place.completion.position + 1), letter if seen else "")
