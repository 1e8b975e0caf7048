"""What a task asks beyond its order, as its project is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labeling.models import Project

FURTHEST = 3  # of a comparison, to either side
MOST_RANKED = 6  # of so many completions all are ranked, whatever a project asks


@dataclass(frozen=True)
class Attribute:
    """A rating of each completion from 1 to `scale`, or a comparison of two from -3 to 3, whose scale is 0."""

    name: str
    label: str
    scale: int
    low: str = ""
    high: str = ""

    @property
    def is_comparison(self) -> bool:
        return not self.scale


@dataclass(frozen=True)
class Asked:
    """What is asked for, and what of it an answer can't go without. Nothing is asked by default."""

    acceptable: bool = False
    reasons: Sequence[Mapping[str, str]] = ()
    justification: str = "off"
    attributes: tuple[Attribute, ...] = ()
    rewrite: bool = False
    top_k: int = 0  # so many at least are ranked, and the rest may be left below them; 0: all are
    is_complete: bool = True  # without: what is missing is no error, as of an answer from before it was asked

    @classmethod
    def of(cls, project: Project, k: int) -> Asked:
        """Gives what a project asks of k completions: what compares two asks nothing of others."""
        attributes = tuple(
            Attribute(each["name"], each["label"], each.get("scale", 0), each.get("low", ""), each.get("high", ""))
            for each in project.attributes
        )
        return cls(
            acceptable=project.ask_acceptable and k > 1,
            reasons=tuple(project.ask_reasons),
            justification=project.justification,
            rewrite=project.ask_rewrite != "off" and k > 1,
            top_k=project.top_k if k > max(MOST_RANKED, project.top_k) else 0,
            attributes=tuple(each for each in attributes if k == 2 or not each.is_comparison),
        )

    @property
    def ratings(self) -> tuple[Attribute, ...]:
        return tuple(each for each in self.attributes if not each.is_comparison)

    @property
    def comparisons(self) -> tuple[Attribute, ...]:
        return tuple(each for each in self.attributes if each.is_comparison)

    def as_far_as_said(self) -> Asked:
        """Asks for the same, but takes an answer without it, and one that left a rest unranked."""
        return replace(self, is_complete=False, top_k=1)
