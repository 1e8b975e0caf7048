"""Tables, whose columns are named by whoever made them: a column map says what each is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from formats.layouts.layout import Columns, Layout
from formats.layouts.tables import long, wide
from formats.layouts.tables.columns import completed, labels_of, likely_long, likely_wide

LAYOUTS: tuple[Layout, ...] = (
    wide.LAYOUT,
    long.LAYOUT,
)


def of_map(columns: Columns, names: Sequence[str]) -> Layout | None:
    """Tells which table somebody means who names its columns: a long one where no completion has a label, and None
    where nothing is said to be a completion yet."""
    if "completion" in columns:
        return long.LAYOUT
    if labels_of(completed(columns, likely_wide(tuple(names)))):
        return wide.LAYOUT
    return long.LAYOUT if "completion" in completed(columns, likely_long(tuple(names))) else None


def by_names(records: Sequence[Mapping[str, object]]) -> Layout | None:
    """Tells by the columns' names alone that somebody meant a wide table, whose cells are then refused one by one."""
    return wide.LAYOUT if any(map(wide.is_named_so, records)) else None


def meant(layout: Layout | None, columns: Columns, names: Sequence[str]) -> dict[str, str]:
    """Gives what columns are for, as somebody said and as their names say; of no table nothing. layout: None where
    nobody knows yet what it is."""
    if layout is not None and layout not in LAYOUTS:
        return {}
    likely = likely_long if layout is long.LAYOUT else likely_wide
    return completed(columns, likely(tuple(names)))
