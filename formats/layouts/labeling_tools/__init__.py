"""What other labeling tools export."""

from __future__ import annotations

from formats.layouts.labeling_tools import argilla, label_studio, potato
from formats.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = (
    argilla.LAYOUT,
    label_studio.LAYOUT,
    potato.LAYOUT,
)
