"""All rankings of a project, newest first, narrowed by who said them, when, about what and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django_htmx.http import push_url

from labeling.answers import finding
from labeling.answers.finding import Conditions
from labeling.board.pictures import Picture, picture_of
from labeling.board.said_more import SaidMore, ratings_in_words, said_more
from labeling.board.sentences import STRENGTHS
from labeling.forms.finding import RankingsForm
from labeling.models import Project, RankedCompletion, Ranking, Role, SavedView
from labeling.people import access
from labeling.people.access import Which
from labeling.projects import counters
from labeling.views.answers.saved_views import views_of_list
from labeling.views.doors import SignedIn, project_page
from labeling.views.prompts import first_words
from labeling.views.stretches import Stretch, goes_back, is_whole, key_of, stretch_of, within

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SHOWN = 50


@dataclass(frozen=True)
class Remark:
    """What was said of one completion, by its number on the prompt's page."""

    number: int
    flags: list[str]
    note: str
    ratings: list[str]


@dataclass(frozen=True)
class Row:
    ranking: Ranking
    words: str
    picture: Picture
    strength: StrOrPromise
    remarks: list[Remark]
    more: SaidMore


@dataclass(frozen=True)
class Look:
    """What a narrowed list went through: down to this key, which was said at back_to, and there is more beyond."""

    end: int
    back_to: datetime


@require_safe
@project_page(Role.REVIEWER)
def rankings(request: SignedIn, project: Project) -> HttpResponse:
    form = RankingsForm(request.GET, project=project)
    asked = form.conditions()
    rows = finding.meeting(access.rankings_of(request.user, project, form.which), asked)
    rows, look = _within_a_look(request, project, asked, rows) if asked.needs_a_look else (rows, None)
    page: Stretch[Ranking] = stretch_of(request, _with_what_is_shown(rows), size=SHOWN, newest_first=True)
    context = {
        "project": project,
        "form": form,
        **views_of_list(request, project, SavedView.Of.RANKINGS, form.query),
        "asked": asked,
        "is_narrowed": bool(asked) or form.which != Which.STANDING,
        "page": page,
        "rows": [_row(ranking, project) for ranking in page],
        "look": look if page.after is None else None,
        "fitting": _fitting(rows, page, asked, is_all=look is None and is_whole(request, page)),
        "n": counters.of(project).total.rankings,
        "query": f"{form.query}&" if form.query else "",
    }
    response = render(request, "labeling/answers/rankings.html", context)
    # A form says all its fields, and most of them nothing: whoever copies the address gets those that narrow.
    return push_url(response, f"{request.path}?{form.query}" if form.query else request.path)


def _fitting(rows: QuerySet[Ranking], page: Stretch[Ranking], asked: Conditions, *, is_all: bool) -> int | None:
    """Tells how many there are, where all are on the page or words are rare; None where nobody knows."""
    if is_all:
        return len(page.rows)
    return None if asked.found is None or asked.needs_a_look else rows.count()


def _within_a_look(
    request: SignedIn, project: Project, asked: Conditions, rows: QuerySet[Ranking]
) -> tuple[QuerySet[Ranking], Look | None]:
    """Gives those of one look, and where it ended; None where it went through all, or upwards."""
    if goes_back(request):
        before = key_of(request, "before")
        end = finding.end_of_look(project, asked, above=before)
        return within(rows, from_key=before, end=end, down=False), None
    after = key_of(request, "after")
    end = finding.end_of_look(project, asked, below=after)
    look = None if end is None else Look(end, Ranking.objects.get(pk=end).created_at)
    return within(rows, from_key=after, end=end, down=True), look


def _with_what_is_shown(rows: QuerySet[Ranking]) -> QuerySet[Ranking]:
    places = RankedCompletion.objects.select_related("completion").order_by("rank", "completion__position")
    return rows.select_related("prompt", "labeler").prefetch_related(Prefetch("ranked", queryset=places))


def _row(ranking: Ranking, project: Project) -> Row:
    places = list(ranking.ranked.all())
    labels = {flag["name"]: flag["label"] for flag in project.flags}
    attributes = [place.attributes for place in places]
    texts = {place.completion_id: (str(place.completion.position + 1), place.completion.text) for place in places}
    remarks = [
        Remark(
            place.completion.position + 1,
            project.judgement.flags_in_words(place.flags, labels),
            place.note,
            ratings_in_words(place.attributes, project, attributes),
        )
        for place in sorted(places, key=lambda place: place.completion.position)
    ]
    return Row(
        ranking=ranking,
        words=first_words(ranking.prompt, alone=places[0].completion.text if places else ""),
        picture=picture_of(ranking, project, seen=True, who=True),
        strength=dict(STRENGTHS).get(ranking.strength or 0, ""),
        remarks=[remark for remark in remarks if remark.flags or remark.note or remark.ratings],
        more=said_more(ranking, project, places, texts),
    )
