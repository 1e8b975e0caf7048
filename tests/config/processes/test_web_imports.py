"""What a process loads at its start: the web process all that requests need, and nobody but a training torch."""

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
def test_it_never_loads_torch_and_what_a_bucket_needs_only_for_one(process: str) -> None:
    script = (
        f"{STARTS[process]}\n"
        "from django.apps import apps; assert apps.ready\n"
        "import sys; unwanted = ('torch', 'transformers', 'boto3', 'botocore', 'storages')\n"
        "print(*[name for name in unwanted if name in sys.modules])"
    )
    assert run(script).strip() == ""


def test_no_request_waits_for_modules_or_for_the_collector_to_look_through_them() -> None:
    script = (
        "import gc, sys; import config.wsgi; before = set(sys.modules); gc.collect(); young = len(gc.get_objects())\n"
        "import django.urls; django.urls.resolve('/api/v1/projects/p/assignments/next/')\n"
        "late = {name for name in set(sys.modules) - before if name.startswith('labeling')}\n"
        "print(young, gc.get_freeze_count(), *late)"
    )
    young, frozen, *late = run(script).split()
    assert int(young) < 2000 < 100_000 < int(frozen)
    assert late == []


def run(script: str) -> str:
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
