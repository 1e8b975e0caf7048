"""What goes with a project, counted. Another package adds what is its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import ngettext_lazy

from labeling.judgements.phrases import whole
from labeling.models import Project
from labeling.projects import counters


@dataclass(frozen=True)
class Kind:
    """A sort of thing that a project has."""

    name: str  # for programs
    words: Promise  # "%(shown)s prompts", of {"n": how many, "shown": as it is written}
    count: Callable[[Project], int]


@dataclass(frozen=True)
class Content:
    """So many of a kind."""

    kind: Kind
    n: int

    def __str__(self) -> str:
        return str(self.kind.words % {"n": self.n, "shown": whole(self.n)})


_KINDS: list[Kind] = [
    Kind("prompts", ngettext_lazy("%(shown)s prompt", "%(shown)s prompts", "n"), lambda p: counters.of(p).total.stored),
    Kind(
        "rankings",
        ngettext_lazy("%(shown)s ranking", "%(shown)s rankings", "n"),
        lambda p: counters.of(p).total.rankings,
    ),
    Kind("members", ngettext_lazy("%(shown)s member", "%(shown)s members", "n"), lambda p: p.memberships.count()),
    Kind("imports", ngettext_lazy("%(shown)s import", "%(shown)s imports", "n"), lambda p: p.imports.count()),
    Kind(
        "versions",
        ngettext_lazy("%(shown)s dataset version with its file", "%(shown)s dataset versions with their files", "n"),
        lambda p: p.dataset_versions.count(),
    ),
]


def add(kind: Kind) -> None:
    """Counts another sort of thing from now on."""
    _KINDS.append(kind)


def contents_of(project: Project) -> list[Content]:
    """Counts what would go with the project, kind by kind."""
    return [Content(kind, kind.count(project)) for kind in _KINDS]


def in_words(counts: dict[str, int]) -> list[str]:
    """Says what a deletion counted, but for what there was none of."""
    return [str(Content(kind, counts[kind.name])) for kind in _KINDS if counts.get(kind.name)]
