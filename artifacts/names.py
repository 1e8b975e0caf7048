"""The names of artifacts, which lie below one root whatever keeps them."""

from __future__ import annotations

import re

from django.core.exceptions import SuspiciousFileOperation

LONGEST = 200  # characters; a lock is a file of this name
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)


def checked(name: str) -> str:
    """Gives the name back. Raises SuspiciousFileOperation for one that leads elsewhere or could."""
    if len(name) > LONGEST or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise SuspiciousFileOperation(
            f"{name[:LONGEST]!r} is no artifact's name; it is of letters, digits and ._- with a slash between folders"
        )
    return name


def with_checksum(name: str, sha256: str) -> str:
    """Gives the name that no other content has: `00003.parquet` becomes `00003-0f3c....parquet`."""
    folder, slash, last = name.rpartition("/")
    stem, dot, suffix = last.partition(".")
    return f"{folder}{slash}{stem}-{sha256[:16]}{dot}{suffix}"


def content(name: str, sha256: str) -> str:
    """Names the object with a file of a folder. All folders of a project share them, so they go with the project."""
    return "/".join([*name.split("/")[:2], "files", sha256])
