"""What a file is that waits to be started: said in one sentence, its first rows, its columns, and the start."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from formats.layouts import known
from labeling.data.importing import column_choices
from labeling.data.importing.background import import_drafts
from labeling.data.importing.import_preview import Preview
from labeling.data.importing.upload_layouts import title_of
from labeling.errors import PodiumError
from labeling.models import Import
from labeling.models.imports import DRAFT
from labeling.views.importing.first_rows import shown


def page(request: HttpRequest, job: Import) -> HttpResponse:
    layout = layout_of(request.GET)
    found, problem = None, ""
    try:
        found = import_drafts.look(job, layout=layout, chosen=request.GET.dict())
    except PodiumError as error:
        if elsewhere := _elsewhere(job):
            return elsewhere
        problem = error.detail
        found = _as_it_comes(job)
    context = {
        "project": job.project,
        "job": job,
        "found": found,
        "problem": problem or (found.problem if found else ""),
        "layouts": [(each.name, title_of(each)) for each in known.KNOWN],
        "layout": layout,
        "is_unknown": bool(found and not problem and found.is_unknown),
        **(_of(found, request.GET) if found else {}),
    }
    return render(request, "labeling/imports/preview/preview.html", context, status=422 if problem else 200)


def _elsewhere(job: Import) -> HttpResponse | None:
    """Leads to what became of it, where somebody has started or deleted it just now."""
    state = Import.objects.filter(pk=job.pk).values_list("state", flat=True).first()
    if state == DRAFT:
        return None
    if state is None:
        return redirect("imports", job.project.slug)
    return redirect("import", job.project.slug, job.number)


def layout_of(values: QueryDict) -> str:
    name = values.get("layout", "")
    return name if name in known.BY_NAME else ""


def _as_it_comes(job: Import) -> Preview | None:
    try:
        return import_drafts.look(job)
    except PodiumError:
        return None


def _of(found: Preview, asked: QueryDict) -> dict[str, object]:
    is_table = column_choices.is_table(found.found.layout) and bool(found.found.names)
    columns = column_choices.columns_of(found.found, found.example) if is_table else []
    return {
        "rows": shown(found.rows),
        "kinds": sorted(found.report.groups, key=lambda group: -group.count),
        "columns": columns,
        "purposes": column_choices.purposes_of(found.found) if is_table else [],
        "is_mapped": any(name.startswith(column_choices.FIELD) for name in asked),
    }
