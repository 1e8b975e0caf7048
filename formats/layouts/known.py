"""The layouts that are known, and which of them a file's first records have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from formats.layouts import labeling_tools, podium, published, tables, training
from formats.layouts.layout import Layout

LOOKED_AT = 50  # records

# A record is recognised by one of them alone, so their order says nothing but how people read the list. Each folder
# lists its own.
KNOWN: tuple[Layout, ...] = (
    podium.LAYOUT,
    *training.LAYOUTS,
    *published.LAYOUTS,
    *labeling_tools.LAYOUTS,
    *tables.LAYOUTS,
)
BY_NAME = {layout.name: layout for layout in KNOWN}


def recognise(records: Iterable[object]) -> Layout | None:
    """Tells the layout of most of the first records; None where none has one. Bad records say nothing."""
    seen = [record for record in islice(records, LOOKED_AT) if isinstance(record, Mapping)]
    counts = [(sum(map(layout.recognises, seen)), layout) for layout in KNOWN]
    most, layout = max(counts, key=lambda each: each[0])  # of equals the first
    return layout if most else None
