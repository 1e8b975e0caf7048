"""What a person ranked so far, newest first: their own and nobody else's, whatever their role."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import ascii_uppercase
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from labeling import content
from labeling.answers import rankings
from labeling.board.pictures import Picture, picture_of
from labeling.board.said_more import SaidMore, ratings_in_words, said_more
from labeling.board.sentences import STRENGTHS
from labeling.data.reviewing import sent_back
from labeling.data.reviewing.sent_back import Word
from labeling.forms.days import DaysForm
from labeling.models import Project, Prompt, Ranking, ReviewCase, Role, User
from labeling.people import access
from labeling.people.access import Which
from labeling.queue import skips
from labeling.views.doors import SignedIn, project_page
from labeling.views.prompts import first_words
from labeling.views.stretches import stretch_of

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

MAX_QUERY = 200
SHOWN = 20
LOOKED_THROUGH = 2000  # at a time, by a search: 30 microseconds each


@dataclass(frozen=True)
class Place:
    """One completion of a past ranking, under the letter that it had on the screen."""

    key: int
    letter: str
    rank: int
    is_of_the_rest: bool  # left unranked, below what was ranked
    text: str
    html: SafeString
    like: str  # the letters of those that look the same once rendered, but are other texts
    flags: list[str]
    note: str
    ratings: list[str]


@dataclass(frozen=True)
class Entry:
    """A ranking as it was said: the one that stands, or one before it."""

    ranking: Ranking
    words: str  # the first of its prompt
    picture: Picture
    strength: StrOrPromise
    places: list[Place]
    more: SaidMore
    earlier: list[Entry]
    reviewed: Sequence[Word] = ()  # what a reviewer said of it, and its labeler's answers

    @property
    def alone(self) -> bool:
        """Tells whether it is one text: it has no rank, and no letter tells it from others."""
        return len(self.places) == 1

    @property
    def shows_texts(self) -> bool:
        """Tells whether the texts are those that were judged: they may be withdrawn or corrected since."""
        return self.ranking.stands or self.ranking.superseded_by_id is not None

    @property
    def remarks(self) -> list[Place]:
        return [place for place in self.places if place.flags or place.note or place.ratings]


@dataclass(frozen=True)
class Search:
    """What a search found among the newest rankings, or those that follow a place in the list."""

    n: int  # in what it looked through
    looked_through: int
    back_to: datetime | None  # the oldest of those, and its key: None where there is no older one
    further: int | None
    page: Page[int]  # keys


def own_rankings(user: User, project: Project) -> QuerySet[Ranking]:
    return access.own_rankings_of(user, project).order_by("-id")


def own_answers(user: User, project: Project) -> QuerySet[Ranking]:
    """Gives what the person said last of each, whatever became of it: it stays in its labeler's history."""
    return access.own_rankings_of(user, project, Which.GIVEN).order_by("-id")


def sent_back_of(user: User, project: Project | None = None) -> list[tuple[ReviewCase, str]]:
    """Gives what awaits the person's answer, in one project or in all, with the first words of each prompt."""
    waiting = sent_back.sent_back_to(user, project).prefetch_related("prompt__completions")[: sent_back.MOST]
    return [(case, first_words(case.prompt, alone=_text_alone(case.prompt))) for case in waiting]


@require_safe
@project_page(Role.LABELER)
def history(request: SignedIn, project: Project) -> HttpResponse:
    """Shows what the person answered, or with ?show=skipped what they skipped."""
    if request.GET.get("show") == "skipped":
        return _skipped(request, project)
    query = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:MAX_QUERY]
    days = DaysForm(request.GET)
    own = days.within(own_answers(request.user, project))
    search = _search(request, own, query) if query else None
    if search:
        listed: Iterable[Ranking] = with_what_was_said(own.filter(pk__in=search.page.object_list))
        page: object = search.page
    else:
        listed = page = stretch_of(request, with_what_was_said(own), size=SHOWN, newest_first=True)
    shown = list(listed)
    reviewed = sent_back.words_about(ranking.assignment_id for ranking in shown)
    begins = {name: request.GET[name] for name in ("after", "before") if name in request.GET}
    kept = {**({"q": query} if query else {}), **days.asked}
    context = {
        "project": project,
        "asked": query,
        "search": search,
        "page": page,
        "entries": [entry_of(ranking, project, reviewed=reviewed.get(ranking.assignment_id, ())) for ranking in shown],
        "sent_back": sent_back_of(request.user, project),
        "days": days,
        "n_of_days": days.n_of(own) if days.asked and not search else None,
        "further": urlencode({**kept, "after": search.further}) if search else "",
        "query": urlencode({**kept, **(begins if query else {})}) + "&" if kept else "",
    }
    return render(request, "labeling/answers/history.html", context)


def _skipped(request: SignedIn, project: Project) -> HttpResponse:
    rows = skips.skipped_by(request.user, project).prefetch_related("prompt__completions")
    page = stretch_of(request, rows, size=SHOWN, newest_first=True)
    context = {
        "project": project,
        "page": page,
        "rows": [(skip, first_words(skip.prompt, alone=_text_alone(skip.prompt))) for skip in page],
        "query": "show=skipped&",
    }
    return render(request, "labeling/answers/history_skipped.html", context)


def _text_alone(prompt: Prompt) -> str:
    return "" if prompt.is_dialogue else prompt.completions.all()[0].text


def _search(request: SignedIn, own: QuerySet[Ranking], query: str) -> Search:
    """Looks through LOOKED_THROUGH of them at a time, so that a search costs the same in any history."""
    window = stretch_of(request, own.only("pk", "created_at"), size=LOOKED_THROUGH, newest_first=True)
    keys = [ranking.pk for ranking in window]
    found = list(rankings.search(own.filter(pk__in=keys), query).values_list("pk", flat=True)) if keys else []
    return Search(
        n=len(found),
        looked_through=len(keys),
        back_to=window.rows[-1].created_at if window.after else None,
        further=window.after,
        page=Paginator(found, SHOWN).get_page(request.GET.get("page")),
    )


def with_what_was_said(rows: QuerySet[Ranking]) -> QuerySet[Ranking]:
    """Fetches all that an entry shows, in a handful of queries however long the page is."""
    ended = Ranking.objects.filter(live=False).select_related("prompt").order_by("-revision")
    return rows.select_related("prompt").prefetch_related(
        "ranked__completion", Prefetch("assignment__rankings", queryset=ended.prefetch_related("ranked__completion"))
    )


def entry_of(ranking: Ranking, project: Project, *, earlier: bool = True, reviewed: Sequence[Word] = ()) -> Entry:
    places = places_of(ranking, project)
    return Entry(
        ranking=ranking,
        words=first_words(ranking.prompt, alone=places[0].text),
        picture=picture_of(ranking, project, own=True),
        strength=dict(STRENGTHS).get(ranking.strength or 0, ""),
        places=places,
        more=said_more(ranking, project, places, {place.key: (place.letter, place.text) for place in places}),
        earlier=[
            entry_of(before, project, earlier=False)
            for before in (ranking.assignment.rankings.all() if earlier else ())
            if before.revision < ranking.revision
        ],
        reviewed=reviewed,
    )


def places_of(ranking: Ranking, project: Project) -> list[Place]:
    position = {key: at for at, key in enumerate(ranking.assignment.shown_order)}
    ranked = sorted(ranking.ranked.all(), key=lambda place: (place.rank, position[place.completion_id]))
    rest = ranking.rank_of_the_rest(ranked)
    texts = [place.completion.text for place in ranked]
    htmls = [content.render(text) for text in texts]
    alike = content.look_alike(texts, htmls)
    letters = [ascii_uppercase[position[place.completion_id]] for place in ranked]
    attributes = [place.attributes for place in ranked]
    labels_of_flags = {flag["name"]: flag["label"] for flag in project.flags}
    return [
        Place(
            key=place.completion_id,
            letter=letter,
            rank=place.rank,
            is_of_the_rest=place.rank == rest,
            text=place.completion.text,
            html=content.source(place.completion.text, marks=True) if others else html,
            like=", ".join(letters[other] for other in others),
            flags=project.judgement.flags_in_words(place.flags, labels_of_flags),
            note=place.note,
            ratings=ratings_in_words(place.attributes, project, attributes),
        )
        for place, letter, html, others in zip(ranked, letters, htmls, alike, strict=True)
    ]
