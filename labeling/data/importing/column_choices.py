"""What each column of a table can be, as somebody chooses it, and the map that the choices make."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from formats.layouts.layout import Layout
from formats.layouts.tables import long
from formats.layouts.tables.columns import labels_of
from formats.values import clipped, shown
from labeling.data.importing.upload_layouts import LaidOut
from labeling.errors import Invalid

MOST_COLUMNS = 60  # that are offered; further ones keep what their names say
MOST_LABELS = 10  # as many completions as a prompt of a project has
FIELD = "column-"


@dataclass(frozen=True)
class Column:
    """A column with a cell of it, and what it is for: one of the purposes, or ""."""

    field: str
    name: str
    example: str
    purpose: str


def is_table(layout: Layout | None) -> bool:
    """Tells whether columns say what is in it; of what nobody knows they may."""
    return layout is None or layout.check is not None


def columns_of(found: LaidOut, example: Mapping[str, object], refused: Mapping[str, str] | None = None) -> list[Column]:
    """Lists the columns of a table that was looked into. example: one of its records. refused: what was chosen and is
    no map, to be mended."""
    said, purposes = refused or {}, {column: purpose for purpose, column in found.columns.items()}
    return [
        Column(
            f"{FIELD}{place}",
            clipped(name),
            _cell(example.get(name)),
            said.get(f"{FIELD}{place}", purposes.get(name, "")),
        )
        for place, name in enumerate(found.names[:MOST_COLUMNS])
    ]


def _cell(value: object) -> str:
    return "" if value is None else clipped(value) if isinstance(value, str) else shown(value)


def purposes_of(found: LaidOut) -> list[tuple[str, list[tuple[str, str]]]]:
    """Lists what a column can be for, in groups: purposes with their words."""
    if found.layout is long.LAYOUT:
        task = [(purpose, words) for purpose, words in _common().items() if purpose in long.PURPOSES]
        return [(_("The task"), task), (_("A completion a row"), list(_of_long().items()))]
    common = [(_("The task"), list(_common().items()))]
    labels = _labels(found)
    words = {
        "completion": _("Completion %(label)s"),
        "rank": _("Rank of %(label)s"),
        "score": _("Score of %(label)s"),
        "model": _("Model of %(label)s"),
    }
    wide = [(f"{kind}_{label}", said % {"label": label.upper()}) for kind, said in words.items() for label in labels]
    groups = [*common, (_("Completions side by side"), wide)]
    return groups if found.layout else [*groups, (_("A completion a row"), list(_of_long().items()))]


def _common() -> dict[str, str]:
    return {
        "prompt": _("Prompt"),
        "input": _("Input to the prompt"),
        "system": _("System message"),
        "id": _("Id"),
        "labeler": _("Who ranked"),
        "winner": _("Which is better"),
        "strength": _("How much better"),
        "split": _("Split"),
        "tags": _("Tags"),
    }


def _of_long() -> dict[str, str]:
    return {"completion": _("Completion"), "rank": _("Rank"), "score": _("Score"), "model": _("Model")}


def _labels(found: LaidOut) -> list[str]:
    """Gives the labels that the table has, and letters for as many more as it has columns."""
    offered = set(found.names[:MOST_COLUMNS])
    labels = labels_of(purpose for purpose, column in found.columns.items() if column in offered)
    most = min(MOST_LABELS, max(2, len(found.names)))
    return [*labels, *(letter for letter in string.ascii_lowercase if letter not in labels)][: max(most, len(labels))]


def map_of(found: LaidOut, chosen: Mapping[str, str]) -> dict[str, str]:
    """Makes a map of what was chosen for each column. Raises Invalid where two are said to be the same."""
    columns: dict[str, str] = {}
    offered = found.names[:MOST_COLUMNS]
    for place, name in enumerate(offered):
        purpose = chosen.get(f"{FIELD}{place}", "")
        if purpose and purpose in columns:
            message = _("“%(one)s” and “%(other)s” are both said to be “%(purpose)s”: choose one of them.")
            purpose_words = clipped(_words_of(found, purpose))
            said = {"one": clipped(columns[purpose]), "other": clipped(name), "purpose": purpose_words}
            raise Invalid("bad_map", message % said, attr="map")
        if purpose:
            columns[purpose] = name
    left = {purpose: "" for purpose, name in found.columns.items() if name in offered and purpose not in columns}
    return {**left, **columns}


def _words_of(found: LaidOut, purpose: str) -> str:
    return next(
        (words for _group, options in purposes_of(found) for name, words in options if name == purpose), purpose
    )
