"""A draft as the fields of the board's form, and the fields that a page from before an upgrade sends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from labeling.board import asks
from labeling.board.cards import NO, YES


def fields_of_draft(draft: object, *, first: str) -> dict[str, str]:
    """Gives a draft as the form's fields. What it doesn't know it leaves out: a program may keep anything in a draft.

    first: the id of the completion that is shown first.
    """
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
    return fields | asks.fields_of_draft(draft) | asks.compared_of_draft(draft, first)


def under_ids_of_today(data: QueryDict, former: Mapping[str, str]) -> QueryDict:
    """Gives the fields of a form, those of former ids renamed."""
    names = {name: _of_today(name, former) for name in data} if former else {}
    if all(name == today for name, today in names.items()):
        return data
    renamed = QueryDict(mutable=True)
    for name, today in names.items():
        renamed.setlist(today, data.getlist(name))
    return renamed


def _of_today(name: str, former: Mapping[str, str]) -> str:
    match = re.fullmatch(r"(rank|note|flag|rate)-(\d+)(-.*)?", name, re.ASCII | re.DOTALL)
    if match is None or match[2] not in former:
        return name
    return f"{match[1]}-{former[match[2]]}{match[3] or ''}"


def _items(draft: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    value = draft.get(name)
    return [(str(key), item) for key, item in value.items()] if isinstance(value, Mapping) else []
