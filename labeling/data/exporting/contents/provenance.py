"""The columns that say where a row comes from. They stand after the others, and are the same for every layout.

Flags are JSON texts, as in frozen versions: their names are each project's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from labeling.data.exporting import pseudonyms
from labeling.data.exporting.pair_groups import Group, Origin, Pair
from labeling.data.exporting.ranked_prompts import Said
from labeling.data.exporting.tables import Columns
from labeling.models import DatasetVersion, Project

MODEL = "model"  # the source of what no person said

_PROMPT = {"prompt_id": pa.string(), "split": pa.string()}
_SIDES = {
    "chosen_id": pa.string(),
    "rejected_id": pa.string(),
    "chosen_model": pa.string(),
    "rejected_model": pa.string(),
}
_RANKING = {
    "ranking": pa.int64(),
    "labeler": pa.string(),
    "active_seconds": pa.float64(),
    "strength": pa.int32(),
    "source": pa.string(),
}
_OF_SIDES = {
    "rank_gap": pa.int32(),
    "chosen_position": pa.int32(),
    "rejected_position": pa.int32(),
    "chosen_flags": pa.string(),
    "rejected_flags": pa.string(),
}
_VERSION = {"version": pa.int32()}

PAIR: Columns = {**_PROMPT, **_SIDES, **_RANKING, **_OF_SIDES, **_VERSION}
MERGED: Columns = {**_PROMPT, **_SIDES, **_VERSION}
RANKING: Columns = {
    **_PROMPT,
    "completion_ids": pa.list_(pa.string()),
    "models": pa.list_(pa.string()),
    **_RANKING,
    "positions": pa.list_(pa.int32()),
    "flags": pa.string(),
    **_VERSION,
}
COMPLETION: Columns = {**_PROMPT, "completion_id": pa.string(), "model": pa.string(), **_VERSION}
JUDGED: Columns = {**COMPLETION, **_RANKING, "position": pa.int32(), "rank": pa.int32()}

Cells = tuple[Any, ...]
_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


class Provenance:
    """Says of rows of one export where they come from."""

    def __init__(self, project: Project, version: DatasetVersion | None) -> None:
        self.labeler: Callable[[Said], str] = pseudonyms.remembering(project, version)
        self._version = (None if version is None else version.number,)

    def of_pair(self, group: Group, pair: Pair) -> Cells:
        """Gives the cells of PAIR."""
        origin = _origin_of(group)
        places = pair.chosen, pair.rejected
        return (
            *self._begin(origin, places),
            *self._of_ranking(pair.said),
            *_of_sides(pair.said, places),
            *self._version,
        )

    def of_merged(self, group: Group, chosen: int, rejected: int) -> Cells:
        """Gives the cells of MERGED."""
        return (*self._begin(_origin_of(group), (chosen, rejected)), *self._version)

    def of_ranking(self, origin: Origin, said: Said) -> Cells:
        """Gives the cells of RANKING."""
        named = origin.id, origin.split, list(origin.ids), list(origin.models)
        positions = None if said.positions is None else list(said.positions)
        return (*named, *self._of_ranking(said), positions, _json(list(said.flags)), *self._version)

    def of_completion(self, origin: Origin, place: int) -> Cells:
        """Gives the cells of COMPLETION."""
        return (origin.id, origin.split, origin.ids[place], origin.models[place], *self._version)

    def of_judged(self, origin: Origin, said: Said, place: int) -> Cells:
        """Gives the cells of JUDGED."""
        position = None if said.positions is None else said.positions[place]
        return (*self.of_completion(origin, place), *self._of_ranking(said), position, said.ranks[place])

    def _begin(self, origin: Origin, places: tuple[int, int]) -> Cells:
        ids, models = ([named[place] for place in places] for named in (origin.ids, origin.models))
        return (origin.id, origin.split, *ids, *models)

    def _of_ranking(self, said: Said | None) -> Cells:
        if said is None:
            return (None, None, None, None, MODEL)
        return (said.id, self.labeler(said), said.active_seconds, said.strength, said.source)


def _of_sides(said: Said | None, places: Sequence[int]) -> Cells:
    if said is None:
        return (None,) * len(_OF_SIDES)
    chosen, rejected = places
    positions = (None, None) if said.positions is None else (said.positions[chosen], said.positions[rejected])
    flags = (_json(said.flags[place]) for place in places)
    return (said.ranks[rejected] - said.ranks[chosen], *positions, *flags)


def _origin_of(group: Group) -> Origin:
    assert group.origin is not None, "provenance is asked of texts alone"
    return group.origin
