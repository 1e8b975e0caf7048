"""What is found by reading a version whole: its labelers, its difference to another one, its methods.

Answers are made while they are sent, outside the turn of the request (requests/turns.py): the first look at a million
prompts takes a minute, and the pages of everyone else wait for no such thing. The second is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation
from django.views.decorators.http import require_safe

from labeling.data.versions import difference as differences
from labeling.data.versions import facts
from labeling.data.versions import methods as written
from labeling.errors import PodiumError
from labeling.models import DatasetVersion, Project, Role
from labeling.views.doors import SignedIn, project_page
from labeling.views.versions.pages import version_of

LABELERS_SHOWN = 50


@require_safe
@project_page(Role.MANAGER)
def labelers(request: SignedIn, project: Project, number: int) -> HttpResponseBase:
    """Shows the part of a version's page that says who ranked it."""
    version = version_of(project, number)

    def found() -> dict[str, object]:
        all_facts = facts.facts_of(version)
        return {
            "facts": all_facts,
            "labelers": all_facts.labelers[:LABELERS_SHOWN],
            "n_others": max(0, len(all_facts.labelers) - LABELERS_SHOWN),
        }

    return _shown(request, "labeling/versions/_labelers.html", version, found)


@require_safe
@project_page(Role.MANAGER)
def difference(request: SignedIn, project: Project, number: int) -> HttpResponseBase:
    """Shows what it has that the version of ?to= hasn't: a part of the version's page, or a page of its own."""
    version = version_of(project, number)
    other = _other(project, version, request.GET.get("to", ""))
    is_part = bool(getattr(request, "htmx", False))

    def found() -> dict[str, object]:
        return {"other": other, "difference": differences.difference(other, version)}

    name = "_difference" if is_part else "difference"
    return _shown(request, f"labeling/versions/difference/{name}.html", version, found, {"other": other})


@require_safe
@project_page(Role.MANAGER)
def difference_lines(request: SignedIn, project: Project, number: int) -> HttpResponseBase:
    """Gives all of it as JSON Lines, a line for each prompt that isn't the same."""
    version = version_of(project, number)
    other = _other(project, version, request.GET.get("to", ""))
    try:
        found = differences.difference(other, version)
    except PodiumError as error:
        return HttpResponse(error.detail, status=503, content_type="text/plain; charset=utf-8")
    response = FileResponse(found.lines.open("rb"), content_type="application/x-ndjson")
    name = f"{project.slug}-v{other.number}-to-v{version.number}.jsonl"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@project_page(Role.MANAGER)
def methods(request: SignedIn, project: Project, number: int) -> HttpResponseBase:
    version = version_of(project, number)

    def found() -> dict[str, object]:
        return {"text": written.methods_of(version)}

    return _shown(request, "labeling/versions/methods.html", version, found)


def _other(project: Project, version: DatasetVersion, number: str) -> DatasetVersion:
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise Http404("?to= is the number of another version")
    return version_of(project, int(number))


def _shown(
    request: HttpRequest,
    template: str,
    version: DatasetVersion,
    found: Callable[[], Mapping[str, object]],
    context: Mapping[str, object] | None = None,
) -> StreamingHttpResponse:
    language = translation.get_language() or "en"

    def body() -> Iterator[str]:
        with translation.override(language):
            values = {"project": version.project, "version": version, **(context or {})}
            try:
                values |= found()
            except PodiumError as error:
                values |= {"error": error.detail, "is_busy": error.code == "being_made"}
            yield render_to_string(template, values, request)

    return StreamingHttpResponse(body())
