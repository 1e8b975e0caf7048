"""What other labeling tools export."""

from __future__ import annotations

from formats.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = ()
