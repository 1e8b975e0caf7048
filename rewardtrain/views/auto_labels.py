"""The automatic labeler: start it, watch it, and see how far it agrees with people."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from labeling.errors import PodiumError
from labeling.forms.errors import add_error
from labeling.models import Project, Role
from labeling.quality.agreement import project_agreement
from labeling.views.doors import SignedIn, page_of, posted, project_page
from rewardtrain import charts, tasks
from rewardtrain.automatic import auto_labels
from rewardtrain.forms import AutoLabelForm
from rewardtrain.models import AutoLabelJob
from rewardtrain.monitoring.model_agreement import agreement
from rewardtrain.registry import champions


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def index(request: SignedIn, project: Project) -> HttpResponse:
    """POST starts. While a job works, the part of the page that tells of it is asked for every two seconds."""
    if getattr(request, "htmx", False) and request.method == "GET":
        return progress(request, project)
    form = AutoLabelForm(posted(request))
    if form.is_bound and form.is_valid():
        try:
            auto_labels.request(project, threshold=form.probability(), by=request.user)
        except PodiumError as error:
            add_error(form, error)
        else:
            tasks.sweep_soon()
            return redirect("auto_labels", project.slug)
    return page(request, project, form)


def progress(request: SignedIn, project: Project) -> HttpResponse:
    job = active_job(project)
    if job is None:
        return HttpResponseClientRefresh()  # the rest of the page has changed too
    return render(request, "rewardtrain/automatic/_auto_progress.html", {"project": project, "job": job})


def page(request: SignedIn, project: Project, form: AutoLabelForm) -> HttpResponse:
    champion = champions.champion(project)
    context = {
        "project": project,
        "form": form,
        "champion": champion,
        "waiting": auto_labels.waiting(project, champion),
        "job": active_job(project),
        "page": page_of(request, project.auto_label_jobs.select_related("reward_model", "requested_by"), size=10),
        **beside_people(project, raw=request.GET.get("probabilities") == "raw"),
    }
    return render(request, "rewardtrain/automatic/auto_labels.html", context)


def beside_people(project: Project, *, raw: bool) -> dict[str, object]:
    model = auto_labels.newest_model(project)
    if model is None:
        return {}
    measured = agreement(project, model, threshold=auto_labels.threshold_of(model), raw=raw)
    people = project_agreement(project)
    return {
        "agreement": measured,
        "people": people,
        "shares": charts.beside_people(measured, people),
        "bands": charts.bands(measured.held_out) if measured.held_out else [],
        "reliability": charts.calibration(measured.held_out, raw=raw) if measured.held_out else [],
    }


def active_job(project: Project) -> AutoLabelJob | None:
    return project.auto_label_jobs.filter(state__in=AutoLabelJob.ACTIVE).select_related("reward_model").first()


@require_POST
@project_page(Role.MANAGER)
def cancel(request: SignedIn, project: Project, number: int) -> HttpResponse:
    job = get_object_or_404(project.auto_label_jobs.all(), number=number)
    try:
        auto_labels.cancel(job)
    except PodiumError as error:
        messages.error(request, error.detail)
    return redirect("auto_labels", project.slug)
