"""What training libraries and services read and write: TRL, HH-RLHF, OpenAI."""

from __future__ import annotations

from formats.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = ()
