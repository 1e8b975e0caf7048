"""What is named on a hub: owner/name, and of what is fetched its revision."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labeling.errors import Invalid

PREFIX = "hf:"
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_NAME = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")


@dataclass(frozen=True)
class Fetched:
    """A dataset on a hub. revision: a branch, tag or commit; None is the newest."""

    name: str
    revision: str | None = None


def check_name(text: str) -> str:
    """Gives the name back. Raises Invalid('hub_name')."""
    if not _NAME.fullmatch(text) or ".." in text or "--" in text or text.endswith((".git", ".", "-")):
        raise Invalid("hub_name", f"{text[:200]!r} is no name on a hub: write it as owner/name.")
    return text


def read_fetched(text: str) -> Fetched:
    """Reads hf:owner/name or hf:owner/name@revision. Raises Invalid('hub_name')."""
    name, at, revision = text.removeprefix(PREFIX).removeprefix("//").removeprefix("datasets/").partition("@")
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise Invalid("hub_name", f"{revision[:200]!r} is no revision: write a branch, a tag or a commit after the @.")
    return Fetched(check_name(name), revision or None)
