"""What the web server calls (config/processes/web.py)."""

import gc
import os
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from config.environment.file_permissions import UMASK
from config.http.unread_bodies import Application, closing_after_unread
from config.processes.supervisor import SUPERVISED
from jobs.parent_death import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

if SUPERVISED in os.environ:  # a worker of Granian's main process, which is killed outright when the supervisor is
    die_with_parent()

os.umask(UMASK)


def below(path: str, application: Application) -> Application:
    """Answers below `path` too, so that a proxy may strip it or leave it. No address of ours begins as `path` does."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        asked = environ.get("PATH_INFO", "")
        if path and (asked == path or asked.startswith(f"{path}/")):
            environ["PATH_INFO"] = asked[len(path) :] or "/"
        return application(environ, start_response)

    return answer


def load() -> Application:
    """Loads all that requests need, and keeps Python's collector from it.

    These 160,000 objects stay as long as the process: looking through them for cycles stopped every request for 80 ms,
    once in about 500 labels.
    """
    application = get_wsgi_application()
    _views = get_resolver().url_patterns  # their modules are imported here, not by whoever asks first
    gc.collect()
    gc.freeze()
    return application


application = closing_after_unread(below(settings.PATH, load()))
