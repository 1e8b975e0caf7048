"""What a line of metrics.jsonl may say: a job of a cluster writes it, so it may be anything, and pages show it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

LARGEST_LINE = 2**20  # bytes
MOST = 2**31 - 1  # of a column of whole numbers
MOST_BYTES = 2**63 - 1
LONGEST, DEEPEST, WIDEST = 1000, 6, 500  # characters of a text, folds of a value, things in one

Event = dict[str, Any]


def read(line: bytes) -> Event:
    """Reads an event with the fields that it has to have. Raises ValueError, which says what is wrong."""
    if len(line) > LARGEST_LINE:
        raise ValueError(f"it has {len(line)} bytes, more than {LARGEST_LINE}")
    try:
        event = json.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(event, dict):
        raise ValueError("it is no object")
    kind = event.get("event")
    fields = FIELDS.get(kind, {}) if isinstance(kind, str) else {}
    return {**event, **{name: take(name, event.get(name)) for name, take in fields.items()}}


def counts(event: Event) -> dict[str, Any]:
    """Gives what a run's row keeps of its start: without what pages and plots could not show."""
    found = {name: _plain(value) for name, value in list(event.items())[:WIDEST] if name not in ("event", "time")}
    return {name: value for name, value in found.items() if KINDS.get(name, _any)(value)}


# --- What an event has to have ----------------------------------------------------------------------------------------


def _whole(name: str, value: object) -> int:
    if not _is_whole(value) or not 0 <= value <= MOST:  # type: ignore[operator]
        raise ValueError(f"{name} is {str(value)[:80]!r}; it must be a whole number from 0 to {MOST}")
    return value  # type: ignore[return-value]


def _steps(name: str, value: object) -> int:
    return 0 if value is None else _whole(name, value)  # a head's start names none


def _every(name: str, value: object) -> int:
    return max(1, _whole(name, value))


def _number(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        if isinstance(value, float):  # a loss that is none is a gap in the curve
            return None
        raise ValueError(f"{name} is {str(value)[:80]!r}; it must be a number")
    return float(value)


def _phase(name: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 30 or not value.isprintable():
        raise ValueError(f"{name} is {str(value)[:80]!r}; it must be a word")
    return value


FIELDS: Mapping[str, Mapping[str, Callable[[str, object], Any]]] = {
    "start": {"total_steps": _steps},
    "phase": {"phase": _phase},
    "progress": {"phase": _phase, "done": _whole, "total": _whole},
    "step": {"step": _whole, "total_steps": _whole, "loss": _number},
    "validation": {
        "step": _whole, "every": _every, "log_loss": _number, "accuracy": _number,
        "flag_log_loss": _number, "flag_accuracy": _number,
    },
}  # fmt: skip


# --- What a start may say ---------------------------------------------------------------------------------------------


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return _is_whole(value) and 0 <= value <= MOST_BYTES  # type: ignore[operator]


def _are_counts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_count, value.values()))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _any(value: object) -> bool:
    return True


KINDS: Mapping[str, Callable[[object], bool]] = {
    **dict.fromkeys(("n_prompts", "dropped_by_reason"), _are_counts),
    **dict.fromkeys(
        ("total_steps", "n_completions", "n_comparisons", "n_ties", "n_alike", "n_rewrites", "dropped", "truncated",
         "truncated_completions", "rewritten", "processes", "token_budget", "needed_bytes", "memory_bytes"),
        _is_count,
    ),
    **dict.fromkeys(("device", "device_name", "dtype", "fingerprint"), _is_text),
    "config": lambda value: isinstance(value, dict),
}  # fmt: skip


def _plain(value: Any, depth: int = 0) -> Any:
    """Gives a value as the database takes it: numbers that are none, and what is too long or too deep, are nothing."""
    if isinstance(value, str):
        return value.replace("\0", "")[:LONGEST]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if _is_whole(value):
        return value if abs(value) <= MOST_BYTES else None
    if not isinstance(value, list | dict):
        return value
    if depth >= DEEPEST:
        return None
    if isinstance(value, list):
        return [_plain(each, depth + 1) for each in value[:WIDEST]]
    return {_plain(name): _plain(each, depth + 1) for name, each in list(value.items())[:WIDEST]}
