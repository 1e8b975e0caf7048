"""What published data sets look like, each a way of recording scores, battles or several annotators."""

from __future__ import annotations

from formats.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = ()
