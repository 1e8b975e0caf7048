"""Tables, whose columns are named by whoever made them: a column map says what each is for."""

from __future__ import annotations

from formats.layouts.layout import Layout
from formats.layouts.tables import long, wide

LAYOUTS: tuple[Layout, ...] = (
    wide.LAYOUT,
    long.LAYOUT,
)
