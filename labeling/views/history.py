"""What a person ranked so far, newest first: their own and nobody else's, whatever their role."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from string import ascii_uppercase

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from labeling import access, content
from labeling.models import Project, RankedCompletion, Ranking, Role, User
from labeling.views.doors import SignedIn, page_of, project_page


@dataclass(frozen=True)
class Place:
    """One completion of a past ranking, under the letter that it had on the screen."""

    letter: str
    rank: int
    html: SafeString


@dataclass(frozen=True)
class Entry:
    ranking: Ranking
    order: str  # "B > A = D > C"
    places: list[Place]


def own_rankings(user: User, project: Project) -> QuerySet[Ranking]:
    return access.rankings_of(user, project).filter(labeler=user).order_by("-id")


@require_safe
@project_page(Role.LABELER)
def history(request: SignedIn, project: Project) -> HttpResponse:
    rows = own_rankings(request.user, project).select_related("prompt").prefetch_related("ranked__completion")
    page = page_of(request, rows, size=20)
    context = {"project": project, "page": page, "entries": [entry_of(ranking) for ranking in page]}
    return render(request, "labeling/history.html", context)


def entry_of(ranking: Ranking) -> Entry:
    ranked = sorted(ranking.ranked.all(), key=lambda place: (place.rank, place.shown_position or 0))
    places = [Place(letter_of(place), place.rank, content.render(place.completion.text)) for place in ranked]
    return Entry(ranking, in_words(places), places)


def in_words(places: Iterable[Place]) -> str:
    tiers = groupby(places, key=lambda place: place.rank)
    return " > ".join(" = ".join(place.letter for place in tier) for _, tier in tiers)


def letter_of(place: RankedCompletion) -> str:
    position = place.shown_position if place.shown_position is not None else place.completion.position
    return ascii_uppercase[position]
