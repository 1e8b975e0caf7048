"""The manifest of a folder that is an artifact: the file that is written last, and names all others by checksum."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import SuspiciousFileOperation

from artifacts.errors import Changed
from artifacts.names import checked

MANIFEST = "manifest.json"
_WRONG = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Part:
    """A file of the folder."""

    name: str
    bytes: int
    sha256: str


def parts_of(manifest: bytes, name: str) -> list[Part]:
    """Lists the files. Raises Changed for what is no manifest."""
    try:
        files = json.loads(manifest)["files"]
        parts = [Part(checked(file), int(about["bytes"]), about["sha256"]) for file, about in files.items()]
        if not all(_SHA256.fullmatch(part.sha256) and "/" not in part.name for part in parts):
            raise ValueError
    except (
        SuspiciousFileOperation,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise Changed(f"{name}/{MANIFEST} was changed: it is no manifest; restore it from a backup.") from error
    return parts


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, sha256: str, name: str) -> None:
    """Raises Changed where the file is not what `sha256` says."""
    if sha256 and (seen := sha256_of(path)) != sha256:
        raise Changed(
            f"{name} was changed: its sha256 is {seen[:16]}..., and was {sha256[:16]}... when it was made; restore it "
            "from a backup."
        )
