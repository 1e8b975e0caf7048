"""The rankings of a prompt side by side, and where they differ: what each person said of the same completions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from django.db.models import QuerySet

from labeling.models import Assignment, Prompt, Purpose, RankedCompletion, Ranking

MOST = 50  # rankings of a prompt, the newest; a prompt is ranked by 50 people at most, but may have been imported

Ranks = Mapping[int, int]  # of completions by their keys; 1 is the best, equal ranks are a tie
Answers = Mapping[int, Mapping[str, bool]]  # to questions, by the completions' keys and the flags' names


@dataclass(frozen=True)
class Place:
    """What one person said of one completion. differs: most others put it the other way round, beside another.

    is_of_the_rest: left unranked, below what was ranked, and no tie.
    """

    rank: int
    is_tied: bool
    is_of_the_rest: bool
    differs: bool
    flags: Mapping[str, bool]
    note: str
    attributes: Mapping[str, int]
    position: int | None  # on that person's screen, from 0; None of an imported one


@dataclass(frozen=True)
class Said:
    """A ranking, and its places in the order of the completions that were asked for."""

    ranking: Ranking
    places: Sequence[Place]

    @property
    def differs(self) -> bool:
        return any(place.differs for place in self.places)


@dataclass(frozen=True)
class SideBySide:
    """said: oldest first. n: of comparisons that two people made, neither tying; agreed: those with the same choice."""

    said: Sequence[Said]
    skips: Sequence[Assignment]
    n: int
    agreed: int
    has_more: bool  # older ones than are shown


def side_by_side(prompt: Prompt, completions: Sequence[int], *, most: int = MOST) -> SideBySide:
    """Reads the live rankings and the skips of a prompt, the newest of many, in three statements."""
    newest = list(_live(prompt)[: most + 1])
    rankings = newest[:most][::-1]
    places: defaultdict[int, dict[int, RankedCompletion]] = defaultdict(dict)
    for place in RankedCompletion.objects.filter(ranking__in=rankings):
        places[place.ranking_id][place.completion_id] = place
    ranks = [{key: place.rank for key, place in places[ranking.pk].items()} for ranking in rankings]
    flags = [{key: place.flags for key, place in places[ranking.pk].items()} for ranking in rankings]
    n, agreed = compared(ranks)
    return SideBySide(
        said=[
            Said(ranking, _places(ranking, places[ranking.pk], odd, completions))
            for ranking, odd in zip(rankings, differing(ranks, flags), strict=True)
        ],
        skips=list(_skips(prompt)[:most]),
        n=n,
        agreed=agreed,
        has_more=len(newest) > most,
    )


def differing(rankings: Sequence[Ranks], answers: Sequence[Answers]) -> list[set[int]]:
    """Finds, for each ranking, the completions of which most others say otherwise: by their order, and where a ranking
    orders nothing, by its answers among the others that order nothing.

    Something is found of some ranking if and only if the prompt `disagrees` (migration 0038).
    """
    found = ordering_otherwise(rankings)
    orderless = [place for place, ranks in enumerate(rankings) if len(set(ranks.values())) == 1]
    odd = answering_otherwise([answers[place] for place in orderless])
    for place, completions in zip(orderless, odd, strict=True):
        found[place] |= completions
    return found


def ordering_otherwise(rankings: Sequence[Ranks]) -> list[set[int]]:
    """Finds, for each ranking, the completions that it orders otherwise than most of the other rankings.

    Of two completions that a person ordered, both are found where more of the others who ordered them chose the other
    way than the same; of two people who disagree, each is the one that differs.
    """
    votes = _votes(rankings)
    found = []
    for ranks in rankings:
        odd: set[int] = set()
        for one, other in combinations(sorted(ranks), 2):
            if ranks[one] == ranks[other]:
                continue
            better = (one, other) if ranks[one] < ranks[other] else (other, one)
            if votes[better[::-1]] > votes[better] - 1:
                odd.update(better)
        found.append(odd)
    return found


def answering_otherwise(answers: Sequence[Answers]) -> list[set[int]]:
    """Finds, for each person's answers, the texts about which more of the others gave the other answer to a question
    than the same."""
    votes = Counter(
        (key, flag, said) for answer in answers for key, flags in answer.items() for flag, said in flags.items()
    )
    return [
        {
            key
            for key, flags in answer.items()
            if any(votes[key, flag, not said] > votes[key, flag, said] - 1 for flag, said in flags.items())
        }
        for answer in answers
    ]


def compared(rankings: Sequence[Ranks]) -> tuple[int, int]:
    """Counts the comparisons of two rankings, of two completions that neither ties, and on how many they agree."""
    votes = _votes(rankings)
    n = agreed = 0
    for one, other in {(min(pair), max(pair)) for pair in votes}:
        here, there = votes[one, other], votes[other, one]
        n += (here + there) * (here + there - 1) // 2
        agreed += here * (here - 1) // 2 + there * (there - 1) // 2
    return n, agreed


def _votes(rankings: Sequence[Ranks]) -> Counter[tuple[int, int]]:
    """Counts, of each two completions, how many put the first above the second."""
    return Counter(
        (one, other) if ranks[one] < ranks[other] else (other, one)
        for ranks in rankings
        for one, other in combinations(ranks, 2)
        if ranks[one] != ranks[other]
    )


def _places(
    ranking: Ranking, places: Mapping[int, RankedCompletion], odd: set[int], completions: Sequence[int]
) -> list[Place]:
    tied = Counter(place.rank for place in places.values())
    rest = ranking.rank_of_the_rest(places.values())
    return [
        Place(
            rank=places[key].rank,
            is_tied=tied[places[key].rank] > 1 and places[key].rank != rest,
            is_of_the_rest=places[key].rank == rest,
            differs=key in odd,
            flags=places[key].flags,
            note=places[key].note,
            attributes=places[key].attributes,
            position=places[key].shown_position,
        )
        for key in completions
    ]


def _live(prompt: Prompt) -> QuerySet[Ranking]:
    return Ranking.objects.filter(prompt=prompt, live=True).select_related("labeler").order_by("-pk")


def _skips(prompt: Prompt) -> QuerySet[Assignment]:
    """Gives who would not rank it and why, the newest first. One that the same person ranked later is none."""
    skipped = Assignment.objects.filter(prompt=prompt, state=Assignment.State.SKIPPED, purpose=Purpose.LABEL)
    return skipped.select_related("labeler").order_by("-finished_at", "-pk")
