"""A prompt's rankings side by side, as its page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from labeling.answers.side_by_side import Place, Said, SideBySide, side_by_side
from labeling.board.said_more import SaidMore, ratings_in_words, said_more
from labeling.board.sentences import STRENGTHS
from labeling.models import Assignment, Completion, Project, Prompt, Ranking

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Cell:
    """words: the rank, with = where it is a tie, or that it was not ranked; empty of a text alone.

    letter: under which the person saw it.
    """

    words: str
    letter: str
    differs: bool
    flags: list[str]
    note: str
    ratings: list[str]


@dataclass(frozen=True)
class Row:
    ranking: Ranking
    strength: StrOrPromise
    cells: list[Cell]
    more: SaidMore


@dataclass(frozen=True)
class Sides:
    rows: list[Row]
    skips: Sequence[Assignment]
    n: int
    agreed: int
    has_more: bool

    @property
    def has_differences(self) -> bool:
        return any(cell.differs for row in self.rows for cell in row.cells)


def sides_of(prompt: Prompt, completions: Sequence[Completion]) -> Sides:
    texts = {each.pk: (str(each.position + 1), each.text) for each in completions}
    found: SideBySide = side_by_side(prompt, [completion.pk for completion in completions])
    return Sides(
        rows=[_row(said, prompt.project, texts) for said in found.said],
        skips=found.skips,
        n=found.n,
        agreed=found.agreed,
        has_more=found.has_more,
    )


def _row(said: Said, project: Project, texts: Mapping[int, tuple[str, str]]) -> Row:
    strength = dict(STRENGTHS).get(said.ranking.strength or 0, "")
    attributes = [place.attributes for place in said.places]
    cells = [_cell(place, project, attributes, alone=len(said.places) == 1) for place in said.places]
    return Row(said.ranking, strength, cells, said_more(said.ranking, project, said.places, texts))


def _rank_in_words(place: Place) -> str:
    if place.is_of_the_rest:
        return _("rest")
    return f"{place.rank} =" if place.is_tied else str(place.rank)


def _cell(place: Place, project: Project, attributes: Sequence[Mapping[str, int]], *, alone: bool) -> Cell:
    labels = {flag["name"]: flag["label"] for flag in project.flags}
    return Cell(
        words="" if alone else _rank_in_words(place),
        letter="" if alone or place.position is None else ascii_uppercase[place.position],
        differs=place.differs,
        flags=project.judgement.flags_in_words(place.flags, labels),
        note=place.note,
        ratings=ratings_in_words(place.attributes, project, attributes),
    )
