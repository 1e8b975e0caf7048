"""What is named on a hub: owner/name, and of what is fetched its revision."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

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

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name


def check_name(text: str) -> str:
    """Gives the name back. Raises Invalid('hub_name')."""
    if not _NAME.fullmatch(text) or ".." in text or "--" in text or text.endswith((".git", ".", "-")):
        message = _("“%(name)s” is no name on a hub: write it as owner/name.")
        raise Invalid("hub_name", message % {"name": text[:200]}, attr="hub")
    return text


def read_fetched(text: str) -> Fetched:
    """Reads owner/name or owner/name@revision, behind hf: or not. Raises Invalid('hub_name')."""
    name, at, revision = text.strip().removeprefix(PREFIX).removeprefix("//").removeprefix("datasets/").partition("@")
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        message = _("“%(revision)s” is no revision: write a branch, a tag or a commit after the @.")
        raise Invalid("hub_name", message % {"revision": revision[:200]}, attr="hub")
    return Fetched(check_name(name), revision or None)
