"""Downloading the pairs, and freezing a dataset version."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from formats import zips
from labeling.data.exporting import dataset_folder, exports, preview
from labeling.data.versions import datasets
from labeling.errors import PodiumError
from labeling.forms.exports import ExportForm
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, project_page


@require_safe
@project_page(Role.MANAGER)
def export(request: SignedIn, project: Project) -> HttpResponse:
    """Shows what can be downloaded, and of what is chosen how many rows it has and the first ones."""
    return _page(request, project, ExportForm(project, request.GET if "format" in request.GET else None))


@require_safe
@project_page(Role.MANAGER)
def download(request: SignedIn, project: Project) -> HttpResponseBase:
    form = ExportForm(project, request.GET)
    if not form.is_valid():
        return _page(request, project, form, status=422)
    try:
        wanted = form.wanted()
        body = exports.stream(project, wanted)
    except PodiumError as error:
        form.add_error(None, error.detail)
        return _page(request, project, form, status=422)
    response = StreamingHttpResponse(body, content_type=exports.content_type(wanted))
    response["Content-Disposition"] = f'attachment; filename="{exports.filename(project, wanted)}"'
    return response


@require_safe
@project_page(Role.MANAGER)
def folder(request: SignedIn, project: Project, number: int) -> HttpResponseBase:
    """Gives a frozen version as a Hugging Face dataset folder, in a zip."""
    version = get_object_or_404(project.dataset_versions.select_related("project"), number=number)
    try:
        leaving = dataset_folder.folder_of(version, request.GET.get("split"))
    except PodiumError as error:
        messages.error(request, error.detail)
        return redirect("export", project.slug)
    response = StreamingHttpResponse(leaving.stream(), content_type=zips.CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{leaving.filename}"'
    return response


@require_POST
@project_page(Role.MANAGER)
def freeze(request: SignedIn, project: Project) -> HttpResponse:
    try:
        version, is_new = datasets.freeze_or_find(project, by=request.user)
    except PodiumError as error:
        messages.error(request, error.detail)
        return redirect("versions", project.slug)
    if not is_new:
        message = _("Nothing new since version %(number)s, so there is no further one: it holds all that is ranked.")
        messages.info(request, message % {"number": version.number})
    else:
        message = ngettext(
            "Version %(number)s is frozen, with %(pairs)s pair.",
            "Version %(number)s is frozen, with %(pairs)s pairs.",
            version.n_pairs,
        )
        shown = number_format(version.n_pairs, force_grouping=True)
        messages.success(request, message % {"number": version.number, "pairs": shown})
    return redirect("version", project.slug, version.number)


def _page(request: SignedIn, project: Project, form: ExportForm, *, status: int = 200) -> HttpResponse:
    context: dict[str, object] = {"project": project, "form": form}
    if not form.is_bound or form.is_valid():
        try:
            context["preview"] = preview.preview(project, form.wanted())
        except PodiumError as error:
            context["no_preview"] = error.detail
    return render(request, "labeling/data/export.html", context, status=status)
