"""Best-of-N: the uploads, and of one its progress, what choosing by reward gains, and the file."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from labeling.data.importing import upload_lines
from labeling.errors import PodiumError
from labeling.forms.data import UploadForm
from labeling.forms.errors import add_error
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, page_of, posted, project_page
from rewardtrain import charts, tasks
from rewardtrain.automatic import best_of
from rewardtrain.models import BestOfJob
from rewardtrain.registry import champions


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def index(request: SignedIn, project: Project) -> HttpResponse:
    form = UploadForm(posted(request), request.FILES or None)
    if form.is_bound and form.is_valid():
        try:
            job = best_of.request(project, upload_lines.lines_of(form.cleaned_data["file"]), by=request.user)
        except PodiumError as error:
            add_error(form, error)
        else:
            tasks.sweep_soon()
            return redirect("best_of_job", project.slug, job.number)
    context = {
        "project": project,
        "form": form,
        "champion": champions.champion(project),
        "page": page_of(request, project.best_of_jobs.select_related("reward_model", "requested_by")),
    }
    return render(request, "rewardtrain/automatic/best_of.html", context)


@require_safe
@project_page(Role.MANAGER)
def detail(request: SignedIn, project: Project, number: int) -> HttpResponse:
    """Shows the page; and while the job works, the part of it that is asked for every two seconds."""
    job = get_object_or_404(project.best_of_jobs.select_related("reward_model"), number=number)
    active = job.state in BestOfJob.ACTIVE
    polled = bool(getattr(request, "htmx", False))
    if polled and not active:
        return HttpResponseClientRefresh()  # the rest of the page has changed too
    context = {
        "project": project,
        "job": job,
        "active": active,
        "gains": charts.gains(job.report) if job.report else None,
        "doubts": charts.doubts(job),
    }
    return render(
        request,
        "rewardtrain/automatic/_best_of_progress.html" if polled else "rewardtrain/automatic/best_of_job.html",
        context,
    )


@require_safe
@project_page(Role.MANAGER)
def download(request: SignedIn, project: Project, number: int) -> HttpResponseBase:
    job = get_object_or_404(project.best_of_jobs.select_related("project", "reward_model"), number=number)
    try:
        result = best_of.result(job)
    except PodiumError as error:
        messages.error(request, error.detail)
        return redirect("best_of_job", project.slug, number)
    response = StreamingHttpResponse(result, content_type=best_of.CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{best_of.filename(job)}"'
    return response


@require_POST
@project_page(Role.MANAGER)
def cancel(request: SignedIn, project: Project, number: int) -> HttpResponse:
    job = get_object_or_404(project.best_of_jobs.all(), number=number)
    try:
        best_of.cancel(job)
    except PodiumError as error:
        messages.error(request, error.detail)
    return redirect("best_of_job", project.slug, number)
