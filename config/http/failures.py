"""What is answered where a page or an address fails for something that is not its own: handler500 of config/urls.py.

The API's own views answer by labeling/api/rest/exceptions.py; this is for pages, and for what fails before any view.
"""

from __future__ import annotations

import logging
import sys

from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.defaults import server_error

from artifacts.errors import Changed, Lost, StorageAway
from labeling.api.rest.exceptions import RETRY_SECONDS, artifact_words
from labeling.requests.early_answer import refused

logger = logging.getLogger(__name__)


def answer(request: HttpRequest) -> HttpResponse:
    """Answers 503 where the database is away, 400 for what it can't keep, else the usual 500. Asks no database."""
    match sys.exc_info()[1]:
        case OperationalError() | InterfaceError():
            message = _("The database can't be reached right now; try again in a moment.")
            return refused(
                request, 503, "no_database", message, kind="server_error", template="503.html", retry=RETRY_SECONDS
            )
        case StorageAway() | Lost() | Changed() as error:
            code = "no_storage" if isinstance(error, StorageAway) else "no_artifact"
            words = artifact_words(error)
            logger.error("%s", error)
            return refused(request, 503, code, words, kind="server_error", retry=RETRY_SECONDS)
        case DataError() | UnicodeEncodeError():
            message = _("Something in this request can't be stored: a text or a number is out of all bounds.")
            return refused(request, 400, "unstorable", message, kind="validation_error", template="400.html")
    return server_error(request)
