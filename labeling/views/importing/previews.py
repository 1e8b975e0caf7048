"""What a file is that waits to be started: said in one sentence, its first rows, its columns, and the start."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django_htmx.http import HttpResponseClientRedirect

from formats.layouts import known
from labeling.data.importing import column_choices
from labeling.data.importing.background import import_drafts
from labeling.data.importing.import_preview import Preview
from labeling.data.importing.upload_layouts import title_of
from labeling.errors import PodiumError
from labeling.models import Import
from labeling.models.imports import DRAFT
from labeling.views.importing.first_rows import shown

PART = "looked"  # the id of what htmx puts in place of itself when a choice is changed


def page(request: HttpRequest, job: Import) -> HttpResponse:
    """Shows what its beginning is, read as the address says; htmx takes the part of it that changes."""
    layout = layout_of(request.GET)
    found, problem = None, ""
    try:
        found = import_drafts.look(job, layout=layout, chosen=request.GET.dict())
    except PodiumError as error:
        if elsewhere := _elsewhere(request, job):
            return elsewhere
        problem = error.detail
        found = _as_it_comes(job)
    context = {
        "project": job.project,
        "job": job,
        "found": found,
        "problem": problem or (found.problem if found else ""),
        "is_part": is_part(request),
        "layouts": [(each.name, title_of(each)) for each in known.KNOWN],
        "layout": layout,
        "is_unknown": bool(found and not problem and found.is_unknown),
        **(_of(found, request.GET, is_refused=bool(problem)) if found else {}),
    }
    status = 422 if problem and not is_part(request) else 200  # htmx shows nothing of a refusal
    return render(request, "labeling/imports/preview/preview.html", context, status=status)


def is_part(request: HttpRequest) -> bool:
    """Tells whether a choice was changed on a page that is open."""
    htmx = getattr(request, "htmx", None)
    return bool(htmx) and getattr(htmx, "target", None) == PART


def _elsewhere(request: HttpRequest, job: Import) -> HttpResponse | None:
    """Leads to what became of it, where somebody has started or deleted it just now."""
    state = Import.objects.filter(pk=job.pk).values_list("state", flat=True).first()
    if state == DRAFT:
        return None
    if state is None:
        return gone_to(request, "imports", job.project.slug)
    return gone_to(request, "import", job.project.slug, job.number)


def gone_to(request: HttpRequest, name: str, *parts: object) -> HttpResponse:
    """Leads to another page. htmx would follow a redirect itself and look for its part there."""
    there = redirect(name, *parts)
    return HttpResponseClientRedirect(there.url) if is_part(request) else there


def layout_of(values: QueryDict) -> str:
    name = values.get("layout", "")
    return name if name in known.BY_NAME else ""


def _as_it_comes(job: Import) -> Preview | None:
    try:
        return import_drafts.look(job)
    except PodiumError:
        return None


def _of(found: Preview, asked: QueryDict, *, is_refused: bool) -> dict[str, object]:
    is_table = column_choices.is_table(found.found.layout) and bool(found.found.names)
    refused = {name: str(value) for name, value in asked.items()} if is_refused else None
    columns = column_choices.columns_of(found.found, found.example, refused) if is_table else []
    return {
        "rows": shown(found.rows),
        "kinds": sorted(found.report.groups, key=lambda group: -group.count),
        "columns": columns,
        "purposes": column_choices.purposes_of(found.found) if is_table else [],
        "is_mapped": any(name.startswith(column_choices.FIELD) for name in asked),
    }
