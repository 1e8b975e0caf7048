"""A draft as the fields of the board's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling.board.cards import NO, YES


def fields_of_draft(draft: Mapping[str, Any] | None) -> dict[str, str]:
    """A draft as the form's fields. What it doesn't know it leaves out: a program may keep anything in a draft."""
    if not isinstance(draft, Mapping):
        return {}
    fields = {f"rank-{pk}": str(slot) for pk, slot in _items(draft, "ranks")}
    fields |= {f"note-{pk}": str(note) for pk, note in _items(draft, "notes")}
    for pk, flags in _items(draft, "flags"):
        if isinstance(flags, Mapping):
            fields |= {f"flag-{pk}-{name}": YES if value else NO for name, value in flags.items()}
    for name in ("comment", "strength", "active_seconds"):
        if draft.get(name):
            fields[name] = str(draft[name])
    return fields


def _items(draft: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    value = draft.get(name)
    return [(str(key), item) for key, item in value.items()] if isinstance(value, Mapping) else []
