"""What is answered where a page or an address fails for something that is not its own: handler500 of config/urls.py.

The API's own views answer by labeling/api/exceptions.py; this is for pages, and for what fails before any view.
"""

from __future__ import annotations

import sys

from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils.translation import gettext as _
from django.views.defaults import server_error

from labeling.api.exceptions import RETRY_SECONDS


def answer(request: HttpRequest) -> HttpResponse:
    """503 where the database is away, 400 for what it can't keep, else the usual 500. Asks no database."""
    match sys.exc_info()[1]:
        case OperationalError() | InterfaceError():
            words = _("The database can't be reached right now; try again in a moment.")
            response = _answer(request, "503.html", 503, ("server_error", "no_database", words))
            response.headers["Retry-After"] = str(RETRY_SECONDS)
            return response
        case DataError() | UnicodeEncodeError():
            words = _("Something in this request can't be stored: a text or a number is out of all bounds.")
            return _answer(request, "400.html", 400, ("validation_error", "unstorable", words))
    return server_error(request)


def _answer(request: HttpRequest, template: str, status: int, error: tuple[str, str, str]) -> HttpResponse:
    kind, code, detail = error
    if request.path_info.startswith("/api/"):
        body = {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}
        return JsonResponse(body, status=status)
    return HttpResponse(loader.render_to_string(template), status=status)
