"""Where finished artifacts are published and read: the storage "models" of Django's settings.

Whoever makes one writes it on this machine first, below the same root, where work in progress stays: checkpoints,
metrics, logs, caches. What a row names is finished and never changes.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.core.files.storage import FileSystemStorage, storages

from artifacts.names import checked


def root() -> Path:
    """Gives the folder of this machine below which everything lies."""
    storage = storages["models"]
    assert isinstance(storage, FileSystemStorage)
    return Path(storage.path(""))


def work_path(name: str) -> Path:
    """Gives the place on this machine of what is being made. Raises SuspiciousFileOperation."""
    return root() / checked(name)


def local_copy(name: str, sha256: str = "") -> Path:
    """Gives the file of an artifact, whether it is there or not. Raises SuspiciousFileOperation."""
    return work_path(name)


def local_folder(name: str, manifest_sha256: str = "") -> Path:
    """Gives the folder of an artifact, whether it is there or not; it is finished once its manifest is there.

    Raises SuspiciousFileOperation.
    """
    return work_path(name)


def publish(draft: Path, name: str, sha256: str) -> str:
    """Makes the draft visible, all of it at once, and gives the name that it is read by. Raises OSError, and what was
    there is there then."""
    final = work_path(name)
    final.parent.mkdir(parents=True, exist_ok=True)
    os.replace(draft, final)
    return name
