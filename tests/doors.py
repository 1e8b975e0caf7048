"""Every address of the site, found by walking the URL configuration, so that a new one can't be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse


@dataclass(frozen=True)
class Door:
    name: str  # with its namespace, such as labeling_api:prompts
    parts: tuple[str, ...]  # what its address is made with, such as slug
    view: Callable[..., Any]

    @property
    def verbs(self) -> tuple[str, ...]:
        """Those of an API door; a page takes GET or POST or both, and says so itself."""
        view = getattr(self.view, "cls", None)
        return ("get", "post") if view is None else tuple(v for v in VERBS if hasattr(view, v))

    def address(self, values: Mapping[str, object]) -> str:
        return reverse(self.name, kwargs={part: values[part] for part in self.parts})


VERBS = ("get", "post", "put", "patch", "delete")
OTHERS = ("admin:",)  # Django's own, for administrators
NOT_OURS = ("account_", "mfa_", "healthz", "readyz", "metrics", "job_door")  # what shows people nothing of a project
# Pages of which htmx asks for a part.
PARTS = ("auto_labels", "best_of_job", "import", "playground", "run", "version_difference")


def doors() -> list[Door]:
    return [door for door in _walk(get_resolver(), ()) if not door.name.startswith(OTHERS)]


def _walk(resolver: URLResolver, space: tuple[str, ...]) -> Iterator[Door]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            if pattern.name:  # else it only sends on to another address
                parts = tuple(pattern.pattern.regex.groupindex)
                yield Door(":".join((*space, pattern.name)), parts, pattern.callback)
        else:
            yield from _walk(pattern, (*space, pattern.namespace) if pattern.namespace else space)
