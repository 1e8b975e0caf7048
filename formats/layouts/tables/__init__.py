"""Tables, whose columns are named by whoever made them: a column map says what each is for."""

from __future__ import annotations

from collections.abc import Sequence

from formats.layouts.layout import Columns, Layout
from formats.layouts.tables import long, wide
from formats.layouts.tables.columns import completed, labels_of, likely_wide

LAYOUTS: tuple[Layout, ...] = (
    wide.LAYOUT,
    long.LAYOUT,
)


def of_map(columns: Columns, names: Sequence[str]) -> Layout:
    """Tells which table somebody means who names its columns: a long one where no completion has a label."""
    has_labels = labels_of(completed(columns, likely_wide(tuple(names))))
    return long.LAYOUT if "completion" in columns or not has_labels else wide.LAYOUT
