"""What goes with a project, counted. Another package adds what is its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import ngettext_lazy

from labeling.models import Project
from labeling.projects import counters


@dataclass(frozen=True)
class Kind:
    """A sort of thing that a project has."""

    name: str  # for programs
    words: Promise  # "%(n)s prompts", which takes {"n": ...}
    count: Callable[[Project], int]


@dataclass(frozen=True)
class Content:
    """So many of a kind."""

    name: str
    n: int
    words: Promise


_KINDS: list[Kind] = [
    Kind("prompts", ngettext_lazy("%(n)d prompt", "%(n)d prompts", "n"), lambda p: counters.of(p).total.stored),
    Kind("rankings", ngettext_lazy("%(n)d ranking", "%(n)d rankings", "n"), lambda p: counters.of(p).total.rankings),
    Kind("members", ngettext_lazy("%(n)d member", "%(n)d members", "n"), lambda p: p.memberships.count()),
    Kind("imports", ngettext_lazy("%(n)d import", "%(n)d imports", "n"), lambda p: p.imports.count()),
    Kind(
        "versions",
        ngettext_lazy("%(n)d dataset version with its file", "%(n)d dataset versions with their files", "n"),
        lambda p: p.dataset_versions.count(),
    ),
]


def add(kind: Kind) -> None:
    """Counts another sort of thing from now on."""
    _KINDS.append(kind)


def contents_of(project: Project) -> list[Content]:
    """Counts what would go with the project, kind by kind."""
    return [Content(kind.name, kind.count(project), kind.words) for kind in _KINDS]


def in_words(counts: dict[str, int]) -> list[str]:
    """Says what a deletion counted, but for what there was none of."""
    return [str(kind.words % {"n": counts[kind.name]}) for kind in _KINDS if counts.get(kind.name)]
