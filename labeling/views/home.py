"""The first page: the projects a person is in, and those they are asked into."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labeling.data.deleting import deletions
from labeling.judgements import JUDGEMENTS
from labeling.judgements.judgement import Words
from labeling.models import Project, Role
from labeling.people import access, invitations
from labeling.projects import overview, pace
from labeling.projects.own_work import own_work
from labeling.views.doors import SignedIn, signed_in
from labeling.views.history import sent_back_of


@require_safe
@signed_in
def home(request: SignedIn) -> HttpResponse:
    roles = {membership.project_id: Role(membership.role) for membership in request.user.memberships.all()}
    everywhere = Role.MANAGER if access.is_administrator(request.user) else None
    projects = list(access.visible_projects(request.user))
    counts, own = overview.done_counts(projects), overview.own_counts(request.user, projects)
    work = own_work(request.user, (project.pk for project in projects))
    rows = [
        (
            project,
            everywhere or roles.get(project.pk, Role.LABELER),
            counts.get(project.pk, overview.Done()),
            own.get(project.pk, 0),
            work.today_in.get(project.pk, 0),
            project.pk in work.drafts,
        )
        for project in projects
    ]
    context = {
        "rows": rows,
        "work": work,
        "words": _words(projects),
        "sent_back": sent_back_of(request.user),
        "is_curve": pace.is_a_curve(work.days),
        "ranks": any(role == Role.LABELER for _project, role, *_numbers in rows),
        "invitations": invitations.waiting_for(request.user),
        "has_deleted": deletions.visible_deletions(request.user).exists(),
        "may_create": access.may_create_projects(request.user),
    }
    return render(request, "labeling/projects/home.html", context)


def _words(projects: Sequence[Project]) -> Words:
    """Gives those of the kind that all projects are of; of several kinds, what they do is called ranking."""
    kinds = {project.kind for project in projects}
    return JUDGEMENTS[kinds.pop() if len(kinds) == 1 else Project.Kind.RANKING].words
