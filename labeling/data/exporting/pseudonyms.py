"""What stands for a person in a file: the same in a project for ever, and nobody's name.

It is keyed by the site's secret, so that hashing all likely names finds nobody. An imported labeler whose name is a
pseudonym already keeps it, so that what one project exports and another imports says the same people apart, wherever
it is exported again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from django.utils.crypto import salted_hmac

from labeling.models import Project

_SALT = "labeling.data.exporting.pseudonyms"
_PSEUDONYM = re.compile(r"labeler-[0-9a-f]{16}")


def of(project: Project, username: str, *, is_imported: bool) -> str:
    """Gives a labeler's pseudonym in a project. Another username, which an administrator may give, is another one."""
    name = re.split(r"[@#]", username, maxsplit=1)[0]
    if is_imported and _PSEUDONYM.fullmatch(name):
        return name
    digest = salted_hmac(_SALT, f"{project.pk}/{username}", algorithm="sha256").hexdigest()
    return f"labeler-{digest[:16]}"


def remembering(project: Project) -> Callable[[str, bool], str]:
    """Gives `of` for one export, which asks for the same few people again and again."""

    @lru_cache(maxsize=4096)
    def pseudonym(username: str, is_imported: bool) -> str:
        return of(project, username, is_imported=is_imported)

    return pseudonym
