"""The names of artifacts, which lie below one root whatever keeps them."""

from __future__ import annotations

import re

from django.core.exceptions import SuspiciousFileOperation

LONGEST = 200  # characters
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)


def checked(name: str) -> str:
    """Gives the name back. Raises SuspiciousFileOperation for one that leads elsewhere or could."""
    if len(name) > LONGEST or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise SuspiciousFileOperation(
            f"{name[:LONGEST]!r} is no artifact's name; it is of letters, digits and ._- with a slash between folders"
        )
    return name
