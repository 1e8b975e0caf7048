"""The Celery app: tasks live in each app's tasks.py, settings in settings.py under CELERY_."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


@signals.import_modules.connect
def check_servers(**sent: Any) -> None:
    """Asks the servers in a worker and in beat, before Celery loads anything else for this signal or takes over what
    they print.
    """
    from django.conf import settings

    from config.servers import preflight

    preflight.check(settings)
    from config.servers.deployment import host_state  # noqa: F401 — a worker answers it


app = Celery("podium")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
