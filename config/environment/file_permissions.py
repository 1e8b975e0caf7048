"""What Podium keeps is its own account's alone: folders 700, files 600.

The data directory itself may be passed through where root runs Podium, for PostgreSQL then has an account of its own
(config/servers/embedded.py), so everything in it is closed by itself.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

UMASK = 0o077
# Another account's (PostgreSQL's), sockets, and what is closed when it is made.
_NOT_OURS = frozenset({"postgres", "run", "valkey", "locks"})


def close_data(data_dir: Path, model_dir: Path) -> None:
    """Closes what an older Podium left open to others, and whatever is written from now on."""
    os.umask(UMASK)
    for path in sorted({*data_dir.iterdir(), model_dir}):
        if path.name not in _NOT_OURS:
            close(path)


def close(path: Path) -> None:
    """Takes every right from group and others, without following links. Another's file stays as it is."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if path.is_symlink():
            return
        mode = path.stat().st_mode & 0o7777
        if mode & UMASK:
            path.chmod(mode & ~UMASK)
        if path.is_dir():
            for entry in list(os.scandir(path)):
                close(Path(entry.path))
