"""The first page: the projects a person is in, and those they are asked into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from labeling.data.deleting import deletions
from labeling.judgements import JUDGEMENTS
from labeling.judgements.judgement import Words
from labeling.judgements.phrases import whole
from labeling.models import Project, Role
from labeling.people import access, invitations
from labeling.projects import overview, pace
from labeling.projects.own_work import OwnWork, own_work
from labeling.views.doors import SignedIn, signed_in
from labeling.views.history import sent_back_of


@dataclass(frozen=True)
class Own:
    """What the person did in a project of late, and where each number leads: to these answers in their history."""

    today: int
    today_url: str
    week: int
    week_url: str
    has_draft: bool
    is_warned: bool = False  # by checks, of which nobody says which they were
    must_qualify: bool = False

    @property
    def is_any(self) -> bool:
        return bool(self.week or self.has_draft)


@require_safe
@signed_in
def home(request: SignedIn) -> HttpResponse:
    memberships = request.user.memberships.all()
    roles = {membership.project_id: Role(membership.role) for membership in memberships}
    warned = {membership.project_id for membership in memberships if membership.warned_at is not None}
    unqualified = {
        membership.project_id
        for membership in memberships
        if membership.role == Role.LABELER and membership.qualified_at is None
    }
    everywhere = Role.MANAGER if access.is_administrator(request.user) else None
    projects = list(access.visible_projects(request.user))
    counts, own = overview.done_counts(projects), overview.own_counts(request.user, projects)
    work = own_work(request.user, (project.pk for project in projects))
    only = next((project for project in projects if work.projects == {project.pk}), None)
    own_of = _own(only, work) if only else None  # where several have them, each leads to its own
    rows = [
        (
            project,
            everywhere or roles.get(project.pk, Role.LABELER),
            counts.get(project.pk, overview.Done()),
            own.get(project.pk, 0),
            replace(
                _own(project, work),
                is_warned=project.pk in warned,
                must_qualify=project.qualify_items > 0 and project.pk in unqualified,
            ),
        )
        for project in projects
    ]
    context = {
        "rows": rows,
        "work": work,
        "words": _words(projects),
        "sent_back": sent_back_of(request.user),
        "shown_today": _linked(work.today, own_of.today_url if own_of else ""),
        "shown_week": _linked(work.week, own_of.week_url if own_of else ""),
        "days": [replace(day, url=_of_day(only, day)) for day in work.days] if only else work.days,
        "is_curve": pace.is_a_curve(work.days),
        "ranks": any(role == Role.LABELER for _project, role, *_numbers in rows),
        "invitations": invitations.waiting_for(request.user),
        "has_deleted": deletions.visible_deletions(request.user).exists(),
        "may_create": access.may_create_projects(request.user),
    }
    return render(request, "labeling/projects/home.html", context)


def _own(project: Project, work: OwnWork) -> Own:
    today = timezone.localdate()
    history = reverse("history", args=[project.slug])
    week = today - timedelta(days=pace.PACE_DAYS - 1)
    return Own(
        work.today_in.get(project.pk, 0),
        f"{history}?from_day={today}",
        work.week_in.get(project.pk, 0),
        f"{history}?from_day={week}",
        project.pk in work.drafts,
    )


def _linked(n: int, url: str) -> str:
    return format_html('<a href="{}">{}</a>', url, whole(n)) if n and url else whole(n)


def _of_day(project: Project, day: pace.Day) -> str:
    return f"{reverse('history', args=[project.slug])}?from_day={day.day}&to_day={day.day}" if day.rankings else ""


def _words(projects: Sequence[Project]) -> Words:
    """Gives those of the kind that all projects are of; of several kinds, what they do is called ranking."""
    kinds = {project.kind for project in projects}
    return JUDGEMENTS[kinds.pop() if len(kinds) == 1 else Project.Kind.RANKING].words
