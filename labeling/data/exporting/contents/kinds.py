"""What an export can hold, and the table of each kind. A layout that a kind doesn't have is none of its library's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from django.utils.translation import gettext_lazy

from labeling.data.exporting.contents import rankings, rewrites, unpaired
from labeling.data.exporting.contents.layouts import CONVERSATIONAL, LAYOUTS, NEMO_RL, STANDARD
from labeling.data.exporting.contents.provenance import Provenance
from labeling.data.exporting.ranked_prompts import RankedPrompt
from labeling.data.exporting.tables import Table
from labeling.data.versions import datasets, frozen_rows

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from labeling.data.exporting.wanted import Checked


@dataclass(frozen=True)
class Kind:
    """words: for people to choose it by. table: None for pairs, which others than people make too."""

    words: StrOrPromise
    layouts: tuple[str, ...]
    table: Callable[[Iterator[RankedPrompt], Checked, Provenance], Table] | None = None
    has_flags: bool = False
    has_provenance: bool = True

    @property
    def is_pairs(self) -> bool:
        return self.table is None


def _rankings(prompts: Iterator[RankedPrompt], asked: Checked, origins: Provenance) -> Table:
    rests = frozen_rows.TOP_K[0] in frozen_rows.of_rankings(_schema(asked))
    return rankings.table(prompts, layout=asked.wanted.layout, origins=asked.shown(origins), rests=rests)


def _podium(prompts: Iterator[RankedPrompt], asked: Checked, origins: Provenance) -> Table:
    known = frozen_rows.of_rankings(_schema(asked))
    further = [column for column in (*frozen_rows.MORE, frozen_rows.TOP_K) if column[0] in known]
    as_objects = asked.wanted.file_format == "jsonl"
    return rankings.podium(prompts, origins=origins, as_objects=as_objects, further=further)


def _schema(asked: Checked) -> pa.Schema:
    """Gives the columns that a frozen version of what is asked has, or would have."""
    version = asked.wanted.version
    return frozen_rows.schema_of(asked.project) if version is None else datasets.schema_of(version)


def _flags(prompts: Iterator[RankedPrompt], asked: Checked, origins: Provenance) -> Table:
    return unpaired.flags(prompts, layout=asked.wanted.layout, origins=asked.shown(origins), names=asked.flags)


def _kto(prompts: Iterator[RankedPrompt], asked: Checked, origins: Provenance) -> Table:
    return unpaired.kto_of_ranks(prompts, layout=asked.wanted.layout, origins=asked.shown(origins))


def _kto_flags(prompts: Iterator[RankedPrompt], asked: Checked, origins: Provenance) -> Table:
    return unpaired.kto_of_flags(prompts, layout=asked.wanted.layout, origins=asked.shown(origins), names=asked.flags)


def _sft(prompts: Iterator[RankedPrompt], asked: Checked, origins: Provenance) -> Table:
    return unpaired.sft(prompts, layout=asked.wanted.layout, origins=asked.shown(origins))


def _edited(prompts: Iterator[RankedPrompt], asked: Checked, origins: Provenance) -> Table:
    return rewrites.table(prompts, layout=asked.wanted.layout, origins=asked.shown(origins), over_all=False)


def _edited_over_all(prompts: Iterator[RankedPrompt], asked: Checked, origins: Provenance) -> Table:
    return rewrites.table(prompts, layout=asked.wanted.layout, origins=asked.shown(origins), over_all=True)


_TRL = (STANDARD, CONVERSATIONAL)
KINDS = {
    "pairs": Kind(gettext_lazy("Pairs: chosen and rejected"), LAYOUTS),
    "dpo": Kind(gettext_lazy("Pairs for DPO: the same"), LAYOUTS),
    "edited": Kind(gettext_lazy("Rewrites as pairs: edited over chosen"), LAYOUTS, _edited),
    "edited-over-all": Kind(
        gettext_lazy("Rewrites as pairs: edited over chosen, and over rejected"), LAYOUTS, _edited_over_all
    ),
    "rankings": Kind(gettext_lazy("Rankings: all completions with their ranks"), (*_TRL, NEMO_RL), _rankings),
    "podium": Kind(
        gettext_lazy("Prompts with all rankings, to import them elsewhere"), (STANDARD,), _podium, has_provenance=False
    ),
    "flags": Kind(gettext_lazy("Flags of completions"), _TRL, _flags, has_flags=True),
    "kto": Kind(gettext_lazy("Good and bad completions, by their ranks (KTO)"), _TRL, _kto),
    "kto-flags": Kind(gettext_lazy("Good and bad completions, by flags (KTO)"), _TRL, _kto_flags, has_flags=True),
    "sft": Kind(gettext_lazy("The best completions (SFT)"), _TRL, _sft),
}
