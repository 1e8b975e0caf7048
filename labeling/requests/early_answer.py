"""How a request is refused outside of any view: in the API's shape, as the board's script reads it, or as a page."""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation


def refused(
    request: HttpRequest,
    status: int,
    code: str,
    detail: str,
    *,
    kind: str = "client_error",
    template: str = "",
    retry: int | None = None,
) -> HttpResponse:
    """template: the page, given `detail`; without one a page that asks no database and is drawn once a sentence.

    retry: seconds, for Retry-After.
    """
    if request.path_info.startswith("/api/"):
        error = {"code": code, "detail": detail, "attr": None}
        response: HttpResponse = JsonResponse({"type": kind, "errors": [error]}, status=status)
    elif "X-Requested-With" in request.headers:
        response = JsonResponse({"detail": detail}, status=status)
    elif template:
        response = render(request, template, {"detail": detail}, status=status)
    else:
        response = HttpResponse(_busy(detail, translation.get_language()), status=status)
    if retry is not None:
        response["Retry-After"] = str(retry)
    return response


@lru_cache(maxsize=32)
def _busy(detail: str, language: str | None) -> str:
    return render_to_string("busy.html", {"detail": detail})
