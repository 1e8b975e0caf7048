"""A project: making it, its overview, its settings and its guidelines."""

from __future__ import annotations

from dataclasses import replace

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labeling import content
from labeling.data.bulk import setting_changes
from labeling.data.reviewing import cases
from labeling.errors import PodiumError
from labeling.forms import foreseen as in_words
from labeling.forms.errors import add_error
from labeling.forms.projects import PauseForm, ProjectForm, SettingsForm
from labeling.models import Project, Role
from labeling.people import access
from labeling.projects import changes, navigation, pace, pauses, projects
from labeling.projects.changes import Foreseen
from labeling.projects.overview import overview_of
from labeling.quality import agreement
from labeling.quality.checks import acting
from labeling.quality.practising import items
from labeling.views.doors import SignedIn, posted, project_page, signed_in
from labeling.views.people.links import to_answers


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def create(request: SignedIn) -> HttpResponse:
    if not access.may_create_projects(request.user):
        raise PermissionDenied(_("Projects are made by administrators and by managers of other projects."))
    form = ProjectForm(posted(request))
    if form.is_valid():
        try:
            project = projects.create_project(by=request.user, **form.cleaned_data)
        except PodiumError as error:
            add_error(form, error)
        else:
            messages.success(request, _("%(project)s is there. Next: upload prompts.") % {"project": project.name})
            return redirect("prompts", project.slug)
    return render(request, "labeling/projects/project_create.html", {"form": form})


@require_safe
@project_page(Role.LABELER)
def overview(request: SignedIn, project: Project) -> HttpResponse:
    if access.role_in(request.user, project) == Role.LABELER:
        return redirect("rank", project.slug)
    is_manager = access.role_in(request.user, project) == Role.MANAGER
    numbers = overview_of(project)
    days = pace.rankings_a_day(project)
    context = {
        "project": project,
        "overview": numbers,
        "given": project.judgement.given(numbers, reverse("rankings", args=[project.slug]) if numbers.rankings else ""),
        "days": [replace(day, url=_of_day(project, day)) for day in days] if pace.is_a_curve(days) else [],
        "most": max(day.rankings for day in days),
        "done_on": pace.done_on(project),
        "n_reviews": cases.n_waiting(project),
        "n_people": acting.n_waiting(project),
        "agreement": agreement.project_agreement(project) if numbers.rankings else None,
        "is_manager": is_manager,
        "paused": pauses.of(project),
        "parts": navigation.parts() if is_manager else [],
    }
    return render(request, "labeling/projects/overview.html", context)


def _of_day(project: Project, day: pace.Day) -> str:
    return to_answers(project, since=day.day, until=day.day) if day.rankings else ""


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def settings(request: SignedIn, project: Project) -> HttpResponse:
    """Saves what was changed. What does something to prompts or answers that there are is said first, and confirmed."""
    form = SettingsForm(posted(request), initial=SettingsForm.initial_of(project))
    foreseen = None
    if form.is_valid():
        try:
            foreseen = _to_be_confirmed(request, project, form)
            if foreseen is None:
                return _save(request, project, form)
        except PodiumError as error:
            project.refresh_from_db()
            add_error(form, error)
    context = {
        "project": project,
        "form": form,
        "paused": pauses.of(project),
        "pause": PauseForm(auto_id="pause-%s"),
        "foreseen": foreseen,
        "sentences": in_words.sentences(foreseen) if foreseen else [],
        "elsewhere": navigation.settings_elsewhere(),
    }
    return render(request, "labeling/projects/project_settings.html", context)


def _to_be_confirmed(request: SignedIn, project: Project, form: SettingsForm) -> Foreseen | None:
    """Gives what is to be said first; None where nothing is, or where it was."""
    if request.POST.get("confirmed") == form.confirmation:
        return None
    foreseen = changes.foresee(project, form.cleaned_data)
    return foreseen if foreseen.is_any else None


def _save(request: SignedIn, project: Project, form: SettingsForm) -> HttpResponse:
    only_new = request.POST.get("existing") == "keep"
    only_new_people = request.POST.get("people") == "new"
    job = setting_changes.update(
        project, form.cleaned_data, by=request.user, only_new=only_new, only_new_people=only_new_people
    )
    messages.success(request, _("Settings saved."))
    if job is not None and job.is_active:
        return redirect("prompts_bulk_act", project.slug, job.number)
    return redirect("project_settings", project.slug)


@require_POST
@project_page(Role.MANAGER)
def pause(request: SignedIn, project: Project) -> HttpResponse:
    """Pauses the project, or resumes it."""
    if request.POST.get("act") == "resume":
        pauses.resume(project)
        messages.success(request, _("The project goes on: prompts are given out again."))
        return redirect("project", project.slug)
    form = PauseForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(said) for said in form.errors["reason"]))
        return redirect("project_settings", project.slug)
    pauses.pause(project, by=request.user, reason=form.cleaned_data["reason"])
    messages.success(request, _("The project is paused: nobody gets a new prompt."))
    return redirect("project", project.slug)


@require_safe
@project_page(Role.LABELER)
def guidelines(request: SignedIn, project: Project) -> HttpResponse:
    html = content.render(project.guidelines)
    context = {"project": project, "guidelines": html, "can_practise": items.can_practise(project)}
    return render(request, "labeling/projects/guidelines.html", context)
