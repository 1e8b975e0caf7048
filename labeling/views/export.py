"""Downloading the pairs, and freezing a dataset version."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from labeling import datasets, exports
from labeling.errors import PodiumError
from labeling.forms import ExportForm
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, page_of, project_page


@require_safe
@project_page(Role.MANAGER)
def export(request: SignedIn, project: Project) -> HttpResponse:
    return _page(request, project, ExportForm(project))


@require_safe
@project_page(Role.MANAGER)
def download(request: SignedIn, project: Project) -> HttpResponseBase:
    form = ExportForm(project, request.GET)
    if not form.is_valid():
        return _page(request, project, form, status=422)
    try:
        body = exports.stream_pairs(project, **form.asked())
    except PodiumError as error:
        form.add_error(None, error.detail)
        return _page(request, project, form, status=422)
    response = StreamingHttpResponse(body, content_type=exports.content_type(form.asked()["file_format"]))
    name = exports.filename(project, **form.asked())
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
@project_page(Role.MANAGER)
def freeze(request: SignedIn, project: Project) -> HttpResponse:
    try:
        version = datasets.freeze(project, by=request.user)
    except PodiumError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, f"Version {version.number} is frozen, with {version.n_pairs:,} pairs.")
    return redirect("export", project.slug)


def _page(request: SignedIn, project: Project, form: ExportForm, *, status: int = 200) -> HttpResponse:
    context = {"project": project, "form": form, "page": page_of(request, project.dataset_versions.all(), size=20)}
    return render(request, "labeling/export.html", context, status=status)
