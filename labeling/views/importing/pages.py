"""The list of a project's imports, to which files are sent, and the page of one."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from labeling.data.hub.names import read_fetched
from labeling.data.importing.background import bad_lines, import_drafts, import_files, import_jobs, import_progress
from labeling.data.importing.sample_files import samples
from labeling.errors import Invalid, PodiumError
from labeling.forms.data import HubForm, PromptsFileForm
from labeling.forms.errors import add_error
from labeling.models import Import, Project, Role
from labeling.models.imports import DRAFT
from labeling.views.doors import SignedIn, page_of, posted, project_page
from labeling.views.importing import previews

ACTS: dict[str, Callable[[Import], object]] = {
    "discard": import_jobs.discard,
    "pause": import_jobs.pause,
    "resume": import_jobs.resume,
    "cancel": import_jobs.cancel,
    "undo": import_jobs.undo,
}
LINES_SHOWN = 100  # one by one
GONE = "discarded"  # the code of what was deleted in another tab


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def index(request: SignedIn, project: Project) -> HttpResponse:
    names_a_dataset = "hub" in request.POST
    form = PromptsFileForm(None if names_a_dataset else posted(request), request.FILES or None)
    hub_form = HubForm(posted(request) if names_a_dataset else None)
    sent: PromptsFileForm | HubForm = hub_form if names_a_dataset else form
    if sent.is_bound and sent.is_valid():
        try:
            job = _asked_for(request, project, sent)
        except PodiumError as error:
            add_error(sent, error)
        else:
            return redirect("import", project.slug, job.number)
    rows = project.imports.select_related("requested_by").defer("errors")
    page = page_of(request, rows)
    context = {"project": project, "form": form, "hub_form": hub_form, "page": page, "samples": samples()}
    return render(request, "labeling/imports/imports.html", context, status=422 if sent.errors else 200)


def _asked_for(request: SignedIn, project: Project, sent: PromptsFileForm | HubForm) -> Import:
    if isinstance(sent, HubForm):
        return import_jobs.fetch(project, read_fetched(sent.cleaned_data["hub"]), by=request.user, start=False)
    return _receive(request, project, sent.cleaned_data["file"])


def _receive(request: SignedIn, project: Project, file: UploadedFile[bytes]) -> Import:
    received = import_files.receive(project, file)
    if not received.size:
        received.draft.unlink()
        raise Invalid("empty", _("There is no line in it."), attr="file")
    return import_jobs.receive(project, received, file_name=file.name or "", by=request.user, start=False)


@require_safe
@project_page(Role.MANAGER)
def sample(request: SignedIn, project: Project, layout: str) -> HttpResponseBase:
    """Gives a small file of a layout."""
    found = samples().get(layout)
    if found is None:
        raise Http404("no such layout")
    return FileResponse(
        found.path.open("rb"), as_attachment=True, filename=found.file_name, content_type=found.media_type
    )


@require_safe
@project_page(Role.MANAGER)
def detail(request: SignedIn, project: Project, number: int) -> HttpResponse:
    """Shows the page; while it works, the part of it that is asked for every two seconds; of a draft what it is."""
    job = import_of(project, number)
    if previews.is_part(request):  # else it was started in another tab
        is_draft = job.state == DRAFT
        return previews.page(request, job) if is_draft else previews.gone_to(request, "import", project.slug, number)
    polled = bool(getattr(request, "htmx", False))
    if polled and not job.is_active:
        return HttpResponseClientRefresh()  # the rest of the page has changed too
    if job.state == DRAFT:
        return previews.page(request, job)
    errors = import_progress.errors_of(job)
    context = {
        "project": project,
        "job": job,
        "progress": import_progress.progress_of(job),
        "what_it_is": import_progress.what_it_is(job),
        "acts": import_progress.acts_of(job),
        "of_the_rest": import_progress.of_the_rest(job),
        "kinds": import_progress.bad_kinds(errors),
        "errors": errors[:LINES_SHOWN],
    }
    part = "_fetching" if job.is_fetch else "_progress"
    return render(request, f"labeling/imports/{part if polled else 'import'}.html", context)


@require_POST
@project_page(Role.MANAGER)
def act(request: SignedIn, project: Project, number: int) -> HttpResponse:
    """Does what the button that was pressed says: start, or one of ACTS."""
    job, name = import_of(project, number), request.POST.get("act", "")
    if name == "start":
        return _start(request, job)
    if name not in ACTS:
        return HttpResponseBadRequest(f"act is one of start, {', '.join(ACTS)}".encode())
    try:
        ACTS[name](job)
    except PodiumError as error:
        messages.error(request, error.detail)
        return redirect("imports", project.slug) if error.code == GONE else redirect("import", project.slug, number)
    if name == "discard":
        messages.success(request, _("The file is deleted. Nothing of it went in."))
        return redirect("imports", project.slug)
    return redirect("import", project.slug, number)


def _start(request: SignedIn, job: Import) -> HttpResponse:
    """Starts a draft as its page showed it: the form has the choices that the page was asked for with."""
    here = redirect("import", job.project.slug, job.number)
    try:
        import_drafts.start(job, layout=previews.layout_of(request.POST), chosen=request.POST.dict())
    except PodiumError as error:
        messages.error(request, error.detail)
        if error.code == GONE:
            return redirect("imports", job.project.slug)
        asked = request.POST.copy()
        for name in ("csrfmiddlewaretoken", "act"):
            asked.pop(name, None)
        here["Location"] += f"?{asked.urlencode()}"
    return here


@require_safe
@project_page(Role.MANAGER)
def bad_lines_file(request: SignedIn, project: Project, number: int) -> HttpResponseBase:
    """Gives the bad lines, to be corrected and sent again."""
    job = import_of(project, number)
    file = bad_lines.opened(job)
    if file is None:
        raise Http404("no line of it was bad")
    return FileResponse(
        file, as_attachment=True, filename=bad_lines.file_name(job), content_type=bad_lines.media_type(job)
    )


def import_of(project: Project, number: int) -> Import:
    """Gives the project's import of this number. Raises Http404."""
    return get_object_or_404(project.imports.select_related("project", "requested_by"), number=number)
