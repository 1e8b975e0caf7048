"""One of a project's people: what they did here, and what a manager may do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from jobs import replica
from labeling.board.pictures import Picture, picture_of
from labeling.models import Assignment, Membership, Project, Prompt, Purpose, Ranking, Role, User
from labeling.people import project_people
from labeling.people.project_people import Person, Standing
from labeling.projects import pace
from labeling.projects.projects import read_whole
from labeling.quality import labeler_numbers
from labeling.quality.checks import results
from labeling.quality.practising.standing import standing_of
from labeling.views.doors import SignedIn, project_page
from labeling.views.people.links import to_answers, to_rankings
from labeling.views.people.measures import findings, lines
from labeling.views.prompts import first_words
from labeling.views.stretches import stretch_of

NEWEST_SHOWN = 10
SKIPS_SHOWN = 50


@dataclass(frozen=True)
class Volume:
    """How many rankings stand, how many answers were given of late, and where each number leads.

    week: of seven days, today's included.
    """

    all: int
    all_url: str
    week: int
    week_url: str
    today: int
    today_url: str


@dataclass(frozen=True)
class Newest:
    ranking: Ranking
    words: str  # the first of its prompt
    picture: Picture


@require_safe
@project_page(Role.MANAGER)
def person(request: SignedIn, project: Project, person_id: int) -> HttpResponse:
    found = find_person(project, person_id)
    days = pace.rankings_a_day(project, labeler=found.id)
    with replica.reading():
        numbers = labeler_numbers.numbers_of(project, found.id) if found.last_ranked else None
    member = Membership.objects.filter(project=project, user=found.id).select_related("user").first()
    checked = results.verdict_of(project, found.id, since=member.checks_from) if member else None
    context = {
        "project": project,
        "person": found,
        "member": member,
        "checks": [(_("Gold"), checked.golds), (_("Repeats"), checked.repeats)] if checked else [],
        "standing": standing_of(read_whole(project), member) if member else None,
        "is_you": found.id == request.user.pk,
        "is_member": found.role is not None and found.standing is not Standing.IMPORTED,
        "roles": Role.choices,
        "volume": volume_of(project, found, days),
        "days": [replace(day, url=_of_day(project, found, day)) for day in days],
        "is_curve": pace.is_a_curve(days),
        "most": max(day.rankings for day in days),
        "numbers": numbers,
        "findings": findings(numbers) if numbers else [],
        "lines": lines(project, found, numbers) if numbers else [],
        "newest": newest_of(project, found),
    }
    return render(request, "labeling/people/person/person.html", context)


@require_safe
@project_page(Role.MANAGER)
def skips(request: SignedIn, project: Project, person_id: int) -> HttpResponse:
    """Lists what the person skipped and why, the newest first: what the number of skips counts."""
    found = find_person(project, person_id)
    rows = Assignment.objects.filter(
        labeler=found.id, state=Assignment.State.SKIPPED, purpose=Purpose.LABEL, prompt__project=project
    )
    page = stretch_of(
        request,
        rows.select_related("prompt").prefetch_related("prompt__completions"),
        size=SKIPS_SHOWN,
        newest_first=True,
    )
    context = {
        "project": project,
        "person": found,
        "page": page,
        "rows": [(skip, _words_of(skip.prompt)) for skip in page],
    }
    return render(request, "labeling/people/person/skips.html", context)


def _words_of(prompt: Prompt) -> str:
    texts = prompt.completions.all()
    return first_words(prompt, alone="" if prompt.is_dialogue or not texts else texts[0].text) or prompt.external_id


def newest_of(project: Project, person: Person) -> list[Newest]:
    """Gives the last rankings, in three statements."""
    rows = Ranking.objects.filter(project=project, labeler=person.id, live=True).order_by("-id")[:NEWEST_SHOWN]
    return [
        Newest(ranking, _words(ranking), picture_of(ranking, project, seen=True, flags=True))
        for ranking in rows.select_related("prompt__project").prefetch_related("ranked__completion")
    ]


def _words(ranking: Ranking) -> str:
    places = ranking.ranked.all()
    return first_words(ranking.prompt, alone=places[0].completion.text if places else "") or ranking.prompt.external_id


def find_person(project: Project, person_id: int) -> Person:
    try:
        return project_people.person_of(project, person_id)
    except User.DoesNotExist as error:
        raise Http404(str(error)) from error


def volume_of(project: Project, person: Person, days: list[pace.Day]) -> Volume:
    today = timezone.localdate()
    week = today - timedelta(days=pace.PACE_DAYS - 1)
    return Volume(
        all=person.rankings,
        all_url=to_rankings(project, person.username),
        week=sum(day.rankings for day in days if day.day >= week),
        week_url=to_answers(project, person.username, since=week),
        today=person.today,
        today_url=to_answers(project, person.username, since=today),
    )


def _of_day(project: Project, person: Person, day: pace.Day) -> str:
    """Gives the address of a day's rankings; empty where there are none."""
    if not day.rankings:
        return ""
    return to_answers(project, person.username, since=day.day, until=day.day)
