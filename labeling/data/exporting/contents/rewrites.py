"""Rewrites as pairs: what a labeler made of the best completion over that one, and over the others where asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labeling.data.exporting.contents import pairs
from labeling.data.exporting.contents.provenance import Provenance
from labeling.data.exporting.pair_groups import Group, Origin, Pair, origin_of
from labeling.data.exporting.ranked_prompts import RankedPrompt, Said
from labeling.data.exporting.tables import Table

NOBODY = ""  # of a model: a labeler wrote it


def table(prompts: Iterable[RankedPrompt], *, layout: str, origins: Provenance | None, over_all: bool) -> Table:
    """Lays edited texts out as chosen over the completion that was edited; over_all: over each that was ranked."""
    groups = (group for prompt in prompts for group in _groups(prompt, over_all=over_all))
    return pairs.table(groups, layout=layout, columns={}, origins=origins)


def _groups(prompt: RankedPrompt, *, over_all: bool) -> Iterator[Group]:
    """Yields one for each rewrite: its text stands behind those of the prompt, and what is asked of it beside it."""
    ids, texts, models = prompt.completions
    for said in prompt.rankings:
        if rewrite := said.more.get("rewrite"):
            place = len(texts)
            of = ids.index(rewrite["of"])
            rejected = sorted(range(place), key=lambda each: (said.ranks[each], each)) if over_all else [of]
            origin = origin_of(prompt)
            wider = Origin(origin.id, origin.split, [*ids, f"{rewrite['of']}-edited"], [*models, NOBODY])
            with_it = _with_a_place(said)
            made = [Pair(place, each, (), with_it) for each in rejected]
            yield Group(prompt.messages, [*texts, rewrite["text"]], made, wider)


def _with_a_place(said: Said) -> Said:
    """Gives the ranking with the edited text before all others."""
    positions = None if said.positions is None else [*said.positions, None]
    return said._replace(ranks=(*said.ranks, 0), flags=[*said.flags, {}], positions=positions)
