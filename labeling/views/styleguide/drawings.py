"""Drawings that the style page shows besides labeling's own: an app above labeling adds them when it is ready."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Drawing:
    template: str
    context: dict[str, object]


_DRAWINGS: list[Drawing] = []


def drawings() -> list[Drawing]:
    return _DRAWINGS


def add_drawing(template: str, **context: object) -> None:
    """Shows the template among the charts, in both themes. Call it once, when the app is ready."""
    _DRAWINGS.append(Drawing(template, context))
