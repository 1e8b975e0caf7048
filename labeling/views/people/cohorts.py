"""Cohorts of a project: the list of them; making, changing and deleting one, which is said first where it does much."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labeling.data.bulk import cohort_changes, cohorts
from labeling.data.bulk.cohort_changes import Foreseen
from labeling.errors import Outdated, PodiumError
from labeling.forms.errors import add_error
from labeling.forms.queue.cohorts import CohortForm, sentences
from labeling.models import BulkAct, Cohort, Project, Role
from labeling.views.doors import SignedIn, posted, project_page

SHOWN = 10  # people of each, by name


@require_safe
@project_page(Role.MANAGER)
def index(request: SignedIn, project: Project) -> HttpResponse:
    rows = []
    for cohort in cohorts.of(project):
        names = sorted(each.membership.user.username for each in cohort.people.all())
        rows.append((cohort, names[:SHOWN], len(names) - SHOWN))
    at_work = project.bulk_acts.filter(act=BulkAct.Act.RULES, state__in=BulkAct.ACTIVE).first()
    context = {"project": project, "rows": rows, "at_work": at_work}
    return render(request, "labeling/people/cohorts/cohorts.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def edit(request: SignedIn, project: Project, cohort_id: int | None = None) -> HttpResponse:
    """Makes one or changes it. What it does to the prompts that there are is said first, and confirmed."""
    cohort = None if cohort_id is None else _find(project, cohort_id)
    form = CohortForm(posted(request), project=project, cohort=cohort)
    foreseen = None
    if form.is_valid():
        try:
            foreseen = _to_be_confirmed(request, project, form, cohort_id)
            if foreseen is None:
                return _save(request, project, form, cohort_id)
        except Outdated as error:  # of the field that nobody sees
            form.add_error(None, error.detail)
        except PodiumError as error:
            add_error(form, error)
    context = {
        "project": project,
        "cohort": cohort,
        "form": form,
        "foreseen": foreseen,
        "sentences": sentences(foreseen) if foreseen else [],
    }
    status = 422 if form.errors else 200
    return render(request, "labeling/people/cohorts/cohort.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def delete(request: SignedIn, project: Project, cohort_id: int) -> HttpResponse:
    """Says what becomes of its prompts; the form deletes it."""
    cohort = _find(project, cohort_id)
    if request.method == "POST":
        job = cohorts.delete(project, cohort_id, by=request.user)
        messages.success(request, _("The cohort is deleted: its prompts are for everybody."))
        return _after(project, job)
    said = sentences(cohort_changes.foresee_deletion(project, cohort_id))
    context = {"project": project, "cohort": cohort, "sentences": said}
    return render(request, "labeling/people/cohorts/delete.html", context)


def _find(project: Project, key: int) -> Cohort:
    found = cohorts.of(project).filter(pk=key).first()
    if found is None:
        raise Http404
    return found


def _to_be_confirmed(request: SignedIn, project: Project, form: CohortForm, key: int | None) -> Foreseen | None:
    """Gives what is to be said first; None where nothing is, or where it was."""
    if request.POST.get("confirmed") == form.confirmation:
        return None
    foreseen = cohort_changes.foresee(project, form.said(), key=key)
    return foreseen if foreseen.is_any else None


def _save(request: SignedIn, project: Project, form: CohortForm, key: int | None) -> HttpResponse:
    revision = form.cleaned_data["revision"]
    _cohort, job = cohorts.save(project, form.said(), by=request.user, key=key, revision=revision if key else None)
    messages.success(request, _("The cohort is saved."))
    return _after(project, job)


def _after(project: Project, job: BulkAct | None) -> HttpResponse:
    if job is not None and job.is_active:
        return redirect("prompts_bulk_act", project.slug, job.number)
    return redirect("cohorts", project.slug)
