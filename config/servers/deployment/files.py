"""Where models and dataset versions are kept: can this process write there, and is there room."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from config.environment.variables import WrongSetting, text
from config.servers import preflight
from config.servers.deployment.finding import Said, error, warning

LEAST_FREE = 2 * 10**9
MARK = ".deployment-"  # and some letters: a file that is there for a moment


def look() -> Iterator[Said]:
    if text("PODIUM_STORAGE"):
        try:
            preflight.ask_storage(settings)
        except WrongSetting as wrong:
            yield error(str(wrong).removeprefix("podium: "))
    folder = Path(settings.MODEL_DIR)
    try:
        with marked():
            free = shutil.disk_usage(folder).free
    except OSError as away:
        yield error(
            f"PODIUM_MODEL_DIR ({folder}) can't be written ({away.strerror}): give the user {os.geteuid()} the right."
        )
        return
    if free < LEAST_FREE:
        yield warning(f"On the disk of PODIUM_MODEL_DIR ({folder}) {free / 1e9:.1f} GB are free: a model needs more.")


@contextlib.contextmanager
def marked() -> Iterator[str]:
    """Puts a file into the folder, by whose name another machine can tell that it sees the same one. Raises OSError."""
    folder, name = Path(settings.MODEL_DIR), secrets.token_hex(16)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{MARK}{name}"
    path.touch(mode=0o600)
    try:
        yield name
    finally:
        path.unlink(missing_ok=True)
