"""The web process, beat and a worker's parent stay small: torch is for the training process alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

STARTS = {
    "the web process": "import config.wsgi; import django.urls; django.urls.get_resolver().url_patterns",
    "a worker": (  # without asking the servers, which only a worker's process needs
        "from celery import signals; from config import celery; "
        "signals.import_modules.disconnect(celery.check_servers); celery.app.loader.import_default_modules()"
    ),
}


@pytest.mark.parametrize("process", STARTS)
def test_it_never_loads_torch(process: str) -> None:
    script = (
        f"{STARTS[process]}\n"
        "from django.apps import apps; assert apps.ready\n"
        "import sys; print(*[name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
